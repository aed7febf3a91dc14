"""The examples run as they are, with few steps."""

import importlib.util
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def units():
    return example("units")


def test_units_prints_what_it_finds_and_draws_it(units, tmp_path, capsys):
    with torch.random.fork_rng():
        units.main(str(tmp_path / "units.png"), quick=True)
    assert (tmp_path / "units.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    for function in ("digits 0 to 4", "digits 5 to 9", "first again?", "largest?"):
        assert f"  {function:13} keeps " in shown
    for count, times in (("of 36 units", 2), ("of 2736 units", 2), ("of 136 units", 2), ("Overlap (IoU)", 3)):
        assert shown.count(count) == times
    assert "nan" not in shown


def test_the_functions_of_units_are_what_they_are_called(units):
    with torch.random.fork_rng():
        digits, sequences = units.digits(), units.sequences()
    for (name, (parts, test)), classes in zip(digits.items(), ({0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}), strict=True):
        assert {*test[1].tolist()} == classes, name
        assert {answer for part in parts for answer in part[1].tolist()} == classes, name
    tokens, answers = sequences["first again?"][1]
    assert [8 + (one[1] in one[2:]) for one in tokens.tolist()] == answers.tolist()
    assert {*answers.tolist()} == {8, 9}
    tokens, answers = sequences["largest?"][1]
    assert [max(one[1:]) for one in tokens.tolist()] == answers.tolist()
