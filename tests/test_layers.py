"""The house's law, read from the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "maskscope"
RANKS = [
    {"errors"},
    {"storage"},
    {"data"},
    {"masks", "tasks", "zoo"},
    {"training", "analysis"},
    {"experiments"},
    {"report"},
    {"cli"},
]
RANK = {package: rank for rank, packages in enumerate(RANKS) for package in packages}
FILES = sorted(ROOT.rglob("*.py"))


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
