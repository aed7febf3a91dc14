"""Settings of double addition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from maskscope.engine.spec import counts
from maskscope.errors import ConfigError
from maskscope.studies.arithmetic.spec import ArithmeticSpec, Network
from maskscope.tasks.double_addition import Mode

Control = Literal["untrained", "shuffled-weights", "shuffled-labels", "copied-io"]
_MODES: Mapping[Network, tuple[Mode, ...]] = {
    "mlp": ("two_runs",),
    "lstm": ("together", "only_one_io"),
    "transformer": ("together",),
}


@dataclass(frozen=True)
class DoubleAdditionSpec(ArithmeticSpec):
    """The same addition of two pairs of numbers in one network (paper, section 3.1)."""

    # as of all arithmetic studies, and one more
    controls: tuple[Control, ...] = field(default=("untrained",), metadata=counts(None))  # type: ignore[assignment]
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor), shuffled-labels; and
    copied-io, where both pairs have the same input and output weights. Paper: copied-io."""
    mode: Mode = "two_runs"
    """How the pairs are shown. two_runs (mlp): one call each; together (lstm, transformer): at once; only_one_io (lstm): in turn.
    Paper: two_runs for the feed-forward network, the other two for the LSTM."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fitting = _MODES[self.network]
        if self.mode not in fitting:
            raise ConfigError(f"mode is {self.mode}; network {self.network} can be shown the pairs by {' or '.join(fitting)}.")
        if "copied-io" in self.controls and self.mode == "together":
            raise ConfigError(
                "controls has copied-io with mode together: with equal input weights a network that sees both pairs at once "
                "could not tell them apart. Take mode two_runs or only_one_io, or leave copied-io out."
            )
