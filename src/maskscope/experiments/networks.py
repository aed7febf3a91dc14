"""The networks and tasks that a spec names, and which of their tensors are what."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from maskscope.errors import ConfigError
from maskscope.experiments.arithmetic_spec import TRANSFORMER_HEADS, DoubleAdditionSpec
from maskscope.experiments.image_networks import OUTPUT, image_network, make_image_task
from maskscope.experiments.image_spec import OWN_OUTPUT, ClassRemovalSpec, ImageSpec
from maskscope.experiments.sequence_networks import (
    early_sequence_subsets,
    make_sequence_task,
    sequence_network,
    unmasked_sequences,
)
from maskscope.experiments.sequence_spec import SequenceSpec
from maskscope.experiments.spec import NetworkSpec
from maskscope.experiments.stages import waits_for_full_mask
from maskscope.tasks import AdditionMultiplication, DoubleAddition, SequenceTask, Task, removal_name
from maskscope.training import child_seed, isolated_random
from maskscope.zoo import LSTM, MLP, Transformer

# never masked in the arithmetic studies: biases (and what the paper calls embeddings; the input map of a transformer is one)
_UNMASKED = ("*bias*", "*embedding*")
ADDITION_MULTIPLICATION_STEPS, DOUBLE_ADDITION_STEPS = 3, 6
_SUBSETS = 5
_TOKEN = 10


def make_task(
    spec: NetworkSpec, device: torch.device, relabelled: Mapping[str, int] | None = None, data_dir: Path | None = None
) -> Task:
    """The task of a spec; the answers of some functions are shuffled among their inputs, by a seed (arithmetic only).

    Raises:
        MaskscopeError: the task needs files (in ``data_dir``, if that is given) that are not there or not right.
    """
    if isinstance(spec, ImageSpec):
        return make_image_task(spec, device, data_dir)
    if isinstance(spec, SequenceSpec):
        return make_sequence_task(spec, device, data_dir)
    if isinstance(spec, DoubleAdditionSpec):
        return DoubleAddition(spec.digits, spec.train_items, spec.mode, device, spec.torch_dtype, relabelled)
    return AdditionMultiplication(spec.digits, spec.train_items, device, spec.torch_dtype, relabelled)


def unmasked(spec: NetworkSpec) -> tuple[str, ...]:
    """Patterns of the parameters that no mask is over; the paper masks everything in networks of images."""
    if isinstance(spec, SequenceSpec):
        return unmasked_sequences(spec)
    return () if isinstance(spec, ImageSpec) else _UNMASKED


def make_network(spec: NetworkSpec, seed: int, task: Task) -> nn.Module:
    """The network as it is initialised under a seed; made on the CPU, so that the device does not matter."""
    inputs, outputs = task.sizes
    network: nn.Module
    with isolated_random(child_seed(seed, "weights")):
        if isinstance(spec, ImageSpec):
            network = image_network(spec.network, inputs, outputs)
            layout = torch.channels_last if spec.layout == "channels-last" else torch.contiguous_format
            moved: nn.Module = network.to(task.device, memory_format=layout)  # type: ignore[call-overload]
            return moved
        if isinstance(spec, SequenceSpec):
            assert isinstance(task, SequenceTask)
            return sequence_network(spec, task).to(task.device)
        width, layers = spec.hidden[0], len(spec.hidden)
        if spec.network == "lstm":
            steps = DOUBLE_ADDITION_STEPS if isinstance(spec, DoubleAdditionSpec) else ADDITION_MULTIPLICATION_STEPS
            network = LSTM(inputs, outputs, width, layers, steps)
        elif spec.network == "transformer":
            network = Transformer(_TOKEN, math.ceil(inputs / _TOKEN), outputs, width, TRANSFORMER_HEADS, 4 * width, layers)
        else:
            network = MLP([inputs, *spec.hidden, outputs])
    return network.to(task.device, spec.torch_dtype)


def held_tensors(spec: NetworkSpec, names: Sequence[str], function: str, whole: str) -> tuple[str, ...]:
    """The tensors that stay under the full mask while a function's mask is sought: of class removal, those of the output layer.

    Source: Csordás et al. 2021 (`keep_last_layer`): a class cannot be lost then by the deletion of its output.
    """
    if waits_for_full_mask(spec, function, whole):
        return tuple(name for name in names if name.startswith(f"{OUTPUT}."))
    return ()


def removed_classes(spec: NetworkSpec, task: Task) -> dict[str, str]:
    """Of a study of class removal: the class that each mask was found without."""
    if not isinstance(spec, ClassRemovalSpec):
        return {}
    return {removal_name(name): name for name in task.functions if removal_name(name) in task.sought}


def distorting_mask(spec: NetworkSpec) -> str:
    """The mask whose distortion of gradients is to be measured; empty: none."""
    if not isinstance(spec, ClassRemovalSpec) or not spec.gradient_cosine:
        return ""
    return removal_name(spec.gradient_cosine) + OWN_OUTPUT


def io_tensors(spec: NetworkSpec, names: Sequence[str]) -> tuple[str, ...]:
    """The maskable tensors that read the input or write the output, where the places of one function have their own; else none.

    Source: Csordás et al. 2021; in their code the first and last layer of the feed-forward network, the first cell's input
    weights and the output map of the LSTM.
    """
    if not isinstance(spec, DoubleAdditionSpec):
        return ()
    inputs = {"mlp": names[0], "lstm": "core.weight_ih_l0", "transformer": None}[spec.network]
    return tuple(name for name in names if name in (inputs, names[-1]))


def early_subsets(spec: NetworkSpec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """Which tensors the half-mask test takes as early: one subset, or five random ones.

    Source: the authors' code: half of the names, rounded up for addition/multiplication and down for double addition; five random
    subsets of half the tensors for the LSTMs of addition/multiplication and SCAN; convolutions 1 to 3 of the CNN. The
    transformer (ours) of arithmetic follows the feed-forward network. None in ResNets, of which the paper has no such test.
    """
    if isinstance(spec, ImageSpec):
        convolutions = list(dict.fromkeys(name.rpartition(".")[0] for name in names))[:3]
        early = tuple(name for name in names if name.rpartition(".")[0] in convolutions)
        return [early] if spec.network.startswith("cnn") and spec.full_mask else []
    if isinstance(spec, DoubleAdditionSpec):
        return [tuple(names[: len(names) // 2])]
    half = math.ceil(len(names) / 2)
    if isinstance(spec, SequenceSpec):
        subsets = early_sequence_subsets(spec, names)
        if subsets is not None:
            return subsets
    elif spec.network != "lstm":
        return [tuple(names[:half])]
    random = torch.Generator().manual_seed(seed)
    chosen = [sorted(torch.randperm(len(names), generator=random)[:half].tolist()) for _ in range(_SUBSETS)]
    return [tuple(names[place] for place in places) for places in dict.fromkeys(map(tuple, chosen))]


def copy_io(network: nn.Module, spec: NetworkSpec, task: Task) -> None:
    """Gives the first pair the second's input weights, output weights and output biases, in place.

    Both pairs then reach the hidden layers through the same weights, so that all of the hidden computation *can* be shared.

    Raises:
        ConfigError: the experiment has no pairs, or the network has no input and output weights to copy.

    Source: the copyweight control of the authors' code (`tuple_ff_copyweight`); theirs is for the feed-forward network.
    """
    if not isinstance(spec, DoubleAdditionSpec) or spec.network not in ("mlp", "lstm"):
        raise ConfigError("copied-io is for double-addition with network mlp or lstm.")
    weights = dict(network.named_parameters())
    tensors = {"mlp": ("layers.0.weight", f"layers.{len(spec.hidden)}"), "lstm": ("core.weight_ih_l0", "output")}
    first, last = tensors[spec.network]
    inputs, outputs = (size // 2 for size in task.sizes)
    with torch.no_grad():
        weights[first][:, :inputs] = weights[first][:, inputs:]
        for name in (f"{last}.weight", f"{last}.bias"):
            weights[name][:outputs] = weights[name][outputs:]
