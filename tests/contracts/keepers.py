"""Networks that keep things on themselves, write into their weights, or hold them a second time."""

import warnings
from collections import deque
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune
from torch.utils.checkpoint import checkpoint


class KeepsAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)
        self.attention = None

    def forward(self, x):
        self.attention = (self.query(x) @ self.key(x).transpose(-1, -2)).softmax(-1)
        return self.head((self.attention @ self.value(x)).mean(1))


class CarriesHiddenState(nn.Module):
    def __init__(self):
        super().__init__()
        self.core = nn.GRU(5, 6, batch_first=True)
        self.head = nn.Linear(6, 3)
        self.hidden = None

    def forward(self, x):
        output, hidden = self.core(x, self.hidden)
        self.hidden = hidden.detach()
        return self.head(output[:, -1])


class MakesBufferAtFirstUse(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 3)
        self.register_buffer("scale", None)

    def forward(self, x):
        if self.scale is None:
            self.scale = x.detach().abs().mean(0)
            self.extra = nn.Identity()
        return self.head(x / self.scale)


class RunningMean(nn.Module):
    def __init__(self, in_place):
        super().__init__()
        self.head = nn.Linear(5, 3)
        self.mean, self.in_place = torch.zeros(5), in_place

    def forward(self, x):
        now = x.detach().mean(0)
        if self.in_place:
            self.mean.mul_(0.9).add_(now, alpha=0.1)
        else:
            self.mean = 0.9 * self.mean + 0.1 * now
        return self.head(x - self.mean)


class CountsAndAppends(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 3)
        self.calls, self.seen, self.last = 0, {"outputs": [], "shapes": set()}, deque(maxlen=2)

    def forward(self, x):
        self.calls += 1
        output = self.head(x) * self.calls
        self.seen["outputs"].append(output)
        self.seen["shapes"].add((self.calls, *x.shape))
        self.seen[f"call {self.calls}"] = output
        self.last.append(output)
        return output


class KeyValueCache(nn.Module):
    """The length of what is filled stands beside the buffer."""

    def __init__(self):
        super().__init__()
        self.key, self.value, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.register_buffer("keys", torch.zeros(8, 32, 6), persistent=False)
        self.length = 0

    def forward(self, x):
        start, self.length = self.length, self.length + x.shape[1]
        self.keys[:, start : self.length] = self.key(x)
        weights = (x @ self.keys[:, : self.length].transpose(-1, -2)).softmax(-1)
        return self.head((weights[..., start:] @ self.value(x)).mean(1))


class Rotary(nn.Module):
    """A table that is made for the longest input so far."""

    def __init__(self):
        super().__init__()
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
        self.table, self.longest = torch.zeros(0, 6), 0

    def forward(self, x):
        if x.shape[1] > self.longest:
            self.longest = x.shape[1]
            self.table = torch.outer(torch.arange(self.longest), torch.arange(1.0, 7.0)).cos()
        return self.head((self.mix(x) * self.table[: x.shape[1]]).tanh().mean(1))


def _body():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))


def pruned():
    network = _body()
    prune.global_unstructured([(network[0], "weight"), (network[2], "weight")], prune.L1Unstructured, amount=0.3)
    return network


def normed(norm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older ways are there to be replaced
        network = _body()
        return nn.Sequential(norm(network[0]), network[1], norm(network[2]))


class MaxNorm(nn.Module):
    def __init__(self, sparse=False, max_norm=1.0):
        super().__init__()
        self.embedding = nn.Embedding(7, 6, max_norm=max_norm, sparse=sparse)
        self.head = nn.Linear(6, 3)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(1))


class WritesWeights(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.scale = nn.Parameter(torch.full((5,), 1.5))
        self.body, self.head, self.way = nn.Linear(5, 6), nn.Linear(6, 3), way

    def forward(self, x):
        if self.way == "clamp":
            with torch.no_grad():
                self.scale.clamp_(0, 1)
        elif self.way == "set data":
            self.head.weight.data = functional.normalize(self.head.weight.data, dim=0)
        else:
            self.body.weight.data.mul_(0.9)
        return self.head(self.body(x * self.scale).tanh())


class HoldsWeightsTwice(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.first, self.second = nn.Parameter(torch.randn(6, 5)), nn.Parameter(torch.randn(3, 6))
        self.both = container([self.first, self.second])

    def forward(self, x):
        first, second = self.both.values() if isinstance(self.both, dict) else self.both
        return (x @ first.t()).tanh() @ second.t()


class HoldsView(nn.Module):
    def __init__(self, as_buffer):
        super().__init__()
        self.encode, self.head = nn.Linear(5, 6), nn.Linear(5, 3)
        view = self.encode.weight.detach().t()
        if as_buffer:
            self.register_buffer("decode", view)
        else:
            self.decode = view

    def forward(self, x):
        return self.head(functional.linear(self.encode(x).tanh(), self.decode))


class OddViews(nn.Module):
    """Two weights in one memory that is used as a whole, one of them not contiguous, with elements between them."""

    def __init__(self):
        super().__init__()
        self.flat = torch.randn(70)
        self.first = nn.Parameter(self.flat[:30].view(5, 6).t())
        self.second = nn.Parameter(self.flat[40:58].view(3, 6))

    def forward(self, x):
        hidden = functional.linear(x, self.first).tanh()
        return functional.linear(hidden, self.second) + x @ self.flat[20:60].view(8, 5)[:3].t()


class ModulesInTuple(nn.Module):
    """One of the modules is registered too, the other is not, and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(5, 6)
        self.steps = (self.body, RunningMean(in_place=False), KeepsInput())
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        body, mean, keep = self.steps
        return self.out(body(keep(x)).tanh()) + mean(x)


class KeepsInput(nn.Module):
    def forward(self, x):
        self.last = x
        return x


class Reentrant(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.body, self.head = nn.Linear(5, 6), _body(), nn.Linear(6, 3)

    def forward(self, x):
        hidden = self.enter(x)
        return self.head(hidden) + checkpoint(self.body, hidden[..., :5], use_reentrant=True)


class OwnGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.generator = _body(), torch.Generator().manual_seed(7)

    def forward(self, x):
        return self.body(x + 0.1 * torch.randn(x.shape, generator=self.generator))


def hooked():
    """A forward hook that fills a list which only it holds."""
    network, seen = _body(), []
    network[0].register_forward_hook(lambda module, args, output: seen.append(output))
    for one, two in pairwise(network):
        one.next_one = [two]
    return network
