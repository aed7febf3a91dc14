"""What the arithmetic studies have in common: their networks, what is masked in them, and the networks of the null."""

import math

from torch import nn

from maskscope.procedure.plans import Companion
from maskscope.studies.arithmetic.spec import TRANSFORMER_HEADS, ArithmeticSpec
from maskscope.tasks import Task
from maskscope.zoo import LSTM, MLP, Transformer

# never masked: biases (and what the paper calls embeddings; the input map of a transformer is one)
UNMASKED = ("*bias*", "*embedding*")
# masks of networks with fewer maskable weights are found together: there a step is mostly overhead
_TOGETHER_BELOW = 1_000_000
_TOKEN = 10


def arithmetic_network(spec: ArithmeticSpec, task: Task, steps: int) -> nn.Module:
    """The network of a spec, initialised from torch's generator.

    Args:
        spec: kind and sizes.
        task: sizes of input and output, device.
        steps: of an LSTM.
    """
    inputs, outputs = task.sizes
    width, layers = spec.hidden[0], len(spec.hidden)
    network: nn.Module
    if spec.network == "lstm":
        network = LSTM(inputs, outputs, width, layers, steps)
    elif spec.network == "transformer":
        network = Transformer(_TOKEN, math.ceil(inputs / _TOKEN), outputs, width, TRANSFORMER_HEADS, 4 * width, layers)
    else:
        network = MLP([inputs, *spec.hidden, outputs])
    return network.to(task.device, spec.torch_dtype)


def null_networks(spec: ArithmeticSpec, task: Task) -> list[Companion]:
    """The networks of the null: trained like the network itself, an arbitrary function in place of the last one."""
    last = task.functions[-1:]
    return [Companion(f"unrelated-{number}", relabelled=last, searched=True) for number in range(1, spec.unrelated + 1)]


def found_together(weights: int) -> bool:
    """Whether the masks of a network with so many maskable weights are found in one call."""
    return weights < _TOGETHER_BELOW
