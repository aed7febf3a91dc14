"""``maskscope data`` as a user types it."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from maskscope.cli.main import main
from maskscope.data import DATASETS
from tests.data.originals import archive, from_server, lay, serving, small_cifar, small_idx


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with a small mnist."""
    row, files = small_idx()
    monkeypatch.setitem(DATASETS, "mnist", row)
    return lay(tmp_path / "mine" / "mnist", files).parent


def fails(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["data", *words])
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["list", "--help"], ["fetch", "--help"], ["check", "--help"]])
def test_help_teaches(words, capsys):
    with suppress(SystemExit):
        main(["data", *words])
    out = capsys.readouterr().out
    assert "cifar100" in out
    assert "--data-dir" in out


def test_list_says_what_is_there_and_where_to_get_the_rest(mine, capsys):
    main(["data", "list", "--data-dir", str(mine)])
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert f"is in {mine / 'mnist'}" in words
    assert f"is not in {mine / 'cifar10'} and not in {mine}" in words
    assert "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz" in out
    main(["data", "list", "mnist", "cifar100", "--data-dir", str(mine), "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["present"]) for row in rows] == [("mnist", True), ("cifar100", False)]


def test_list_of_the_cache(cache, capsys):
    main(["data", "list", "cifar10"])
    assert f"is not in {cache / 'cifar10'}" in " ".join(capsys.readouterr().out.split())


def test_check(mine, capsys):
    main(["data", "check", "--data-dir", str(mine)])
    out = capsys.readouterr().out
    assert "mnist: verified" in out
    assert "train-images-idx3-ubyte as published" in out
    assert "cifar" not in out
    path = mine / "mnist" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    main(["data", "check", "mnist", "--data-dir", str(mine)])
    out = capsys.readouterr().out
    assert "mnist: unverified copy" in out
    assert "t10k-images-idx3-ubyte  differs: MD5" in out
    main(["data", "check", "mnist", "--data-dir", str(mine), "--json"])
    (report,) = json.loads(capsys.readouterr().out)
    assert report["verified"] is False
    assert report["train"] == [6, 1, 5, 3]
    assert [file["name"] for file in report["files"] if file["md5"] != file["published_md5"]] == ["t10k-images-idx3-ubyte"]


def test_fetch(tmp_path, cache, capsys, monkeypatch):
    row, files = small_cifar("cifar100")
    with serving({row.downloads[0].file: archive(row.folder, files)}) as server:
        monkeypatch.setitem(DATASETS, "cifar100", from_server(row, server))
        main(["data", "fetch", "cifar100"])
        assert f"cifar100 is in {cache / 'cifar100'}" in capsys.readouterr().out
        main(["data", "fetch", "cifar100", "--data-dir", str(tmp_path), "--json"])
        assert json.loads(capsys.readouterr().out) == {"cifar100": str(tmp_path / "cifar100")}
        monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path))
        main(["data", "fetch", "cifar100"])
        assert "MASKSCOPE_DATA is set" in capsys.readouterr().out
    main(["data", "check", "cifar100"])
    assert "cifar100: verified" in capsys.readouterr().out


def test_faults(mine, tmp_path, capsys):
    assert "Did you mean 'list'" in fails(capsys, "lst")
    assert "Did you mean 'mnist'" in fails(capsys, "check", "minst", "--data-dir", str(mine))
    assert "Name what to download" in fails(capsys, "fetch")
    assert "does not exist" in fails(capsys, "list", "--data-dir", str(tmp_path / "absent"))
    assert "MD5 c58f30108f718f92721af3b95e74349a" in fails(capsys, "check", "cifar10", "--data-dir", str(mine))
    (tmp_path / "empty").mkdir()
    assert "There is no data set in" in fails(capsys, "check", "--data-dir", str(tmp_path / "empty"))


def test_export_writes_questions_in_the_layout_of_the_archive(tmp_path, capsys):
    words = ["data", "export", "mathematics", "--module", "sort", "--questions", "30", "--held-out", "5", "--out", str(tmp_path)]
    main([*words, "--json"])
    lines = json.loads(capsys.readouterr().out)
    assert {Path(path).parent.name: count for path, count in lines.items()} == {
        **{f"train-{level}": 60 for level in ("easy", "medium", "hard")},
        **{f"test-{level}": 10 for level in ("easy", "medium", "hard")},
        "interpolate": 10,
    }
    assert all(Path(path).name == "comparison__sort.txt" for path in lines)
    assert "scan" in fails(capsys, "export", "words")


def test_export_writes_the_published_files_of_scan(tmp_path, capsys):
    main(["data", "export", "scan", "--split", "addprim_jump", "--out", str(tmp_path), "--json"])
    counts = json.loads(capsys.readouterr().out)
    assert list(counts.values()) == [14_670, 7_706]
    for path, count in counts.items():
        assert Path(path).read_text().count("\nIN: ") == count - 1
    (tmp_path / "file").write_text("")
    assert "--out" in fails(capsys, "export", "scan", "--out", str(tmp_path / "file"))
