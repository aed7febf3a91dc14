"""Pickles that would run something: none of them does, and each is refused by name.

The attack is an ``eval`` or ``system`` that leaves a file behind. Where it can be done, the usual reader is shown to fall for the
same bytes, so that a file that is not there means something.
"""

import copyreg
import os
import pickle
import sys

import numpy as np
import pytest

from maskscope.data.batches import read_batch
from maskscope.data.pickles import read_pickle
from maskscope.errors import FileFormatError
from tests.data.originals import batch


class Attack:
    def __init__(self, function, argument):
        self.function, self.argument = function, argument

    def __reduce__(self):
        return self.function, (self.argument,)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "it-ran"


def falls_for(content, mark):
    """The usual reader runs it."""
    pickle.loads(content)
    ran = mark.exists()
    mark.unlink(missing_ok=True)
    return ran


def refused(content, mark, says):
    with pytest.raises(FileFormatError, match=says) as caught:
        read_batch(content, source="the file", count=4, shape=(3, 32, 32), label_key="labels", classes=10)
    assert "It is not a CIFAR batch and was not executed." in str(caught.value)
    assert not mark.exists()


def code(mark):
    return f"open({str(mark)!r}, 'w').close()"


ENDS_WITH_A_NAME = r"names '.*(system|eval|exec)', which no array needs. It was not run"


def test_system_by_global_and_reduce(mark):
    content = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode()
    assert sys.platform != "linux" or falls_for(content, mark)
    refused(content, mark, "names 'posix.system'")


def test_eval_by_inst_and_obj(mark):
    argument = f'S"{code(mark)}"\n'.encode()
    for content in (b"(" + argument + b"ibuiltins\neval\n.", b"(cbuiltins\neval\n" + argument + b"o."):
        assert falls_for(content, mark)
        refused(content, mark, ENDS_WITH_A_NAME)
    refused(b"(" + argument + b"i__builtin__\neval\n.", mark, ENDS_WITH_A_NAME)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("where", ["values", "labels", "keys", "inside the array"])
def test_nested_in_an_honest_batch(mark, protocol, where):
    attack = Attack(eval, code(mark))
    record = batch(4)
    if where == "values":
        record[b"more"] = [1, {"deep": (attack,)}]
    elif where == "labels":
        record[b"labels"][2] = attack
    elif where == "keys":
        record = {attack: 1, **record}
    else:
        record[b"data"] = np.array([attack], dtype=object)
    content = pickle.dumps(record, protocol=protocol)
    assert falls_for(content, mark)
    refused(content, mark, ENDS_WITH_A_NAME)


@pytest.mark.parametrize("function", [os.system, exec])
def test_other_functions(mark, function):
    content = pickle.dumps(Attack(function, f"touch {mark}" if function is os.system else code(mark)))
    assert falls_for(content, mark)
    refused(content, mark, ENDS_WITH_A_NAME)


@pytest.mark.parametrize("content", [b"Psome id\n.", b"\x80\x04\x8c\x02idQ."])
def test_persistent_ids(mark, content):
    refused(content, mark, "refers to 'some id' outside itself|refers to 'id' outside itself")


def test_a_registered_extension_by_number(mark):
    number = 0xF1
    copyreg.add_extension("builtins", "eval", number)
    try:
        content = b"\x80\x02\x82" + bytes([number]) + f'S"{code(mark)}"\n'.encode() + b"\x85R."
        assert falls_for(content, mark)  # and now the registry has eval itself in its cache
        refused(content, mark, "names the extension of number 241")
    finally:
        copyreg.remove_extension("builtins", "eval", number)


@pytest.mark.parametrize(
    "name",
    [
        "numpy\nload",
        "numpy.core.multiarray\nfromstring",
        "numpy\nndarray.__class__",
        "builtins\ngetattr",
        "_codecs\ndecode",
        "os\npopen",
    ],
)
def test_every_other_name_is_refused_also_of_numpy(mark, name):
    module, _, attribute = name.partition("\n")
    for content in (f"c{name}\n.".encode(), pickle.PROTO + b"\x04" + _text(module) + _text(attribute) + b"\x93."):
        refused(content, mark, f"names '{module}.{attribute}', which no array needs")


def _text(word):
    return b"\x8c" + bytes([len(word)]) + word.encode()


@pytest.mark.parametrize("name", ["numpy\nndarray", "numpy\ndtype", "_codecs\nencode", "numpy._core.multiarray\n_reconstruct"])
def test_stand_ins_are_not_what_they_stand_for_and_cannot_be_changed(mark, name):
    stand_in = read_pickle(f"c{name}\n.".encode(), source="the file")
    assert type(stand_in).__module__ == "maskscope.data.recorded"
    assert not isinstance(stand_in, type)
    for state in (b"}S'x'\nK\x01s", b"N}S'_name'\nS'dtype'\ns\x86"):
        refused(f"c{name}\n".encode() + state + b"b.", mark, "a state for .*, which has none")
    refused(f"c{name}\n".encode() + b"\x80\x02)\x81.", mark, "is no pickle, or it is cut short")
    again = read_pickle(pickle.dumps(np.eye(2, dtype=np.uint8)), source="the file")
    assert np.array_equal(again.values(), np.eye(2))


def test_stand_ins_called_in_other_ways(mark):
    refused(b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", mark, "encode called with 2 values")
    refused(b"cnumpy\nndarray\n(K\x03tR.", mark, "ndarray called with 1 values")
    refused(b"cnumpy\ndtype\n(tR.", mark, "dtype called with 0 values")
    refused(b"cnumpy._core.multiarray\n_reconstruct\n(tRK\x05b.", mark, "an array is described by")


def test_memory_that_is_not_there_is_a_fault_like_others(mark):
    refused(b"\x80\x05\x96" + (2**62).to_bytes(8, "little") + b".", mark, "is no pickle, or it is cut short")
    refused(b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".", mark, "is no pickle, or it is cut short")


def test_a_long_name_is_shortened():
    with pytest.raises(FileFormatError) as caught:
        read_pickle(b"c" + b"m" * 5000 + b"\nname\n.", source="the file")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo for two thousand million values, in nine bytes
        b"N" * 30_000 + b".",
        b"(" * 30_000 + b".",
        b"N" + b"\x85" * 9_000 + b".",  # thousands of tuples in one another
        b"}" + b"N" + b"\x85" + b"2\x86" * 60 + b"Ns.",  # a key whose hash takes 2 ** 60 steps
        b"]" + b"2\x86" * 60 + b".",  # a value whose description would take as many
        b"cnumpy\ndtype\n]" + b"2\x86" * 60 + b"\x85R.",
        b"\x80\x02X\x40\x42\x0f\0" + b"a" * 1_000_000 + b"q\0" + b"c_codecs\nencode\nh\0X\6\0\0\0latin1\x86R" * 100 + b".",
        b"I" + b"9" * 5000 + b"\n.",
        b"ccopyreg\n__newobj__\n.",
        b"h\5.",
        b"N" + b"\x87.",
        b"e.",
        b"Na.",
        b"Nb.",
        b"NNR.",
        b"NN\x93.",
        b"\x8f.",
        b"S'x\n.",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_little_that_asks_for_much_is_refused(content, monkeypatch):
    monkeypatch.setattr("maskscope.data.pickles._MOST_STEPS", 10_000)
    with pytest.raises(FileFormatError, match="the file .*") as caught:
        read_batch(content, source="the file", count=4, shape=(3, 32, 32), label_key="labels", classes=10)
    assert len(str(caught.value)) < 500


def test_an_array_with_sizes_of_millions_of_digits_is_refused():
    huge = b"\x8b" + (300_000).to_bytes(4, "little") + b"\x7f" * 300_000
    array = b"cnumpy._core.multiarray\n_reconstruct\n)R(K\x01" + huge + huge + b"\x86cnumpy\ndtype\nX\2\0\0\0u1\x85R\x89C\1xtb"
    content = b"}(X\4\0\0\0data" + array + b"X\6\0\0\0labels]u."
    with pytest.raises(FileFormatError, match=r"'data' has shape .*; expected two sizes"):
        read_batch(content, source="the file", count=4, shape=(3, 32, 32), label_key="labels", classes=10)
    content = pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10**5000]})
    with pytest.raises(FileFormatError, match=r"label 0 is a int; expected 0 to 9"):
        read_batch(content, source="the file", count=1, shape=(3, 32, 32), label_key="labels", classes=10)


def test_strings_of_python_2_in_its_first_protocol():
    assert read_pickle(b"(dp0\nS'a\\xff\\n'\np1\n(lp2\nI3\nag1\nas.", source="the file") == {b"a\xff\n": [3, b"a\xff\n"]}
