"""Many small networks side by side in one module, so that a call of `fit` or `discover_many` serves all of them.

A step of a tiny network is overhead; side by side a dozen of them cost little more than one. They have nothing in common: each
network's loss is its own, the sum over networks gives each the gradient that it would have alone, Adam and the penalty work
weight by weight, and the norm of the gradient, the one thing that would tie them together, is not clipped.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from maskscope.masks import BinaryMask, MaskLogits, call_masked, select
from maskscope.training import FitConfig, MaskConfig, MaskSearch, child_seed, discover_many, fit


class SideBySide(nn.Module):
    """Networks of equal sizes, initialised as `torch.nn.Linear` is; ReLU between the layers.

    Args:
        networks: how many.
        sizes: units of the input, of each hidden layer and of the output.
        seed: of the initial weights.
        alike: so many networks in a row start from the same weights.
    """

    def __init__(self, networks: int, sizes: Sequence[int], seed: int, *, alike: int = 1) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
            for name, shape in ((f"weight{layer}", (outputs, inputs)), (f"bias{layer}", (1, outputs))):
                values = (2 * torch.rand(networks // alike, *shape, generator=random) - 1) / math.sqrt(inputs)
                self.register_parameter(name, nn.Parameter(values.repeat_interleave(alike, 0)))
        self.networks, self.layers = networks, len(sizes) - 1

    def forward(self, inputs: Float[Tensor, "networks items inputs"]) -> Float[Tensor, "networks items outputs"]:
        """The outputs, without an activation."""
        for layer in range(self.layers):
            weight, bias = getattr(self, f"weight{layer}"), getattr(self, f"bias{layer}")
            inputs = torch.baddbmm(bias, inputs, weight.transpose(1, 2))
            if layer < self.layers - 1:
                inputs = inputs.relu()
        return inputs


@dataclass(frozen=True)
class Question:
    """One mask for each network.

    Args:
        name: of the function; part of the noise's key.
        column: the output unit that is to compute it.
        values: for each network, its value on every input: -1 or +1, or any number for `squares`.
        repeat: which of several masks for the function.
    """

    name: str
    column: int
    values: Float[Tensor, "networks inputs"]
    repeat: int = 0


@dataclass(frozen=True)
class Answer:
    """The masks that were found for a question, and the logits behind them, for each network."""

    masks: tuple[BinaryMask, ...]
    logits: tuple[dict[str, Tensor], ...]
    undecided: float


def every_input(bits: int) -> Float[Tensor, "inputs bits"]:
    """All inputs of so many bits, -1 or +1."""
    return (2 * (torch.arange(1 << bits).unsqueeze(1) >> torch.arange(bits) & 1) - 1).to(torch.float32)


def logistic(outputs: Tensor, values: Tensor) -> Tensor:
    """Cross-entropy of the sign."""
    return nn.functional.softplus(-values * outputs)


def squares(outputs: Tensor, values: Tensor) -> Tensor:
    """Squared error."""
    return (outputs - values).square()


def fit_all(network: SideBySide, values: Float[Tensor, "networks inputs outputs"], config: FitConfig, seed: int) -> None:
    """Trains every network to compute its values on all inputs, each with its own loss."""
    inputs = every_input(values.shape[1].bit_length() - 1).expand(network.networks, -1, -1)
    fit(
        network,
        lambda guest, part: logistic(guest(inputs), values).mean() * network.networks,
        lambda index: None,
        config=config,
        seed=seed,
    )


def ask(
    network: SideBySide,
    questions: Sequence[Question],
    config: MaskConfig,
    seed: int,
    *,
    items: int,
    include: Sequence[str] = ("weight*",),
    error: Callable[[Tensor, Tensor], Tensor] = logistic,
) -> list[Answer]:
    """Finds the masks of all questions on all networks by `discover_many`.

    Args:
        network: the networks.
        questions: what to look for.
        config: the settings; its ``clip_norm`` must be 0.
        seed: of the mask noise and of the data, which are independent for each question and network.
        items: drawn inputs for each sample.
        include: the maskable weights.
        error: `logistic` or `squares`.
    """
    assert config.clip_norm == 0
    inputs = every_input(questions[0].values.shape[1].bit_length() - 1)
    networks = torch.arange(network.networks).unsqueeze(1)

    def loss(guest: nn.Module, part: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, values, column = part
        outputs = guest(x)
        outputs = outputs.gather(2, column.view(1, 1, 1).expand(*outputs.shape[:2], 1)).squeeze(2)
        return error(outputs, values).mean() * network.networks

    def wanted(question: Question) -> MaskSearch:
        random = torch.Generator().manual_seed(child_seed(seed, "data", question.name, question.repeat))
        shape = (config.steps * config.parts_per_step, network.networks, items)
        chosen = torch.randint(len(inputs), shape, generator=random, dtype=torch.int32)
        column = torch.tensor(question.column)

        def batch(index: int) -> tuple[Tensor, Tensor, Tensor]:
            rows = chosen[index].long()
            return inputs[rows], question.values[networks, rows], column

        return MaskSearch(question.name, batch, seed, question.repeat)

    selection = select(network, include=list(include))
    found = discover_many(
        network, loss, [wanted(one) for one in questions], selection=selection, config=config, judge=False, watch=False
    )
    return [
        Answer(_apart(one.mask, network.networks), _logits(one.logits, network.networks), one.logits.undecided()) for one in found
    ]


def accuracy(network: SideBySide, answer: Answer, question: Question) -> Float[Tensor, " networks"]:
    """The share of all inputs on which the sign is right under the mask."""
    right: Bool[Tensor, "networks inputs"] = _under(network, answer, question) * question.values > 0
    return right.double().mean(1)


def explained_under(network: SideBySide, answer: Answer, question: Question) -> Float[Tensor, " networks"]:
    """The share of the values' variance over all inputs that is explained under the mask."""
    rest = squares(_under(network, answer, question), question.values).mean(1)
    return 1 - rest / question.values.var(1, correction=0)


def without_mask(network: SideBySide, values: Float[Tensor, "networks inputs outputs"]) -> Float[Tensor, "networks outputs"]:
    """The share of all inputs on which each output's sign is right."""
    inputs = every_input(values.shape[1].bit_length() - 1).expand(network.networks, -1, -1)
    with torch.no_grad():
        right: Bool[Tensor, "networks inputs outputs"] = network(inputs) * values > 0
    return right.double().mean(1)


def top_by_tensor(logits: dict[str, Tensor], kept: dict[str, int]) -> BinaryMask:
    """The mask of the highest logits, so many in each tensor."""
    bits = {}
    for name, values in logits.items():
        order: Int64[Tensor, " weights"] = values.flatten().argsort(descending=True, stable=True)
        bits[name] = torch.zeros(values.numel(), dtype=torch.bool).index_fill(0, order[: kept[name]], True).view(values.shape)
    return BinaryMask(bits)


def _under(network: SideBySide, answer: Answer, question: Question) -> Float[Tensor, "networks inputs"]:
    inputs = every_input(question.values.shape[1].bit_length() - 1).expand(network.networks, -1, -1)
    together = BinaryMask({name: torch.stack([mask[name] for mask in answer.masks]) for name in answer.masks[0]})
    with torch.no_grad():
        outputs: Tensor = call_masked(network, together, inputs)
    return outputs[:, :, question.column]


def _apart(mask: BinaryMask, networks: int) -> tuple[BinaryMask, ...]:
    return tuple(BinaryMask({name: bits[place] for name, bits in mask.items()}) for place in range(networks))


def _logits(logits: MaskLogits, networks: int) -> tuple[dict[str, Tensor], ...]:
    return tuple({name: values[place].clone() for name, values in logits.by_tensor().items()} for place in range(networks))
