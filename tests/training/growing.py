"""A small network to be grown, its data, and the settings of a short run."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.masks import MaskLogits, Noise
from maskscope.training import isolated_random

NOISE = Noise(3, "f", 1)
CONFIG = ms.MaskConfig(steps=12, samples_per_step=3, learning_rate=0.05, size=ms.Penalty(1e-3))


def network(dtype=torch.float64):
    """Zeros, negative ones too, are weights like others: a gate is not to be read off a masked copy."""
    with isolated_random(0):
        net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3))
    with torch.no_grad():
        net[0].bias.zero_()
        net[0].weight[0] = 0.0
        net[0].weight[1] = -0.0
    return net.to(dtype)


def loss(net, part):
    return cross_entropy(net(part[0]), part[1])


def part(index, dtype=torch.float64):
    random = torch.Generator().manual_seed(index)
    return torch.randn(8, 4, generator=random).to(dtype), torch.randint(3, (8,), generator=random)


def half(selection, seed=0):
    random = torch.Generator().manual_seed(seed)
    return ms.BinaryMask({w.name: torch.rand(w.shape, generator=random) < 0.5 for w in selection.weights})


def spread(selection):
    return MaskLogits(selection, torch.randn(selection.count, generator=torch.Generator().manual_seed(5)))
