"""SCAN from its grammar, against the published files: their checksums, their counts, and some of their lines."""

import hashlib
import os

import pytest

from maskscope.errors import FileFormatError, UnknownNameError
from maskscope.tasks.scan_files import as_text, file_names, read_split, write_split
from maskscope.tasks.scan_grammar import SPLITS, Command, Split, every_command, generate_split

# SHA-256 of the lines of each published file (github.com/brendenlake/SCAN, commit c4b756c), sorted bytewise
GOLDEN = {
    "length": (
        (16_990, "7ffb97f45029871c94bede7e723f7a4aa179eb99fe2b977a18283310422c719d"),
        (3_920, "3297fd0b676c391f7bc3a7385aa66a7fdf64f6f8e81ad584810c1d4ebd0eaa2c"),
    ),
    "addprim_jump": (
        (14_670, "0683daacfdce23cf8ed6f5077feda21785e93ac82e0d11363a9280b7b0c6561e"),
        (7_706, "522454c6280eab957dfc4ea9579ef1d780a716ac34df09619970e1d98822d7e2"),
    ),
    "addprim_turn_left": (
        (21_890, "e0c26b51b6bba2658e02d69ad53fc15399842d57356d3551a3ed192bca0f9ad4"),
        (1_208, "14dd6316d16204d2871678ee4bd35aba253416a9b4df36bb6dfdda153d46e549"),
    ),
}


def fingerprint(commands):
    lines = sorted(as_text(commands).encode().splitlines(keepends=True))
    return len(lines), hashlib.sha256(b"".join(lines)).hexdigest()


def test_every_command_is_that_of_the_published_file():
    assert fingerprint(every_command()) == (20_910, "6be4b39bc8bf3a20be810b6991250d0493e608560609db6765dd679e1ed1c98e")


@pytest.mark.parametrize("name", GOLDEN)
def test_every_split_is_that_of_the_published_files(name):
    split = generate_split(name)
    assert (fingerprint(split.train), fingerprint(split.test)) == GOLDEN[name]


def test_a_command_means_what_the_paper_says():
    meaning = {command.words: " ".join(command.actions) for command in every_command()}
    assert meaning["jump around left"] == "I_TURN_LEFT I_JUMP " * 3 + "I_TURN_LEFT I_JUMP"
    assert meaning["turn opposite right"] == "I_TURN_RIGHT I_TURN_RIGHT"
    assert meaning["walk after jump twice"] == "I_JUMP I_JUMP I_WALK"
    assert meaning["look right and run"] == "I_TURN_RIGHT I_LOOK I_RUN"
    assert Command("turn left", ()).holds("left")
    assert not Command("turn left", ()).holds("lef")


def test_a_simple_split_is_a_random_fifth_by_a_seed():
    one, same, other = (generate_split("simple", seed) for seed in (1, 1, 2))
    assert one == same != other
    assert (len(one.train), len(one.test)) == (16_728, 4_182)
    assert sorted(command.words for command in (*one.train, *one.test)) == sorted(c.words for c in every_command())


@pytest.mark.parametrize(("name", "share"), [("length", 0.80), ("addprim_jump", 0.80), ("addprim_turn_left", 0.80)])
def test_four_fifths_of_each_test_part_are_trained_on_in_a_simple_split(name, share):
    seen = {command.words for command in generate_split("simple", 0).train}
    test = generate_split(name).test
    assert sum(command.words in seen for command in test) / len(test) == pytest.approx(share, abs=0.04)


def test_there_is_no_other_split():
    for name in ("jump", "addprim_walk", ""):
        with pytest.raises(UnknownNameError, match=f"no split of SCAN '{name}'.*Known: addprim_jump"):
            generate_split(name)
    assert all(generate_split(name) for name in SPLITS)


def test_what_is_written_is_read_again(tmp_path):
    split = generate_split("addprim_turn_left")
    paths = write_split(split, "addprim_turn_left", tmp_path)
    assert [path.name for path in paths] == list(file_names("addprim_turn_left"))
    assert read_split("addprim_turn_left", tmp_path) == split
    assert (tmp_path / paths[0]).read_text().startswith("IN: walk OUT: I_WALK\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("IN: walk OUT: I_WALK\nwalk I_WALK\n", "line 2 is not of SCAN: it is no 'IN: "),
        ("IN: walk OUT: I_FLY\n", "line 1 is not of SCAN: unknown action 'I_FLY'"),
        ("", "is empty"),
    ],
)
def test_a_file_that_is_not_scan_is_refused(tmp_path, text, fault):
    write_split(Split(tuple(every_command()[:2]), tuple(every_command()[:2])), "simple", tmp_path)
    (tmp_path / "tasks_test_simple.txt").write_text(text)
    with pytest.raises(FileFormatError, match=fault):
        read_split("simple", tmp_path)
    (tmp_path / "tasks_test_simple.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(FileFormatError, match="is no text"):
        read_split("simple", tmp_path)
    (tmp_path / "tasks_test_simple.txt").unlink()
    with pytest.raises(FileFormatError, match=r"Cannot read .*tasks_test_simple.txt"):
        read_split("simple", tmp_path)


SIX = (
    *(Command(verb, (f"I_{verb.upper()}",)) for verb in ("walk", "run", "jump", "look")),
    Command("walk twice", ("I_WALK", "I_WALK")),
    Command("turn left", ("I_TURN_LEFT",)),
)


@pytest.fixture
def published(tmp_path):
    """The folders of the published repository, with two small splits."""
    splits = {
        ("simple_split", "simple"): Split(SIX[:4], SIX[4:]),
        ("add_prim_split", "addprim_jump"): Split(SIX[2:], SIX[:2]),
    }
    for (folder, name), split in splits.items():
        (tmp_path / folder).mkdir()
        write_split(split, name, tmp_path / folder)
    return tmp_path, {name: split for (_, name), split in splits.items()}


def test_the_repository_is_read_as_it_is_cloned(published, tmp_path_factory):
    folder, splits = published
    for name, split in splits.items():
        assert read_split(name, folder) == split
    above = tmp_path_factory.mktemp("above")
    folder.rename(above / "SCAN")
    assert read_split("simple", above) == splits["simple"]
    with pytest.raises(
        FileFormatError, match=r"Cannot read .*tasks_train_length.txt: .*in it there is: SCAN\. .*data export scan"
    ):
        read_split("length", above)
    with pytest.raises(FileFormatError, match="is not there"):
        read_split("length", above / "absent")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content + b"\n\r\n \n",
        lambda content: content.removesuffix(b"\n"),
    ],
    ids=["byte order mark", "line ends", "blank lines at the end", "no last line end"],
)
def test_what_editors_make_of_a_file_of_scan_is_read(published, change):
    folder, splits = published
    for path in folder.glob("*/*.txt"):
        path.write_bytes(change(path.read_bytes()))
    assert read_split("simple", folder) == splits["simple"]


def test_a_file_of_scan_that_is_none(published):
    folder, _ = published
    path = folder / "simple_split" / "tasks_test_simple.txt"
    for content, fault in (
        ("IN: " + "a " * 5000 + "OUT: I_WALK\n", "line 1 is not of SCAN"),
        ("IN: a" + " OUT: a" * 3000 + "  \n", "line 1 is not of SCAN"),
        ("IN: walk OUT: I_WALK\n\nIN: run OUT: I_RUN\n", "line 2 is not of SCAN"),
    ):
        path.write_text(content)
        with pytest.raises(FileFormatError, match=fault):
            read_split("simple", folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileFormatError, match="it is a folder; a plain file was expected"):
        read_split("simple", folder)
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(FileFormatError, match="it is a named pipe"):
            read_split("simple", folder)
