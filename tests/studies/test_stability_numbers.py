"""Numbers of image studies: how much more repeats overlap than masks for different classes."""

from dataclasses import replace

import pytest

from maskscope.studies.mask_stability.numbers import stability_numbers
from tests.report.synthetic_images import make_stability_record


def test_stability_is_the_overlap_of_repeats_beyond_that_of_different_pairs():
    network = make_stability_record(seeds=(0,)).networks[0]
    found = stability_numbers(network)
    repeats = [pair.total.iou for pair in network.pairs if pair.first[0] == pair.second[0]]
    others = [pair.total.iou for pair in network.pairs if pair.first[0] != pair.second[0]]
    assert (len(repeats), len(others)) == (3, 12)
    assert found["iou of repeats, mean", "", ""] == pytest.approx(sum(repeats) / 3)
    assert found["iou of different functions, mean", "", ""] == pytest.approx(sum(others) / 12)
    difference = found["iou of repeats, mean", "", ""] - found["iou of different functions, mean", "", ""]
    assert found["iou of repeats beyond different functions", "", ""] == pytest.approx(difference)
    assert found["mean accuracy", "", ""] == pytest.approx(sum(network.unmasked.accuracy.values()) / 10)


def test_without_pairs_there_are_no_such_numbers():
    stable = make_stability_record(seeds=(0,)).networks[0]
    assert stability_numbers(replace(stable, pairs=())) == {}
