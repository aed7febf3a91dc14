"""The networks and tasks that a spec names, and which of their tensors are what."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from maskscope.errors import ConfigError
from maskscope.experiments.spec import TRANSFORMER_HEADS, ArithmeticSpec, DoubleAdditionSpec, Spec
from maskscope.tasks import AdditionMultiplication, DoubleAddition
from maskscope.training import child_seed, isolated_random
from maskscope.zoo import LSTM, MLP, Transformer

# never masked: biases (and what the paper calls embeddings; the input map of a transformer is one)
UNMASKED = ("*bias*", "*embedding*")
ADDITION_MULTIPLICATION_STEPS, DOUBLE_ADDITION_STEPS = 3, 6
_SUBSETS = 5
_TOKEN = 10


def make_task(
    spec: Spec, device: torch.device, relabelled: Mapping[str, int] | None = None
) -> AdditionMultiplication | DoubleAddition:
    """The task of a spec; the answers of some functions are shuffled among their inputs, by a seed."""
    if isinstance(spec, DoubleAdditionSpec):
        return DoubleAddition(spec.digits, spec.train_items, spec.mode, device, spec.torch_dtype, relabelled)
    return AdditionMultiplication(spec.digits, spec.train_items, device, spec.torch_dtype, relabelled)


def make_network(spec: Spec, seed: int, task: AdditionMultiplication | DoubleAddition) -> nn.Module:
    """The network as it is initialised under a seed; made on the CPU, so that the device does not matter."""
    inputs, outputs = task.sizes
    width, layers = spec.hidden[0], len(spec.hidden)
    network: nn.Module
    with isolated_random(child_seed(seed, "weights")):
        if spec.network == "lstm":
            steps = DOUBLE_ADDITION_STEPS if isinstance(spec, DoubleAdditionSpec) else ADDITION_MULTIPLICATION_STEPS
            network = LSTM(inputs, outputs, width, layers, steps)
        elif spec.network == "transformer":
            network = Transformer(_TOKEN, math.ceil(inputs / _TOKEN), outputs, width, TRANSFORMER_HEADS, 4 * width, layers)
        else:
            network = MLP([inputs, *spec.hidden, outputs])
    return network.to(task.device, spec.torch_dtype)


def io_tensors(spec: ArithmeticSpec, names: Sequence[str]) -> tuple[str, ...]:
    """The maskable tensors that read the input or write the output.

    Source: Csordás et al. 2021; in their code the first and last layer of the feed-forward network, the first cell's input
    weights and the output map of the LSTM.
    """
    inputs = {"mlp": names[0], "lstm": "core.weight_ih_l0", "transformer": None}[spec.network]
    return tuple(name for name in names if name in (inputs, names[-1]))


def early_subsets(spec: Spec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """Which tensors the half-mask test takes as early: one subset, or five random ones.

    Source: the authors' code: half of the names, rounded up for addition/multiplication and down for double addition; five random
    subsets of half the tensors for the LSTM of addition/multiplication. The transformer (ours) follows the feed-forward network.
    """
    if isinstance(spec, DoubleAdditionSpec):
        return [tuple(names[: len(names) // 2])]
    half = math.ceil(len(names) / 2)
    if spec.network != "lstm":
        return [tuple(names[:half])]
    random = torch.Generator().manual_seed(seed)
    chosen = [sorted(torch.randperm(len(names), generator=random)[:half].tolist()) for _ in range(_SUBSETS)]
    return [tuple(names[place] for place in places) for places in dict.fromkeys(map(tuple, chosen))]


def copy_io(network: nn.Module, spec: Spec, task: AdditionMultiplication | DoubleAddition) -> None:
    """Gives the first pair the second's input weights, output weights and output biases, in place.

    Both pairs then reach the hidden layers through the same weights, so that all of the hidden computation *can* be shared.

    Raises:
        ConfigError: the experiment has no pairs, or the network has no input and output weights to copy.

    Source: the copyweight control of the authors' code (`tuple_ff_copyweight`); theirs is for the feed-forward network.
    """
    weights = dict(network.named_parameters())
    tensors = {"mlp": ("layers.0.weight", f"layers.{len(spec.hidden)}"), "lstm": ("core.weight_ih_l0", "output")}
    if spec.network not in tensors or not isinstance(spec, DoubleAdditionSpec):
        raise ConfigError("copied-io is for double-addition with network mlp or lstm.")
    first, last = tensors[spec.network]
    inputs, outputs = (size // 2 for size in task.sizes)
    with torch.no_grad():
        weights[first][:, :inputs] = weights[first][:, inputs:]
        for name in (f"{last}.weight", f"{last}.bias"):
            weights[name][:outputs] = weights[name][outputs:]
