"""The published layout, read and written: what is dropped, what becomes the test, and every fault of an archive."""

import numpy as np
import pytest

from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.tasks.mathematics import LEVELS, MODULES, Question, digest_of, generate_questions, read_archive, write_archive

NAMES = ("train-easy", "train-medium", "train-hard", "interpolate")


def lines(items):
    return "".join(f"{question}\n{answer}\n" for question, answer in items)


def questions(first, count):
    return [Question(f"{number} + 1", str(number + 1)) for number in range(first, first + count)]


@pytest.fixture
def archive(tmp_path):
    """Thirty questions of each level; the first three of a level are in the level before, too."""
    for place, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        (tmp_path / name / "arithmetic__add_or_sub.txt").write_text(lines(questions(27 * place, 30)))
    return tmp_path


def test_what_was_seen_in_an_easier_level_is_dropped(archive):
    found = read_archive(archive, "add_or_sub", test_items=5)
    assert found.module == "add_or_sub"
    assert {level: len(items) for level, items in found.train.items()} == {"easy": 25, "medium": 22, "hard": 22}
    assert {level: len(items) for level, items in found.test.items()} == {"easy": 5, "medium": 5, "hard": 5, "interpolate": 27}
    every = [*sum(found.train.values(), ()), *sum(found.test.values(), ())]
    assert sorted(every) == sorted(questions(0, 30 + 3 * 27))


def test_a_question_twice_in_one_file_is_read_once(archive):
    path = archive / "train-easy" / "arithmetic__add_or_sub.txt"
    path.write_text(path.read_text() + "0 + 1\n1\n")
    found = read_archive(archive, "add_or_sub", test_items=5)
    assert sorted([*found.train["easy"], *found.test["easy"]]) == sorted(questions(0, 30))


def test_the_test_is_chosen_by_numpys_old_generator(archive):
    found = read_archive(archive, "add_or_sub", test_items=5, seed=7)
    chosen = sorted(np.random.RandomState(7).choice(30, 5, replace=False))
    assert found.test["easy"] == tuple(questions(0, 30)[place] for place in chosen)
    assert found == read_archive(archive, "add_or_sub", test_items=5, seed=7)
    assert found != read_archive(archive, "add_or_sub", test_items=5)


def test_the_folder_may_be_the_one_that_holds_the_archive(archive, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    archive.rename(outer / "mathematics_dataset-v1.0")
    inner = outer / "mathematics_dataset-v1.0"
    assert read_archive(outer, "add_or_sub", test_items=5) == read_archive(inner, "add_or_sub", test_items=5)


def test_line_ends_of_another_system_are_read(archive):
    expected = read_archive(archive, "add_or_sub", test_items=5)
    for name in NAMES:
        path = archive / name / "arithmetic__add_or_sub.txt"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_archive(archive, "add_or_sub", test_items=5) == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"1 + 1\n2\n1 + 2\n", "line 3: a question without an answer, in an odd number of lines"),
        (b"1 + 1\n\n1 + 2\n3\n", "line 2: the answer is empty"),
        (b"1 + 1\n2\n \n3\n", "line 3: the question is empty"),
        (b"1 + \xff\n2\n", "byte 4 is not UTF-8"),
        (b"1" * 161 + b"\n2\n", "line 1: the question has 161 characters, more than 160"),
        (b"1 + 1\n" + b"2" * 31 + b"\n", "line 2: the answer has 31 characters, more than 30"),
    ],
)
def test_a_file_that_is_not_of_the_archive_is_refused(archive, content, fault):
    path = archive / "train-hard" / "arithmetic__add_or_sub.txt"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=f"train-hard.*{fault}.*Unpack this file from the archive again"):
        read_archive(archive, "add_or_sub", test_items=5)


def test_too_few_questions_for_the_test_are_an_error(archive):
    with pytest.raises(FileFormatError, match=r"train-medium.* has 27 questions .*; more than 27 are needed"):
        read_archive(archive, "add_or_sub", test_items=27)
    with pytest.raises(ConfigError, match="-1 of 30 questions cannot become the test"):
        read_archive(archive, "add_or_sub", test_items=-1)


def test_what_is_missing_is_listed(archive):
    for name in ("train-medium", "interpolate"):
        (archive / name / "arithmetic__add_or_sub.txt").unlink()
    (archive / "train-medium").rmdir()
    missing = r"half unpacked\. Missing: train-medium/arithmetic__add_or_sub\.txt, interpolate/arithmetic__add_or_sub\.txt\. "
    with pytest.raises(FileFormatError, match=missing + r"The archive is mathematics_dataset-v1\.0\.tar\.gz, from the public"):
        read_archive(archive, "add_or_sub", test_items=5)
    with pytest.raises(FileFormatError, match="no such folder"):
        read_archive(archive / "nowhere", "add_or_sub")
    with pytest.raises(FileFormatError, match=r"none of the files of this module .*\. Missing: train-easy/algebra__linear_1d"):
        read_archive(archive, "linear_1d")


def test_an_archive_that_is_still_packed_is_said_to_be_so(tmp_path):
    (tmp_path / "mathematics_dataset-v1.0.tar.gz").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"unpack it there, `tar xzf mathematics_dataset-v1\.0\.tar\.gz`"):
        read_archive(tmp_path, "add_or_sub")


def test_there_is_no_other_module(archive):
    with pytest.raises(UnknownNameError, match="no module of the Mathematics Dataset 'sorting'.*Did you mean 'sort'"):
        read_archive(archive, "sorting")


@pytest.mark.parametrize("module", MODULES)
def test_what_is_written_is_in_the_published_layout(tmp_path, module):
    ours = generate_questions(module, 30, 10, seed=1)
    paths = write_archive(ours, tmp_path)
    folders = [*(f"train-{level}" for level in LEVELS), *(f"test-{level}" for level in LEVELS), "interpolate"]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [f"{name}/{MODULES[module]}.txt" for name in folders]
    assert [path.read_text() for path in paths[:3]] == [lines(ours.train[level]) for level in LEVELS]
    assert [path.read_text() for path in paths[3:]] == [lines(ours.test[level]) for level in (*LEVELS, "interpolate")]
    again = read_archive(tmp_path, module, test_items=5)
    for level in LEVELS:
        assert sorted([*again.train[level], *again.test[level]]) == sorted(ours.train[level])
    assert again.test["interpolate"] == ours.test["interpolate"]
    assert digest_of(again) != digest_of(ours)


def test_what_editors_make_of_a_file_is_read(archive):
    expected = read_archive(archive, "add_or_sub", test_items=5)
    path = archive / "train-easy" / "arithmetic__add_or_sub.txt"
    content = path.read_bytes()
    for changed in (b"\xef\xbb\xbf" + content, content + b"\n", content.replace(b"\n", b"\r\n") + b"\r\n"):
        path.write_bytes(changed)
        assert read_archive(archive, "add_or_sub", test_items=5) == expected


def test_a_file_cut_inside_its_last_answer_is_refused(archive):
    path = archive / "interpolate" / "arithmetic__add_or_sub.txt"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(FileFormatError, match="line 60: the last line has no end, so that its answer may be cut short: '11'"):
        read_archive(archive, "add_or_sub", test_items=5)


def test_what_is_no_plain_file_is_refused(archive):
    path = archive / "train-easy" / "arithmetic__add_or_sub.txt"
    path.unlink()
    path.mkdir()
    with pytest.raises(FileFormatError, match="it is a folder; a plain file was expected. Unpack this file"):
        read_archive(archive, "add_or_sub", test_items=5)
    path.rmdir()
    path.symlink_to(archive / "nothing")
    with pytest.raises(FileFormatError, match="Cannot read .*No such file"):
        read_archive(archive, "add_or_sub", test_items=5)
