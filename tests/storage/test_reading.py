"""Only plain files are opened, no more is read than was said, and JSON of any form is a value or an error of ours."""

import json
import os
import sys
from pathlib import Path

import pytest

from maskscope.errors import ConfigError, FileFormatError
from maskscope.storage import parse_json, read_json, read_plain, read_plain_json, user_path, write_json

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX")


def test_a_plain_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_plain(tmp_path / "a", most=5) == b"12345"
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_plain(tmp_path / "link", most=5) == b"12345"
    with pytest.raises(FileFormatError, match=r"a has 5 bytes, too many: .* at most 4\. Delete it\.$"):
        read_plain(tmp_path / "a", most=4, cure="Delete it.")


def test_a_file_of_a_petabyte_is_not_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(FileFormatError, match="1,099,511,627,776 bytes, too many"):
        read_plain(tmp_path / "a", most=2**20)


@posix
def test_what_is_no_plain_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a named pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(FileFormatError, match=f"Cannot read {path}: it is {kind}; a plain file was expected"):
            read_plain(path, most=100)
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(FileFormatError, match="it is a device"):
        read_plain(tmp_path / "zero", most=100)


def test_missing_and_impossible_names(tmp_path):
    with pytest.raises(FileFormatError, match="Cannot read .*absent: No such file"):
        read_plain(tmp_path / "absent", most=100)
    with pytest.raises(FileFormatError, match="NUL character"):
        read_plain(tmp_path / "a\0b", most=100)
    with pytest.raises(FileFormatError, match="no file has such a name"):
        read_plain(Path("a\ud800"), most=100)
    with pytest.raises(FileFormatError, match="too long"):
        read_plain(tmp_path / ("n" * 300), most=100)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux")
def test_a_file_that_lies_about_its_size():
    with pytest.raises(FileFormatError, match="Cannot read /proc/self/mem"):
        read_plain(Path("/proc/self/mem"), most=100)
    with pytest.raises(FileFormatError, match="does not have the 0 bytes that it says it has"):
        read_plain(Path("/proc/self/status"), most=100)


def test_json_with_and_without_a_byte_order_mark():
    assert parse_json(b'{"a": [1, 2.5, null, "\\u00fc"]}', source="x") == {"a": [1, 2.5, None, "ü"]}
    assert parse_json(b"\xef\xbb\xbf[]", source="x") == []
    assert parse_json('"\\ud83d\\ude00"', source="x") == "😀"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON, or it is cut short"),
        (b'{"a": 1', "cut short"),
        (b"[NaN]", "NaN is no number"),
        (b"-Infinity", "-Infinity is no number"),
        (b"1e999", "too large a number"),
        (b"9" * 5000, "no JSON"),
        (b"\x7fELF\xff", "byte 4 is not UTF-8"),
        ("[]".encode("utf-16"), "It is UTF-16: save it as UTF-8"),
        (b'"\\ud800"', "half a character"),
        (b"[" + b"[]," * 500_000 + b"1]", "more than 2,000,000 values, or than 500,000 lists"),
        (b"[" + b"1," * 2_000_001 + b"1]", "more than 2,000,000 values"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[" * 129 + b"]" * 129, "at most 128 levels"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_text_that_is_no_json_of_ours(content, message):
    with pytest.raises(FileFormatError, match=rf"^x .*{message}.* Look\.$") as error:
        parse_json(content, source="x", cure="Look.")
    assert len(str(error.value)) < 300


def test_as_deep_as_is_allowed():
    assert parse_json("[" * 128 + "]" * 128, source="x")[0]


@pytest.mark.parametrize(
    "content", ["[]", "null", "3", '"x"', "{}", '{"body": 1}', '{"sha256": null, "body": [1e400]}', "[" * 5000]
)
def test_a_json_file_of_odd_shape(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(FileFormatError, match=r"record\.json .*Delete it"):
        read_json(tmp_path / "record.json")


def test_a_json_file_of_ours_survives_being_written_again_by_another_program(tmp_path):
    write_json(tmp_path / "a", {"a": [0.1, "ü"]})
    (tmp_path / "b").write_text("\ufeff" + json.dumps(json.loads((tmp_path / "a").read_text("utf-8"))), "utf-8")
    assert read_json(tmp_path / "b") == {"a": [0.1, "ü"]}
    assert read_plain_json(tmp_path / "b")["body"] == {"a": [0.1, "ü"]}


def test_a_path_as_the_user_means_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/a b/ü") == tmp_path / "a b" / "ü"
    assert user_path("~") == tmp_path
    assert user_path(Path("a")) == Path("a")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "--out is empty"),
        ("a\0b", r"'a\\x00b', with a NUL"),
        ("a\udcffb", "no text in UTF-8"),
        ("~nobody-of-this-name/x", "knows no home folder"),
        ("x" * 10_000, "cannot be a path: .*name too long"),
        (None, "None of type NoneType; a path was expected"),
        (3, "3 of type int"),
        (b"a", "of type bytes"),
        (["a"], "of type list"),
    ],
)
def test_what_cannot_be_a_path(path, message):
    with pytest.raises(ConfigError, match=rf"^--out is .*{message}|^{message}") as error:
        user_path(path, argument="--out")
    assert len(str(error.value)) < 400
