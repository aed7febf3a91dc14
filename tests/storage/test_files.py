"""Files that are whole or absent."""

import errno
import math
import os
import subprocess
import sys

import pytest
import torch

from maskscope.errors import FileFormatError, RunFolderError
from maskscope.storage import (
    canonical_json,
    digest,
    pack_tensors,
    read_json,
    remove_leftovers,
    tensor_digest,
    unpack_tensors,
    write_bytes,
    write_folder,
    write_json,
)
from maskscope.storage.atomic import unfinished_name


def test_json_round_trip_and_what_is_undefined_is_null(tmp_path):
    write_json(tmp_path / "r.json", {"b": [1, math.nan, math.inf], "a": (0.1, "ü")})
    assert read_json(tmp_path / "r.json") == {"a": [0.1, "ü"], "b": [1, None, None]}


@pytest.mark.parametrize(
    "change", [lambda t: t.replace("17", "18"), lambda t: t[:-3], lambda t: "", lambda t: '{"body": 1}', lambda t: "[]"]
)
def test_altered_json_is_an_error(tmp_path, change):
    path = tmp_path / "r.json"
    write_json(path, {"value": 17})
    path.write_text(change(path.read_text()))
    with pytest.raises(FileFormatError, match=r"altered|cut short"):
        read_json(path)
    with pytest.raises(FileFormatError, match="no file"):
        read_json(tmp_path / "absent.json")


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": 1, "a": [1.0, "é"]}) == '{"a":[1.0,"\\u00e9"],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(math.nan)


def test_tensor_digest_sees_values_shape_and_kind():
    base = torch.arange(6.0)
    assert tensor_digest(base) == tensor_digest(base.clone())
    assert tensor_digest(base.view(2, 3).T) == tensor_digest(base.view(2, 3).T.contiguous())
    others = [base + 1, base.view(2, 3), base.double(), base.to(torch.bfloat16), torch.zeros(0)]
    assert len({tensor_digest(x) for x in [base, *others]}) == 6


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with write_folder(tmp_path / "done") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "done").exists()
    assert (tmp_path / "done" / "a").read_text() == "1"

    def fail():
        with write_folder(tmp_path / "failed") as folder:
            (folder / "a").write_text("1")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    """What a dead process left goes; what a living one writes, what another machine left, and a user's own stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = f"{process.pid}-00000000-00000000"
    own = unfinished_name(tmp_path / "x").name
    host = own.split("-")[1]
    (tmp_path / f".x.unfinished-{host}-{dead}").write_text("")
    (tmp_path / f".y.unfinished-{host}-{dead}").mkdir()
    (tmp_path / f".z.unfinished-{host}-{os.getpid()}-00000000-00000000").mkdir()  # of an earlier process of this number
    below = tmp_path / "below"
    kept = [
        tmp_path / own,
        tmp_path / f".x.unfinished-{host}-{os.getppid()}-00000000-00000000",
        tmp_path / f".x.unfinished-00000000-{dead}",
        tmp_path / "my.unfinished-thesis.txt",
        tmp_path / f"x.unfinished-{host}-{dead}",
        tmp_path / f".x.unfinished-{host}-{dead}.txt",
        below / f".x.unfinished-{host}-{dead}",
    ]
    below.mkdir()
    for path in kept:
        path.write_text("dear")
    remove_leftovers(tmp_path)
    assert {*tmp_path.rglob("*")} == {below, *kept}
    remove_leftovers(tmp_path / "absent")


def test_of_two_makers_of_one_folder_the_first_stays(tmp_path):
    with write_folder(tmp_path / "x") as mine:
        (mine / "a").write_text("second")
        with write_folder(tmp_path / "x") as theirs:
            (theirs / "a").write_text("first")
    assert (tmp_path / "x" / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_long_name_has_room_for_its_unfinished_file(tmp_path):
    path = tmp_path / ("ü" * 127)
    write_bytes(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="Cannot write .*--out"):
        write_bytes(tmp_path / "file" / "x", b"")


@pytest.mark.parametrize("unknown", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_knows_no_fsync(tmp_path, monkeypatch, unknown):
    def fsync(handle):
        raise OSError(unknown, "not known here")

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "a", b"1")
    with write_folder(tmp_path / "b") as folder:
        (folder / "c").write_bytes(b"2")
    assert [(tmp_path / "a").read_bytes(), (tmp_path / "b" / "c").read_bytes()] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EIO, "Name a folder that you may write to"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOSPC, "disk is full"),
    ],
)
def test_a_write_that_fails_says_why_and_keeps_the_old(tmp_path, monkeypatch, number, message):
    write_bytes(tmp_path / "a", b"old")

    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunFolderError, match=message):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_weights_under_two_names_are_written_under_both():
    tied = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.Linear(2, 3, bias=False))
    tied[1].weight = tied[0].weight
    tensors, _ = unpack_tensors(pack_tensors(tied.state_dict(), kind="weights", metadata={}), kind="weights", source="memory")
    assert tensors.keys() == tied.state_dict().keys()
    assert all(torch.equal(tensors[name], tied[0].weight) for name in tensors)


def test_a_tensor_file_of_another_kind_or_with_bytes_that_are_no_bool(tmp_path):
    content = pack_tensors({"w": torch.tensor([True, False])}, kind="weights", metadata={})
    with pytest.raises(FileFormatError, match="holds a 'weights'; a 'logits' was expected"):
        unpack_tensors(content, kind="logits", source="x")
    with pytest.raises(FileFormatError, match="neither true nor false"):
        unpack_tensors(content[:-2] + b"\2\0", kind="weights", source="x")


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**31, 40 * 2**20, 9, 1, 0])
def test_a_header_that_lies_about_its_length(length):
    content = length.to_bytes(8, "little") + pack_tensors({"w": torch.ones(2)}, kind="weights", metadata={})[8:]
    with pytest.raises(FileFormatError, match="not a maskscope tensor file"):
        unpack_tensors(content, kind="weights", source="x")
