"""What the arithmetic studies have in common: their networks, what is masked in them, and the networks of the null."""

import math
from typing import ClassVar, TypeVar

from torch import nn

from maskscope.procedure.plans import Companion
from maskscope.procedure.subject import Subject
from maskscope.studies.arithmetic.spec import TRANSFORMER_HEADS, ArithmeticSpec
from maskscope.tasks import Task
from maskscope.zoo import LSTM, MLP, Transformer

Spec = TypeVar("Spec", bound=ArithmeticSpec)
# masks of networks with fewer maskable weights are found together: there a step is mostly overhead
_TOGETHER_BELOW = 1_000_000
_TOKEN = 10


class ArithmeticSubject(Subject[Spec]):
    """A network that computes with digits."""

    network_version: ClassVar[int] = 2  # 2: networks trained together
    lstm_steps: ClassVar[int]
    """How often an LSTM reads its input."""

    def network(self, spec: Spec, task: Task) -> nn.Module:
        """See `Subject.network`."""
        inputs, outputs = task.sizes
        width, layers = spec.hidden[0], len(spec.hidden)
        network: nn.Module
        if spec.network == "lstm":
            network = LSTM(inputs, outputs, width, layers, self.lstm_steps)
        elif spec.network == "transformer":
            network = Transformer(_TOKEN, math.ceil(inputs / _TOKEN), outputs, width, TRANSFORMER_HEADS, 4 * width, layers)
        else:
            network = MLP([inputs, *spec.hidden, outputs])
        return network.to(task.device, spec.torch_dtype)

    def excluded(self, spec: Spec) -> tuple[str, ...]:
        """Biases, and what the paper calls embeddings; the input map of a transformer is one."""
        return ("*bias*", "*embedding*")

    def companions(self, spec: Spec, task: Task) -> list[Companion]:
        """The networks of the null: trained like the network itself, an arbitrary function in place of the last one."""
        last = task.functions[-1:]
        return [Companion(f"unrelated-{number}", relabelled=last, searched=True) for number in range(1, spec.unrelated + 1)]

    def found_together(self, spec: Spec, weights: int) -> bool:
        """See `Subject.found_together`."""
        return weights < _TOGETHER_BELOW

    def stacked(self, spec: Spec, weights: int) -> bool:
        """See `Subject.stacked`: small networks of linear layers."""
        return spec.network == "mlp" and self.found_together(spec, weights)
