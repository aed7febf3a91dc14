"""The house's law, read from the source itself."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from maskscope.studies import READERS, STUDIES

ROOT = Path(__file__).parent.parent / "src" / "maskscope"
RANKS = [
    {"errors", "signals", "columns"},
    {"storage", "zoo"},
    {"data"},
    {"masks", "tasks"},
    {"training", "analysis", "surgery"},
    {"engine", "exchange"},
    {"procedure"},
    {"atlases"},
    {"report"},
    {"studies"},
    {"cli"},
]
RANK = {package: rank for rank, packages in enumerate(RANKS) for package in packages}
# what `maskscope new` writes is the user's: it trains and keeps networks as users do
FILES = sorted(file for file in ROOT.rglob("*.py") if file.parent.name != "templates")
# what several rooms share; the others in the folder of rooms are rooms
FAMILIES = {"arithmetic", "images", "sequences"}
BELOW_THE_ROOMS = {"engine", "procedure", "report"}
MOST_FILES = 20


def package_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import; write the whole name"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def upward(file: Path) -> list[str]:
    mine = package_of(file)
    if mine == "__init__":
        return []
    faults = []
    for name, line in imports(file):
        parts = name.split(".")
        if parts[0] != "maskscope":
            continue
        theirs = parts[1] if len(parts) > 1 else ""
        if theirs != mine and theirs in RANK and RANK[theirs] >= RANK[mine]:
            faults.append(f"{file.relative_to(ROOT)}:{line}: {mine} may not import {theirs}")
    return faults


def test_every_package_has_a_rank():
    assert {package_of(file) for file in FILES} - {"__init__"} == set(RANK)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_down(file):
    assert not upward(file)


def test_an_import_upwards_would_be_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "masks" / "wrong.py"
    file.parent.mkdir()
    file.write_text("from maskscope.training import fit\nfrom maskscope.storage import digest\n")
    assert upward(file) == ["masks/wrong.py:1: masks may not import training"]


def rooms() -> set[str]:
    return {path.name for path in (ROOT / "studies").iterdir() if path.is_dir() and any(path.glob("*.py"))} - FAMILIES


def names_of_studies() -> set[str]:
    """Those that a string could hold: of studies, as the table has them, and of their rooms."""
    return {*STUDIES, *READERS, *rooms()}


def studies_named(file: Path, names: set[str]) -> list[str]:
    """Where a file below the rooms names a study. A name that is also an English word is only looked for as a whole string."""
    if package_of(file) not in BELOW_THE_ROOMS:
        return []
    found = [(name, line) for name, line in imports(file) if name.startswith("maskscope.studies")]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            found += [(name, node.lineno) for name in names if text == name or (not name.isalpha() and name in text)]
            if "maskscope.studies." in text:
                found.append((text, node.lineno))
    return [f"{file.relative_to(ROOT)}:{line}: {package_of(file)} may not name the study {name}" for name, line in found]


def other_rooms(file: Path, all_rooms: set[str]) -> list[str]:
    """Where a room, or what rooms share, imports a room that is not itself."""
    parts = file.relative_to(ROOT).parts
    if parts[0] != "studies":
        return []
    theirs = [(name.split(".")[2], line) for name, line in imports(file) if name.startswith("maskscope.studies.")]
    return [
        f"{file.relative_to(ROOT)}:{line}: {parts[1]} may not import the room {room}"
        for room, line in theirs
        if room in all_rooms and room != parts[1]
    ]


def crowded() -> list[str]:
    """Folders with too many files; an empty `__init__.py` is none."""
    count = Counter(str(file.parent.relative_to(ROOT)) for file in ROOT.rglob("*.py") if file.stat().st_size)
    return [f"{folder} has {number} files" for folder, number in count.items() if number > MOST_FILES]


def asked_which_study(file: Path) -> list[str]:
    """Where code outside the rooms asks of what type a spec is: which study it belongs to."""
    if package_of(file) == "studies":
        return []
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return [f"{file.relative_to(ROOT)}:{number}" for number, line in lines if ASKED.search(line) and not PLAIN.search(line)]


# whether settings from a file are an object at all, or are those of the study that is to be run, may be asked
ASKED = re.compile(r"isinstance\([^)]*[Ss]pec")
PLAIN = re.compile(r'isinstance\((spec|there\.get\("spec"\)), (dict|self\.spec)\)')


def test_no_floor_below_the_rooms_names_a_study():
    assert [fault for file in FILES for fault in studies_named(file, names_of_studies())] == []


def test_a_room_imports_no_other():
    assert [fault for file in FILES for fault in other_rooms(file, rooms())] == []


def test_folders_can_be_taken_in_at_a_glance():
    assert crowded() == []


def test_nobody_outside_the_rooms_asks_which_study_it_is():
    assert [fault for file in FILES for fault in asked_which_study(file)] == []


def test_offenders_against_these_laws_would_be_found(tmp_path, monkeypatch):
    all_rooms, names = rooms(), names_of_studies()
    assert {"scan", "own", "planted", "class_removal"} <= all_rooms
    monkeypatch.setitem(globals(), "ROOT", tmp_path)

    def file_with(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    naming = file_with(
        "report/wrong.py",
        'from maskscope.studies.scan.spec import ScanSpec\nif name == "scan" or "cifar10-class-removal" in name:\n    pass\n'
        'text = "scan the page"\nROOMS = "maskscope.studies"\nmodule = "maskscope.studies.x"\n',
    )
    assert [fault.split(": ")[0] for fault in sorted(studies_named(naming, names))] == [
        "report/wrong.py:1",
        "report/wrong.py:2",
        "report/wrong.py:2",
        "report/wrong.py:6",
    ]
    importing = file_with(
        "studies/scan/wrong.py",
        "from maskscope.studies.own.spec import OwnSpec\nfrom maskscope.studies.sequences.data import folder_named\n"
        "from maskscope.studies.scan.spec import ScanSpec\nfrom maskscope.studies.differences import METHOD\n",
    )
    assert other_rooms(importing, all_rooms) == ["studies/scan/wrong.py:1: scan may not import the room own"]
    family = file_with("studies/sequences/wrong.py", "from maskscope.studies.scan.spec import ScanSpec\n")
    assert other_rooms(family, all_rooms) == ["studies/sequences/wrong.py:1: sequences may not import the room scan"]
    asking = file_with("engine/wrong.py", "a = isinstance(spec, dict)\nb = isinstance(job.spec, ScanSpec)\n")
    assert asked_which_study(asking) == ["engine/wrong.py:2"]
    for number in range(MOST_FILES + 1):
        file_with(f"data/file_{number}.py", "x = 1\n")
    file_with("tasks/__init__.py", "")
    assert crowded() == ["data has 21 files"]


@pytest.mark.parametrize("file", sorted((ROOT / "zoo").glob("*.py")), ids=lambda file: file.name)
def test_zoo_imports_torch_only(file):
    allowed = {"torch", "jaxtyping", "collections", "itertools", "math", "typing"}
    own = {name for name, _ in imports(file) if name.split(".")[0] == "maskscope"}
    assert {name.split(".")[0] for name, _ in imports(file)} - allowed <= {"maskscope"}
    assert all(name.startswith("maskscope.zoo.") for name in own)


def test_backward_starts_in_one_file():
    starts = [f for f in FILES if ".backward(" in f.read_text(encoding="utf-8")]
    assert [str(file.relative_to(ROOT)) for file in starts] == ["masks/gradient.py"]


def test_no_pickle():
    banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    # CIFAR's own format is a pickle: this one file reads it without running it, and tests/data/test_hostile_pickles.py attacks it
    inert = ROOT / "data" / "pickles.py"
    assert not [(str(file), name) for file in FILES if file != inert for name, _ in imports(file) if name.split(".")[0] in banned]
    running = ("pickle.load", "pickle.Unpickler(", "import_module", "__import__", "super().find_class", "eval(", "exec(")
    assert not [word for word in running if word in inert.read_text(encoding="utf-8")]
    words = ("torch.save(", "torch.load(", "allow_pickle=True")
    texts = {file: file.read_text(encoding="utf-8").replace("safetensors.torch.", "") for file in FILES}
    assert not [(str(file), word) for file, text in texts.items() for word in words if word in text]


def test_files_are_short():
    assert [str(file) for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > 300] == []


def test_no_file_without_a_name_of_its_own():
    banned = {"utils", "helpers", "common", "misc", "framework"}
    assert not {file.stem for file in FILES} & banned


def test_public_names_are_sorted_and_there():
    import maskscope

    names = maskscope.__all__
    assert names == sorted(names)
    assert all(hasattr(maskscope, name) for name in names)
