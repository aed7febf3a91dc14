"""What cannot be a study of one's own network, and how it is refused: before anything is written."""

import functools

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.errors import BatchesError, ConfigError, LossError, ScoreError
from tests.studies.own_halves import FUNCTIONS, Halves, loss, run, score, study


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"functions": {}}, ConfigError, "No functions were given"),
        ({"functions": {"x": []}}, BatchesError, "Function x has no batches"),
        ({"functions": {"x": iter(())}}, BatchesError, "Function x has no batches"),
        ({"functions": {"x": torch.zeros(3, 4)}}, BatchesError, "batches of function x"),
        ({"functions": {"x": [1], "X": [1]}}, ConfigError, "'x', 'X' differ in capital letters only"),
        ({"functions": {"All": [1]}}, ConfigError, "all is the name of all functions together"),
        ({"functions": {"a/b": [1]}}, ConfigError, "name 'a/b' cannot be used"),
        ({"functions": {"x": iter(int, 1)}}, BatchesError, "or they have no end"),
        ({"functions": {"x": lambda index: [1, 2][index]}}, BatchesError, "raised IndexError for index 2"),
        ({"functions": {"x": lambda index: torch.randn(2)}}, BatchesError, "other parts for the same indices"),
        ({"scored": {"y": []}}, ConfigError, "scored names y"),
        ({"network": []}, ConfigError, "network is an empty list"),
        ({"network": [Halves(), nn.Linear(4, 2)]}, ConfigError, "Network 1 is of another kind"),
        ({"network": [Halves(), {"left.weight": torch.zeros(1)}]}, ConfigError, "state dict of network 1 does not fit"),
    ],
)
def test_what_cannot_be_a_study_is_refused(given, kind, text):
    with pytest.raises(kind, match=text):
        ms.Study(**({"network": Halves(), "functions": FUNCTIONS, "loss": loss, "score": score} | given))


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (
            {"functions": {"x": [(torch.zeros(2, 3), 0)]}},
            ConfigError,
            "loss cannot be computed for network 0 and the data of .* x",
        ),
        ({"loss": lambda network, part: network(part[0])}, LossError, "Of function x: The loss has shape"),
        ({"loss": lambda network, part: torch.zeros(())}, LossError, "No gradient leads from the loss of function x"),
        ({"score": lambda network, part: 87.5}, ScoreError, "score of function x is 87.5; a share"),
        ({"score": lambda network, part: float("nan")}, ScoreError, "score of function x is nan"),
        ({"score": lambda network, part: network(part[0]) > 0}, ScoreError, r"a tensor of shape \[32, 2\]"),
        ({"score": lambda network, part: None}, ScoreError, "is of the type NoneType"),
        ({"score": lambda network, part: part.missing}, ConfigError, "score cannot be computed for network 0"),
        ({"untrained": lambda: nn.Linear(4, 2)}, ConfigError, r"What untrained\(\) returns is of another kind"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(given, kind, text, tmp_path):
    with pytest.raises(kind, match=text):
        run(study(**given), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_control_without_a_constructor_is_refused(tmp_path):
    mine = study().study
    spec = functools.partial(type(mine.preset("smoke")), controls=("untrained",))()
    with pytest.raises(ConfigError, match="nobody said how to make an untrained network"):
        mine.procedure.require(spec, Job(mine, spec, (0,), str(tmp_path)).runtime())


def test_more_seeds_than_networks_are_refused(tmp_path):
    mine = study().study
    with pytest.raises(ConfigError, match="own brings 1 network"):
        Job(mine, mine.preset("smoke"), (0, 1), str(tmp_path))
