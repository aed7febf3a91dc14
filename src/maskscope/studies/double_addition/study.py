"""The same addition, needed twice in one network: is it in the same weights?

Source: Csordás et al. 2021, section 3.1.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from maskscope.engine.claims import Lack
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.procedure.controls import SHUFFLED_LABELS, SHUFFLED_WEIGHTS, UNTRAINED, Control, by_name
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.subject import Shuffles
from maskscope.studies.arithmetic.page import PAGE
from maskscope.studies.arithmetic.subject import ArithmeticSubject
from maskscope.studies.double_addition.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.double_addition.spec import DoubleAdditionSpec
from maskscope.tasks import DoubleAddition, Task


def copy_io(network: nn.Module, spec: DoubleAdditionSpec, task: Task, _seed: int = 0) -> nn.Module:
    """Gives the first pair the second's input weights, output weights and output biases, in place.

    Both pairs then reach the hidden layers through the same weights, so that all of the hidden computation *can* be shared.

    Raises:
        ConfigError: the network has no input and output weights to copy.

    Source: the copyweight control of the authors' code (`tuple_ff_copyweight`); theirs is for the feed-forward network.
    """
    if spec.network not in ("mlp", "lstm"):
        raise ConfigError("copied-io is for double-addition with network mlp or lstm.")
    weights = dict(network.named_parameters())
    tensors = {"mlp": ("layers.0.weight", f"layers.{len(spec.hidden)}"), "lstm": ("core.weight_ih_l0", "output")}
    first, last = tensors[spec.network]
    inputs, outputs = (size // 2 for size in task.sizes)
    with torch.no_grad():
        weights[first][:, :inputs] = weights[first][:, inputs:]
        for name in (f"{last}.weight", f"{last}.bias"):
            weights[name][:outputs] = weights[name][outputs:]
    return network


COPIED_IO = Control(
    "copied-io", "Copied input and output weights", "copied I/O", null=False, derive=copy_io, whole_procedure=True
)


class _TwoPairs(ArithmeticSubject[DoubleAdditionSpec]):
    lstm_steps: ClassVar[int] = 6
    controls: ClassVar[Mapping[str, Control]] = by_name(UNTRAINED, SHUFFLED_WEIGHTS, SHUFFLED_LABELS, COPIED_IO)

    def task(
        self, spec: DoubleAdditionSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        return DoubleAddition(spec.digits, spec.train_items, spec.mode, device, spec.torch_dtype, relabelled)

    def io_tensors(self, spec: DoubleAdditionSpec, names: Sequence[str]) -> tuple[str, ...]:
        """The tensors that read the input or write the output, where the two places have their own.

        Source: Csordás et al. 2021; in their code the first and last layer of the feed-forward network, the first cell's input
        weights and the output map of the LSTM.
        """
        inputs = {"mlp": names[0], "lstm": "core.weight_ih_l0", "transformer": None}[spec.network]
        return tuple(name for name in names if name in (inputs, names[-1]))

    def early_tensors(self, spec: DoubleAdditionSpec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
        """Half of the names, rounded down.

        Source: the authors' code.
        """
        return [tuple(names[: len(names) // 2])]

    def lacks_control(self, control: str, spec: DoubleAdditionSpec) -> Lack:
        if control == COPIED_IO.name and spec.mode == "together":
            missing = "does not apply to mode together, in which copied-io would make the pairs one"
            return Lack(missing, "with another mode")
        return super().lacks_control(control, spec)


STUDY = Study(
    name="double-addition",
    summary="one network adds two pairs of numbers: is the same addition, needed twice, in the same weights? (P_reuse)",
    spec=DoubleAdditionSpec,
    procedure=MaskProcedure(_TwoPairs()),
    page=PAGE,
    title="Double addition",
    size=("hidden",),
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    not_in_paper=("transformer",),
    shown_settings=("hidden", "mode"),
)
