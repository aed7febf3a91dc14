"""Files that are whole or absent."""

import math

import pytest
import torch

from maskscope.errors import FileFormatError, RunFolderError
from maskscope.storage import (
    canonical_json,
    digest,
    read_json,
    remove_leftovers,
    tensor_digest,
    write_bytes,
    write_folder,
    write_json,
)


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
    (tmp_path / "keep").write_text("")
    (tmp_path / ".x.unfinished-1").write_text("")
    (tmp_path / ".y.unfinished-2").mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="Cannot write .*--out"):
        write_bytes(tmp_path / "file" / "x", b"")
