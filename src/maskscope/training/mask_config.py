"""The settings of a search for masks, and of its computation."""

import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import (
    EXECUTORS,
    KERNELS,
    Annealing,
    BehaviourKept,
    Estimator,
    Penalty,
    Size,
    TargetDensity,
    has_bfloat16,
    is_faster_batched,
    make_estimator,
)
from maskscope.storage import Json
from maskscope.training.loop import LoopConfig, require_finite
from maskscope.training.sizing import most_steps, require_fit

# The factor of the learning rate as a function of the share of steps done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (1 + math.cos(math.pi * share)) / 2,
    "warm-cosine": lambda share: min(1.0, 10 * share) * (1 + math.cos(math.pi * max(0.0, 2 * share - 1))) / 2,
}


# beta 1e-4 divided by 128 items: addition/multiplication
PAPERS_PENALTY = Penalty(7.8125e-7)
_USUAL_SAMPLES = 4


@dataclass(frozen=True)
class MaskConfig:
    """The settings of a search. The defaults are the paper's, except the weight of the penalty, which it sets for each
    experiment.

    Args:
        steps: the number of optimisation steps; fewer are possible with ``stop_when_settled``, more with `BehaviourKept`.
        samples_per_step: S, the number of independent mask samples in a step; each gets its own part of the data. None: 4 if the
            estimator draws its gates; else 1, because all samples would be the same.
        learning_rate: the learning rate of Adam for the logits.
        size: what decides how large the mask becomes: `Penalty` (the paper's; alpha is its beta / batch size of the network's
            training), `TargetDensity` or `BehaviourKept`.
        initial_logit: the initial value of every logit; 2 is a keep probability of .88.
        estimator: a name in ``maskscope.masks.ESTIMATORS``.
        temperature: a factor of the estimator's own temperatures.
        annealing: the temperatures over the steps; None for the estimator's own.
        clip_norm: the largest norm of the logits' gradient; 0 for no clipping.
        accumulation: the number of parts that each sample gets in a step: the gradient of a larger batch in less memory.
        schedule: the schedule of the learning rate: ``constant``; ``linear`` or ``cosine`` to 0 at the last step;
            ``warm-cosine``: linearly from 0 over the first tenth of the steps, and as a cosine to 0 over the second half.
        stop_when_settled: whether to stop early when the mask does not change any more: the undecided logits (keep probability
            or gate between .05 and .95) are at most 1 % of the number kept, and the density changed by at most 1 % of itself over
            the last tenth of the steps done. At least a tenth of ``steps`` is done, and the density must be below its initial
            value.
        stop_when_lost: whether to stop early when nothing can come any more: after a tenth of ``steps``, the mask keeps less than
            1 %, and over the last tenth of the steps done its loss was no lower than that of the network without any maskable
            weight, within 1 % of what the whole network gains.

    Examples:
        >>> import maskscope as ms
        >>> config = ms.MaskConfig.recommended(steps=500)
        >>> config.estimator, config.size.share, config.most_steps
        ('continuous-sparsification', 0.95, 1000)
    """

    steps: int = 20_000
    samples_per_step: int | None = None
    learning_rate: float = 1e-2
    size: Size = PAPERS_PENALTY
    initial_logit: float = 2.0
    estimator: str = "rao-blackwell"
    temperature: float = 1.0
    annealing: Annealing | None = None
    clip_norm: float = 1.0
    accumulation: int = 1
    schedule: str = "constant"
    stop_when_settled: bool = False
    stop_when_lost: bool = False

    def __post_init__(self) -> None:
        require_finite(self, "initial_logit", "temperature")
        estimator = self.made_estimator
        if not 1 <= self.samples <= 1 << 18:
            raise ConfigError(f"samples_per_step is {self.samples_per_step}; a number from 1 to {1 << 18} was expected.")
        if not estimator.draws and self.samples != 1:
            raise ConfigError(
                f"samples_per_step is {self.samples}, and the estimator {self.estimator} draws nothing: all samples would be the "
                "same. Take samples_per_step=1, or an estimator that draws."
            )
        if self.accumulation < 1:
            raise ConfigError(f"accumulation is {self.accumulation}; a number of at least 1 was expected.")
        if self.schedule not in SCHEDULES:
            raise UnknownNameError("schedule", self.schedule, SCHEDULES)
        LoopConfig(self.steps, self.learning_rate, self.clip_norm)
        if not isinstance(self.size, Size):
            raise ConfigError(
                f"size is {self.size!r}; one of Penalty(weight), TargetDensity(share) and BehaviourKept(share) was expected."
            )
        ends = [name for name in ("stop_when_settled", "stop_when_lost") if getattr(self, name)]
        if ends and not isinstance(self.size, Penalty):
            raise ConfigError(
                f"{' and '.join(ends)} ends a search with a penalty early; with size={self.size.name} a search ends by itself. "
                "Leave it out."
            )
        require_fit(self.size, estimator)

    @classmethod
    def recommended(cls, **changes: Any) -> "MaskConfig":
        """The settings for a network that nobody has masks of yet: they did best on planted truth (docs/method.md).

        The smallest mask that keeps .95 of the score, by continuous sparsification; `maskscope.discover` needs ``score=`` for it.

        Args:
            changes: settings that are to be others.
        """
        settings: dict[str, Any] = {"steps": 1_000, "learning_rate": 0.1, "estimator": "continuous-sparsification"}
        return cls(**({"size": BehaviourKept()} | settings | changes))

    def as_json(self) -> Json:
        """The settings, for files that say how a mask was made."""
        return asdict(self) | {"samples_per_step": self.samples, "size": self.size.as_json()}

    @property
    def made_estimator(self) -> Estimator:
        """The estimator, with its temperatures."""
        return make_estimator(self.estimator, self.temperature, self.annealing)

    @property
    def samples(self) -> int:
        """S, also where ``samples_per_step`` leaves it to the estimator."""
        if self.samples_per_step is not None:
            return self.samples_per_step
        return _USUAL_SAMPLES if self.made_estimator.draws else 1

    @property
    def most_steps(self) -> int:
        """The most steps that a search takes: ``steps``, or those of a path."""
        return most_steps(self.size, self.steps, self.least_stage)

    @property
    def least_stage(self) -> int:
        """How many steps a stage of a path has at least: so many take a logit from its start to as far below 0, by Adam."""
        return max(1, math.ceil(2 * abs(self.initial_logit) / self.learning_rate))

    @property
    def parts_per_step(self) -> int:
        """The number of parts of data that a step uses."""
        return self.samples * self.accumulation


@dataclass(frozen=True)
class Compute:
    """How the computation is done. Executors and kernels do not change the result, except for rounding; the others do.

    Args:
        executor: a name in ``maskscope.masks.EXECUTORS``: how the samples of a step are run.
        kernels: a name in ``maskscope.masks.KERNELS``: the implementation of the passes over the weights.
        dtype: the dtype of the masked copies: ``weight`` for that of the weights; ``bfloat16`` for half the memory traffic and,
            on hardware that supports it, faster products. torch's autocast converts the other operands.
        data_parallel: whether all processes that torchrun started search together, each with the whole network: they share the
            samples of every step, and the mask is that of one process up to rounding (docs/sharded.md).
        state: what is kept for each logit between steps: ``full`` is 16 bytes; ``lean`` is 8, with logits and second moments in
            bfloat16, rounded by chance, and without momentum (docs/scale.md).
    """

    executor: str = "auto"
    kernels: str = "auto"
    dtype: Literal["weight", "bfloat16"] = "weight"
    data_parallel: bool = False
    state: Literal["full", "lean"] = "full"

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise UnknownNameError("executor", self.executor, EXECUTORS)
        if self.kernels not in KERNELS:
            raise UnknownNameError("kernels", self.kernels, KERNELS)
        if self.dtype not in ("weight", "bfloat16"):
            raise UnknownNameError("compute dtype", self.dtype, ("weight", "bfloat16"))
        if self.state not in ("full", "lean"):
            raise UnknownNameError("compute state", self.state, ("full", "lean"))

    @property
    def is_lean(self) -> bool:
        """Whether logits and moments are kept in bfloat16."""
        return self.state == "lean"

    def as_json(self) -> Json:
        """The settings, for files that say how a mask was made; those that came later are named only where they are asked for."""
        unasked = {"data_parallel": False, "state": "full"}
        return {name: value for name, value in asdict(self).items() if name not in unasked or value != unasked[name]}

    def of_copies(self, weight: torch.Tensor) -> torch.dtype:
        """The dtype of a weight's masked copies: vectors (norms, biases) keep theirs, as under autocast."""
        return torch.bfloat16 if self.dtype == "bfloat16" and weight.dim() > 1 else weight.dtype


def require_lean(config: MaskConfig) -> None:
    """Raises `ConfigError` if a search with these settings cannot keep its logits in bfloat16."""
    if isinstance(config.size, TargetDensity):
        raise ConfigError(
            "The lean state keeps logits in bfloat16, and size=TargetDensity(share) shifts all of them by less than bfloat16 can "
            "hold. Give size=Penalty(weight) or size=BehaviourKept(share), or leave Compute(state='full')."
        )


class SlowBfloat16Warning(UserWarning):
    """The device has no instructions for bfloat16; torch emulates it, many times slower than float32."""


def check_bfloat16(network: nn.Module, compute: Compute, device: torch.device) -> None:
    """Checks whether the device supports bfloat16, and warns if it is slow.

    Raises:
        ConfigError: torch's recurrent layers cannot run in bfloat16 on this device.
    """
    if has_bfloat16(device):
        return
    one_by_one = compute.executor in ("sequential", "threads") or (compute.executor == "auto" and not is_faster_batched(network))
    if one_by_one and any(isinstance(module, nn.RNNBase) for module in network.modules()):
        raise ConfigError(
            f"This network's recurrent layers cannot run in bfloat16 on {device}, which has no instructions for it. Leave the "
            "compute dtype at 'weight'."
        )
    warnings.warn(
        f"{device} has no instructions for bfloat16: the masks are those of bfloat16, but each step takes many times longer than "
        "with dtype='weight'",
        SlowBfloat16Warning,
        stacklevel=4,
    )
