"""Downloads from a server on this machine that breaks off, goes on, lies, and is not there."""

import gzip
import hashlib
import io
import sys
from dataclasses import replace

import pytest

from maskscope.data import DATASETS, fetch, load_images
from maskscope.errors import DataError, UnknownNameError
from tests.data.originals import archive, from_server, packed, serving, small_cifar, small_idx


@pytest.fixture
def told():
    return []


@pytest.fixture
def served(monkeypatch):
    """A small cifar10 on a server: an archive of one file."""
    row, files = small_cifar()
    name = row.downloads[0].file
    with serving({name: archive(row.folder, files)}) as server:
        monkeypatch.setitem(DATASETS, "cifar10", from_server(row, server))
        server.name, server.content = name, server.files[name]
        server.digest = hashlib.sha256(b"".join(files.values())).hexdigest()
        yield server


def test_what_is_missing_is_downloaded_into_the_cache_once(served, cache, told):
    found = load_images("cifar10", announce=told.append)
    assert found.verified
    assert found.digest == served.digest
    assert (cache / "cifar10" / served.name).read_bytes() == served.content
    assert any(served.address in line for line in told)
    assert load_images("cifar10", announce=told.append).digest == served.digest
    assert fetch("cifar10", announce=told.append) == cache / "cifar10"
    assert "is there already" in told[-1]
    assert served.asked == [(served.name, None)]


def test_four_files_into_a_folder_that_is_named(tmp_path, monkeypatch, told):
    row, files = small_idx("fashion-mnist")
    with serving(packed(files)) as server:
        monkeypatch.setitem(DATASETS, row.name, from_server(row, server))
        assert fetch(row.name, tmp_path, announce=told.append) == tmp_path / row.name
    assert load_images(row.name, tmp_path).verified


def test_what_breaks_off_goes_on_at_once(served, told):
    served.stop_after = [1000, 500]
    assert load_images("cifar10", announce=told.append).verified
    assert served.asked == [(served.name, None), (served.name, "bytes=1000-"), (served.name, "bytes=1500-")]


def test_what_stays_broken_off_is_kept_and_the_next_command_goes_on(served, cache, told):
    served.stop_after = [1000, 0, 0]
    with pytest.raises(DataError, match="after 1,000 of .* bytes.*the same command goes on from there") as caught:
        load_images("cifar10", announce=told.append)
    assert f"{served.address}/{served.name}   MD5 {DATASETS['cifar10'].downloads[0].md5}" in str(caught.value)
    part = cache / "cifar10" / f"{served.name}.part"
    assert part.read_bytes() == served.content[:1000]
    assert not (cache / "cifar10" / served.name).exists()
    served.stop_after, served.asked = [], []
    assert load_images("cifar10", announce=told.append).verified
    assert served.asked == [(served.name, "bytes=1000-")]
    assert any("goes on with" in line for line in told)
    assert not part.exists()


def test_a_server_that_cannot_go_on_starts_again(served, cache, told):
    (cache / "cifar10").mkdir(parents=True)
    (cache / "cifar10" / f"{served.name}.part").write_bytes(served.content[:1000])
    served.ranges = False
    assert load_images("cifar10", announce=told.append).verified
    assert served.asked == [(served.name, "bytes=1000-")]


@pytest.mark.parametrize("part", ["whole", "too long", "of something else"])
def test_parts_of_an_earlier_time(served, cache, told, part):
    content = {"whole": served.content, "too long": served.content + b"more", "of something else": bytes(1000)}[part]
    (cache / "cifar10").mkdir(parents=True)
    (cache / "cifar10" / f"{served.name}.part").write_bytes(content)
    assert load_images("cifar10", announce=told.append).verified
    assert len(served.asked) == (1 if part == "whole" else 2)


def test_another_file_than_the_published_one_is_not_kept(served, cache, told):
    served.files[served.name] = b"<html>please log in</html>"
    with pytest.raises(DataError, match="is not the published file .*was removed"):
        load_images("cifar10", announce=told.append)
    assert [path.name for path in (cache / "cifar10").iterdir() if path.name != ".fetch.lock"] == []


def test_errors_of_the_server_and_no_server(served, cache, told, monkeypatch):
    served.files = {}
    with pytest.raises(DataError, match="404"):
        load_images("cifar10", announce=told.append)
    nowhere = replace(DATASETS["cifar10"].downloads[0], address="http://127.0.0.1:9/some.tar.gz")
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], downloads=(nowhere,)))
    with pytest.raises(DataError) as caught:
        load_images("cifar10", announce=told.append)
    for part in ("could not begin", nowhere.address, nowhere.md5, str(cache / "cifar10"), "--data-dir", "MASKSCOPE_DATA"):
        assert part in str(caught.value)


def test_a_damaged_file_is_replaced_in_the_cache_but_never_in_a_named_folder(served, cache, tmp_path, told):
    for folder in (cache, tmp_path / "mine"):
        (folder / "cifar10").mkdir(parents=True)
        (folder / "cifar10" / served.name).write_bytes(b"damaged")
    fetch("cifar10", announce=told.append)
    assert (cache / "cifar10" / served.name).read_bytes() == served.content
    with pytest.raises(DataError, match="not the published file .*It was not touched"):
        fetch("cifar10", tmp_path / "mine", announce=told.append)
    assert (tmp_path / "mine" / "cifar10" / served.name).read_bytes() == b"damaged"


def test_published_content_compressed_anew_is_left_alone(tmp_path, monkeypatch, told):
    row, files = small_idx()
    again = {f"{name}.gz": gzip.compress(content, compresslevel=1, mtime=5) for name, content in files.items()}
    with serving(packed(files)) as server:
        monkeypatch.setitem(DATASETS, "mnist", from_server(row, server))
        for name, content in again.items():
            (tmp_path / "mnist").mkdir(exist_ok=True)
            (tmp_path / "mnist" / name).write_bytes(content)
        fetch("mnist", tmp_path, announce=told.append)
        assert server.asked == []
    assert load_images("mnist", tmp_path).verified


def test_a_folder_that_cannot_be_written(tmp_path, told):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="Cannot write into .*--data-dir"):
        fetch("mnist", tmp_path / "file", announce=told.append)
    with pytest.raises(UnknownNameError):
        fetch("minst", announce=told.append)


def test_a_bar_on_a_terminal_only(served, capsys, told, monkeypatch, tmp_path):
    fetch("cifar10", announce=told.append)
    assert capsys.readouterr().err == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fetch("cifar10", tmp_path, announce=told.append)
    assert served.name in terminal.getvalue()


@pytest.mark.parametrize("announced", [True, False])
def test_a_download_without_an_end_is_given_up_and_nothing_of_it_kept(served, cache, told, monkeypatch, announced):
    monkeypatch.setattr("maskscope.data.download.LIMIT", 10_000)
    served.files[served.name] = bytes(2_000_000)
    served.says_length = announced
    why = "the server announces 2,000,000 bytes" if announced else "more than 10,000 bytes have come"
    with pytest.raises(DataError, match=f"given up: {why}; the file has at most 10,000"):
        load_images("cifar10", announce=told.append)
    assert [path.name for path in (cache / "cifar10").iterdir()] == [".fetch.lock"]
    assert len(served.asked) == 1


def test_a_download_makes_no_file_but_its_part(served, cache, told):
    served.stop_after = [1000, 0, 0]
    with pytest.raises(DataError, match="goes on from there"):
        load_images("cifar10", announce=told.append)
    assert {path.name for path in (cache / "cifar10").iterdir()} == {".fetch.lock", f"{served.name}.part"}
