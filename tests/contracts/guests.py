"""Networks of every kind that a user may bring, each with a loss and parts of batches. A row here is tested everywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrizations

from maskscope import zoo

from . import keepers


@dataclass(frozen=True)
class Guest:
    """A network and its use; whether `copy.deepcopy` copies it, samples can go in one call, it holds views of weights,
    several threads can call copies of it.
    """

    make: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Any], Tensor]
    part: Callable[[int], Any]
    output: Callable[[nn.Module, Any], Tensor]
    deepcopies: bool = True
    batches: bool = True
    uses_views: bool = False
    threads: bool = True


# What torch says of these networks, masked or not.
IGNORED = ("ignore:enable_nested_tensor", "ignore:None of the inputs have requires_grad", "ignore:There is a performance drop")


def _random(index, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(index))


def _labels(index, n, classes=3):
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(index))


class BatchNormCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, images):
        return self.head(self.norm(self.conv(images)).relu().mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.core = kind(5, 6, num_layers=2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, sequence):
        return self.head(self.core(sequence)[0][:, -1])


class Stepper(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(5, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, sequence):
        state = None
        for step in sequence.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x, *, scale):
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1)) * scale


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.1, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


class TiedEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.mix = nn.Linear(6, 6)
        self.output = nn.Linear(6, 7, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(self.mix(self.embedding(tokens)).relu())


class BareParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(5))
        self.register_buffer("shift", torch.full((5,), 0.5))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        self.calls += 1  # a module that writes its buffer, in eval mode too
        return self.head(x * self.scale + self.shift)


def _plain(shape):
    return (
        lambda network, part: cross_entropy(network(part[0]), part[1]),
        lambda index: (_random(index, 8, *shape), _labels(index, 8)),
        lambda network, part: network(part[0]),
    )


def _tokens():
    return (
        lambda network, part: cross_entropy(network(part[0]), part[1]),
        lambda index: (_labels(index, 8, 7).view(4, 2), _labels(index + 99, 4)),
        lambda network, part: network(part[0]),
    )


GUESTS = {
    "mlp": Guest(lambda: nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), *_plain((5,))),
    "cnn with batch norm": Guest(BatchNormCNN, *_plain((1, 6, 6))),
    "residual network": Guest(lambda: zoo.ResNet(8, 3, 1), *_plain((1, 6, 6))),
    "lstm": Guest(lambda: Recurrent(nn.LSTM), *_plain((4, 5))),
    "gru": Guest(lambda: Recurrent(nn.GRU), *_plain((4, 5))),
    "lstm cell": Guest(Stepper, *_plain((4, 5))),
    "attention, keyword argument": Guest(
        Attention,
        lambda network, part: cross_entropy(network(part["x"], scale=part["scale"]), part["y"]),
        lambda index: {"x": _random(index, 8, 4, 6), "scale": 2.0, "y": _labels(index, 8)},
        lambda network, part: network(part["x"], scale=part["scale"]),
    ),
    "transformer encoder layer": Guest(Encoder, *_plain((4, 6))),
    "tied embedding, dict batch": Guest(
        TiedEmbedding,
        lambda network, part: cross_entropy(network(part["tokens"]).flatten(0, 1), part["next"].flatten()),
        lambda index: {"tokens": _labels(index, 8, 7).view(2, 4), "next": _labels(index + 99, 8, 7).view(2, 4)},
        lambda network, part: network(part["tokens"]),
    ),
    "bare parameter, written buffers": Guest(BareParameter, *_plain((5,))),
    "attention map kept": Guest(keepers.KeepsAttention, *_plain((4, 6))),
    "hidden state carried on": Guest(keepers.CarriesHiddenState, *_plain((4, 5))),
    "buffer made at first use": Guest(keepers.MakesBufferAtFirstUse, *_plain((5,))),
    "running mean, assigned": Guest(lambda: keepers.RunningMean(in_place=False), *_plain((5,))),
    "running mean, in place": Guest(lambda: keepers.RunningMean(in_place=True), *_plain((5,)), batches=False),
    "counter and lists": Guest(keepers.CountsAndAppends, *_plain((5,))),
    "key-value cache": Guest(keepers.KeyValueCache, *_plain((4, 6)), batches=False),
    "rotary table": Guest(keepers.Rotary, *_plain((4, 6))),
    "pruned": Guest(keepers.pruned, *_plain((5,)), deepcopies=False),
    "weight norm by hook": Guest(lambda: keepers.normed(nn.utils.weight_norm), *_plain((5,)), deepcopies=False),
    "spectral norm by hook": Guest(lambda: keepers.normed(nn.utils.spectral_norm), *_plain((5,))),
    "weight norm, parametrised": Guest(lambda: keepers.normed(parametrizations.weight_norm), *_plain((5,))),
    "embedding with max_norm": Guest(keepers.MaxNorm, *_tokens()),
    "embedding, sparse gradients": Guest(lambda: keepers.MaxNorm(sparse=True, max_norm=None), *_tokens(), batches=False),
    "clamped weight": Guest(lambda: keepers.WritesWeights("clamp"), *_plain((5,))),
    "weight set by data": Guest(lambda: keepers.WritesWeights("set data"), *_plain((5,)), batches=False),
    "weight changed by data": Guest(lambda: keepers.WritesWeights("change data"), *_plain((5,)), batches=False),
    "weights in a list": Guest(lambda: keepers.HoldsWeightsTwice(list), *_plain((5,))),
    "weights in a dict": Guest(lambda: keepers.HoldsWeightsTwice(lambda both: dict(enumerate(both))), *_plain((5,))),
    "weights in a tuple": Guest(lambda: keepers.HoldsWeightsTwice(tuple), *_plain((5,))),
    "view of a weight": Guest(lambda: keepers.HoldsView(as_buffer=False), *_plain((5,)), uses_views=True),
    "view of a weight as a buffer": Guest(lambda: keepers.HoldsView(as_buffer=True), *_plain((5,)), uses_views=True),
    "memory of several weights": Guest(keepers.OddViews, *_plain((5,)), uses_views=True),
    "modules in a tuple": Guest(keepers.ModulesInTuple, *_plain((5,))),
    "reentrant checkpointing": Guest(keepers.Reentrant, *_plain((5,)), batches=False),
    "generator of its own": Guest(keepers.OwnGenerator, *_plain((5,)), batches=False),
    "hook that fills a list": Guest(keepers.hooked, *_plain((5,)), threads=False),
}


def make(name: str, seed: int = 3) -> tuple[nn.Module, Guest]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        guest = GUESTS[name]
        return guest.make(), guest
