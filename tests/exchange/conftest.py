"""A small network and masks that say which weights they were found on."""

import pytest
import torch
from torch import nn

import maskscope as ms


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.fixture
def mask_of():
    """Makes a mask of a network's weights, found for a function by name."""

    def make(network, name="add", seed=0, **selection):
        chosen = ms.select(network, **selection)
        logits = torch.randn(chosen.unit_count, generator=torch.Generator().manual_seed(seed))
        made_by = {"noise": {"seed": seed, "mask": name, "repeat": 0}, "config": {"steps": 10 + seed}}
        return ms.BinaryMask.from_logits(ms.MaskLogits(chosen, logits), chosen.of(network), made_by)

    return make
