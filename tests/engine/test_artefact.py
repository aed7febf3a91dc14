"""An artefact is its own files: another's are named, whatever they hold, and what is not its own is passed over."""

import hashlib
import shutil
from itertools import permutations

import pytest

from maskscope.engine.artefact import Artefact, Stage, existing, make
from maskscope.errors import FileFormatError
from maskscope.storage import read_json, write_json

NONE: dict[str, Artefact] = {}


def stage(seed):
    return Stage(f"seed-{seed}-network", "network", 1, {"seed": seed})


def make_one(run, seed, inputs=NONE):
    def work(folder, _checkpoint):
        write_json(folder / "record.json", {"seed": seed})
        (folder / "weights.safetensors").write_text(f"weights of {seed}")

    return make(stage(seed), run, inputs, work, lambda text: None)


@pytest.fixture
def two(tmp_path):
    return make_one(tmp_path, 0), make_one(tmp_path, 1)


def test_what_an_artefact_says_of_itself(two):
    made = read_json(two[0].path / "made.json")
    assert made["artefact"] == two[0].path.name
    content = b"weights of 0"
    assert made["files"]["weights.safetensors"] == {"bytes": 12, "sha256": hashlib.sha256(content).hexdigest()}
    assert list(made["files"]) == ["record.json", "weights.safetensors"]


def test_the_digest_is_that_of_every_byte(two):
    """As it was before files were listed: what was made from an artefact is still known as made from it."""
    whole = hashlib.sha256()
    for file in sorted(two[0].path.iterdir()):
        whole.update(f"{file.name}\0".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    assert two[0].digest == whole.hexdigest()


@pytest.mark.parametrize("name", ["record.json", "weights.safetensors", "made.json"])
def test_a_file_of_another_artefact_is_named(two, tmp_path, name):
    shutil.copy(two[1].path / name, two[0].path / name)
    with pytest.raises(FileFormatError) as caught:
        existing(stage(0), tmp_path, NONE)
    said = (
        "holds the artefact seed-1-network-" if name == "made.json" else f"{name} was altered, or is the file of another artefact"
    )
    assert said in str(caught.value)
    assert str(two[0].path) in str(caught.value)
    assert existing(stage(1), tmp_path, NONE) == two[1]


@pytest.mark.parametrize("old", [False, True])
def test_folders_that_changed_places_are_named(two, tmp_path, old):
    if old:
        before_files_were_listed(*two)
    for mine, other in permutations([one.path for one in two]):
        mine.rename(tmp_path / "aside")
        other.rename(mine)
        (tmp_path / "aside").rename(other)
        said = "one of another settings" if old else f"the artefact {other.name}"
        with pytest.raises(FileFormatError, match=f"{mine.name} holds {said}: it was moved or copied there"):
            existing(stage(int(mine.name[5])), tmp_path, NONE)
        mine.rename(tmp_path / "aside")
        other.rename(mine)
        (tmp_path / "aside").rename(other)


def test_an_artefact_of_other_inputs_is_named(two, tmp_path):
    inputs = {"before": two[0]}
    made = make_one(tmp_path, 2, inputs)
    again = Artefact(two[0].path, "0" * 64)
    shutil.copytree(made.path, stage(2).folder(tmp_path, {"before": again}))
    with pytest.raises(FileFormatError, match=f"holds the artefact {made.path.name}"):
        existing(stage(2), tmp_path, {"before": again})


def before_files_were_listed(*artefacts):
    for one in artefacts:
        made = read_json(one.path / "made.json")
        write_json(one.path / "made.json", {key: value for key, value in made.items() if key not in ("files", "artefact")})


@pytest.mark.parametrize("old", [False, True])
def test_what_is_foreign_is_passed_over(two, tmp_path, old):
    if old:
        before_files_were_listed(two[0])
    before = existing(stage(0), tmp_path, NONE)
    (two[0].path / ".DS_Store").write_text("x")
    (two[0].path / "._weights.safetensors").write_text("x")
    (two[0].path / "notes.txt").write_text("x")
    (two[0].path / "sub").mkdir()
    assert existing(stage(0), tmp_path, NONE) == before


def test_an_artefact_from_before_files_were_listed_is_used(two, tmp_path):
    before_files_were_listed(two[0])
    before = existing(stage(0), tmp_path, NONE)
    (two[0].path / "weights.safetensors").write_text("others")
    assert existing(stage(0), tmp_path, NONE).digest != before.digest, "what was made from it is made again"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: (path / "weights.safetensors").unlink(), "Cannot read .*weights.safetensors: No such file"),
        (lambda path: (path / "weights.safetensors").write_bytes(b""), "weights.safetensors was altered"),
        (lambda path: (path / "made.json").unlink(), "not a whole artefact: it has no made.json"),
        (lambda path: (path / "made.json").write_text("{}"), "made.json is not a maskscope JSON file"),
        (lambda path: write_json(path / "made.json", [1]), "does not describe an artefact"),
        (
            lambda path: write_json(path / "made.json", read_json(path / "made.json") | {"files": ["../x"]}),
            "does not say which files",
        ),
        (lambda path: write_json(path / "made.json", {}), "holds one of another kind, version, settings, from"),
    ],
)
def test_a_damaged_artefact_is_one_clear_error(two, tmp_path, damage, said):
    damage(two[0].path)
    with pytest.raises(FileFormatError, match=said):
        existing(stage(0), tmp_path, NONE)


def test_of_two_makers_of_one_artefact_both_have_the_first(tmp_path):
    first = []

    def work(folder, _checkpoint):
        first.append(make_one(tmp_path, 0))
        (folder / "weights.safetensors").write_text("second")

    assert make(stage(0), tmp_path, NONE, work, lambda text: None) == first[0]
