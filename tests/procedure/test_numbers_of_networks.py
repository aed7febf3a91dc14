"""From networks to quantities: what is averaged, what is paired, and what is undefined."""

import math
from dataclasses import replace

import pytest

from maskscope.procedure.numbers import quantities as quantities_of
from maskscope.procedure.units import UNITS
from tests.report.synthetic import make_record


def quantities(networks, functions):
    return quantities_of(networks, functions, lambda network: {}, UNITS)


def quantity(found, measure, mask="", function="", variant="trained"):
    return next(q for q in found if (q.measure, q.mask, q.function, q.variant) == (measure, mask, function, variant))


@pytest.fixture(scope="module")
def networks():
    return make_record().networks


def test_a_quantity_has_one_value_a_network(networks):
    found = quantities(networks, ("add", "mul"))
    own = quantity(found, "sufficiency", "add", "add")
    trained = [network for network in networks if network.variant == "trained"]
    masks = [next(m for m in n.masks if (m.function, m.repeat) == ("add", 0)) for n in trained]
    assert own.summary.values == tuple(mask.sufficiency.accuracy["add"] for mask in masks)
    assert own.summary.n == 3
    top = quantity(found, "sufficiency beyond top weights", "add", "add").summary.values
    assert top == pytest.approx([m.sufficiency.accuracy["add"] - m.top_weights.accuracy["add"] for m in masks])


def test_overlap_is_the_mean_over_all_pairs_of_masks(networks):
    trained = [network for network in networks if network.variant == "trained"]
    found = quantity(quantities(networks, ("add", "mul")), "dice", "add, mul").summary.values
    for network, value in zip(trained, found, strict=True):
        pairs = [pair.total.dice for pair in network.pairs if {pair.first[0], pair.second[0]} == {"add", "mul"}]
        assert len(pairs) == 4
        assert value == pytest.approx(sum(pairs) / 4)


def test_sharing_is_undefined_when_a_ceiling_may_not_exceed_its_floor(networks):
    defined = quantity(quantities(networks, ("add", "mul")), "normalised sharing", "add, mul")
    assert defined.summary.n == 3
    worse = []
    for place, network in enumerate(networks):
        if network.variant == "trained":
            (shared,) = network.sharing
            low = replace(shared.all_weights, within_first=shared.all_weights.floor_first + (0.3 if place else -0.1))
            network = replace(network, sharing=(replace(shared, all_weights=low),))
        worse.append(network)
    found = quantity(quantities(worse, ("add", "mul")), "normalised sharing", "add, mul")
    assert found.summary.n == 0
    assert all(math.isnan(value) for value in found.summary.values)
