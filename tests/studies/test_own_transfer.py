"""Transfer in a study of one's own: "different weights" and "not interchangeable" are two verdicts."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine.claims import judge
from maskscope.engine.quantities import over_networks
from maskscope.engine.spec import from_json, to_json
from maskscope.procedure.plans import MaskPlan, Search
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import FoundMask, MaskedNetwork
from maskscope.studies.own.claims import KEPT, UNITS, claims_of
from maskscope.studies.own.result import OwnResult
from maskscope.tasks import Scores
from maskscope.training import History

FUNCTIONS = ("left", "right")


class Two(nn.Module):
    """Four weights, each of one input; the first two read what is for ``left``, the last two what is for ``right``."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x @ self.weight


def study(copies):
    """Both functions are to sum: over the first inputs and over the last. With copies, every input says the same."""
    inputs = torch.ones(2, 4) if copies else torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    data = {name: [inputs[[place]]] * (5 + place) for place, name in enumerate(FUNCTIONS)}
    return ms.Study(Two(), data, lambda network, x: -network(x).mean(), lambda network, x: network(x) / 4 + 0.4)


def measured(of):
    """What is measured of it, with masks by hand: two for each function, of one weight each."""
    spec, network = of.study.preset("quick"), of.network()
    logits = ms.MaskLogits.from_units(ms.select(network), {"weight": torch.ones(4)})
    found = []
    for function, kept in (("left", 0), ("right", 2)):
        for repeat in (0, 1):
            mask = ms.BinaryMask({"weight": torch.arange(4) == kept + repeat})
            plan = MaskPlan(Search(function, function), repeat, "trained")
            found.append(FoundMask(plan, mask, logits, History(), 0.0))
    subject = of.study.procedure.subject
    masked = MaskedNetwork(spec, 0, "trained", network, of.task, found, {}, 0)
    more = subject.measure_more(masked, subject.compared(masked))
    return NetworkResult(0, "trained", Scores(dict.fromkeys(FUNCTIONS, 0.9)), (), (), (), (), (), more), subject


def verdict(numbers, kept=1.0):
    """On three networks that are alike, with masks that are sufficient."""
    row = numbers | {(KEPT, name, name): kept for name in FUNCTIONS}
    (claim,) = (one for one in claims_of(FUNCTIONS) if one.name == "not interchangeable")
    return judge(claim, over_networks([row] * 3, UNITS)).verdict


def test_copies_are_interchangeable_and_parts_for_other_inputs_are_not():
    for copies, word in ((True, "not supported"), (False, "supported")):
        result, subject = measured(study(copies))
        numbers = subject.numbers(result)
        for giver, receiver in (FUNCTIONS, FUNCTIONS[::-1]):
            assert numbers["transfer", giver, receiver] == pytest.approx(float(copies))
        # another mask for the same function reads the same input: the ceiling
        assert numbers["transfer", "left", "left"] == pytest.approx(1)
        assert verdict(numbers) == word
        assert verdict(numbers, kept=0.5) == "inconclusive", "masks that are not sufficient say nothing"


def test_it_is_open_where_a_mask_has_no_private_part():
    result, subject = measured(study(copies=False))
    emptied = tuple(replace(one, scores=replace(one.scores, shared=one.scores.own)) for one in result.more.transfers)
    numbers = subject.numbers(replace(result, more=replace(result.more, transfers=emptied)))
    assert math.isnan(numbers["transfer", "left", "right"])
    assert verdict(numbers) == "inconclusive"


def test_repeats_of_both_directions_are_kept_and_earlier_records_have_none():
    result, _ = measured(study(copies=True))
    found = [(one.giver, one.receiver, one.repeat) for one in result.more.transfers]
    pairs = [("left", "left"), ("left", "right"), ("right", "left"), ("right", "right")]
    assert found == [(*pair, repeat) for pair in pairs for repeat in (0, 1)]
    assert all(len(one.scores.random) == 5 for one in result.more.transfers)
    body = to_json(result.more)
    assert from_json(OwnResult, body) == result.more
    del body["transfers"]
    assert from_json(OwnResult, body) == replace(result.more, transfers=())
