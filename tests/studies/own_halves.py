"""A network of two halves that share nothing, and a study of it."""

import torch
from torch import nn

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.run import run_study

FEW = ms.MaskConfig(steps=3, samples_per_step=2, learning_rate=0.5)


class Halves(nn.Module):
    """Two networks side by side that share nothing: each answers for one half of the inputs."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.left, self.right = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.left.weight.copy_(torch.tensor([[3.0, 3.0]]) + 0.1 * seed)
            self.right.weight.copy_(torch.tensor([[3.0, 3.0]]) + 0.1 * seed)

    def forward(self, x):
        return torch.cat([self.left(x[:, :2]), self.right(x[:, 2:])], 1)


def batches(place, parts=12, seed=0):
    inputs = torch.randn(parts, 32, 4, generator=torch.Generator().manual_seed(seed + 10 * place))
    return [(some, place) for some in inputs]


def wanted(part):
    inputs, place = part
    return inputs[:, 2 * place : 2 * place + 2].sum(1) > 0


def loss(network, part):
    return nn.functional.binary_cross_entropy_with_logits(network(part[0])[:, part[1]], wanted(part).float())


def other_loss(network, part):
    return 2 * loss(network, part)


def score(network, part):
    return (network(part[0])[:, part[1]] > 0) == wanted(part)


def other_score(network, part):
    return score(network, part).double().mean()


FUNCTIONS = {"x": batches(0), "x-train": batches(1)}


def study(network=None, functions=FUNCTIONS, loss=loss, score=score, config=FEW, controls=("shuffled-weights",), **more):
    return ms.Study(network or Halves(), functions, loss, score, config=config, controls=controls, **more)


def run(study, folder):
    """The run without its page, which takes longest."""
    made = []
    job = Job(study.study, study.study.preset("quick"), tuple(range(study.networks)), str(folder), threads=1)
    return run_study("quick", job, announce=made.append), made


def names(made):
    return [one for one in made if one.startswith("seed-")]
