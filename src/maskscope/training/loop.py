"""The one training loop. What is trained and what is minimised come as an `Objective`; who watches, as observers."""

import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from maskscope.errors import ConfigError, NotFiniteError
from maskscope.storage import Json
from maskscope.training.checkpoint import Checkpoint, Keeper, Saved, load, optimizer_tensors, restore_optimizer
from maskscope.training.observers import History, Moment, Observer
from maskscope.training.seeds import child_seed, isolated_random, reseed


class Objective(ABC):
    """What is trained and what is minimised."""

    device: torch.device
    reference_loss: float = math.nan

    @property
    @abstractmethod
    def parameters(self) -> list[Tensor]:
        """The leaf tensors that are trained."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything that changes during training, by name; the live tensors."""

    @abstractmethod
    def accumulate(self, step: int) -> Tensor:
        """Adds the gradient of step number ``step`` (from 0) to ``.grad`` of the parameters, and returns the mean loss."""

    def measures(self) -> Mapping[str, float]:
        """Slower things worth showing."""
        return {}


@dataclass(frozen=True)
class LoopConfig:
    """How long, how fast, how clipped: Adam with betas (.9, .999), eps 1e-8, no decay.

    Args:
        steps: the number of steps, exactly.
        learning_rate: Adam's.
        clip_norm: the largest gradient norm; 0 for no clipping.
    """

    steps: int
    learning_rate: float
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(f"steps is {self.steps}; a number of at least 0 was expected.")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate is {self.learning_rate}; a number above 0 was expected.")
        if not self.clip_norm >= 0:
            raise ConfigError(f"clip_norm is {self.clip_norm}; a number of at least 0 was expected (0: no clipping).")


@dataclass(frozen=True)
class LoopResult:
    """How a run went: its history, the unmasked loss at the start, and the seconds it took over all its sessions."""

    history: History
    reference_loss: float
    seconds: float


def run_loop(
    objective: Objective,
    config: LoopConfig,
    *,
    seed: int,
    identity: Json,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | None = None,
) -> LoopResult:
    """Trains for exactly ``config.steps`` steps, or takes up a saved run and does the rest of them.

    Every step has its own seed for torch's generators, so that a resumed run draws what an unbroken one would.

    Raises:
        NotFiniteError: a gradient is NaN or infinite; the last checkpoint is still good.
        KeyboardInterrupt: after Ctrl-C, when the step is done and the checkpoint is written.
    """
    optimizer = torch.optim.Adam(objective.parameters, lr=config.learning_rate, eps=1e-8, fused=True)
    keeper = Keeper(checkpoint, identity) if checkpoint else None
    saved = load(checkpoint, identity) if checkpoint else None
    history = _restore(objective, optimizer, saved)
    start, before = (saved.step, saved.seconds) if saved else (0, 0.0)
    began = time.perf_counter()

    def moment(step: int) -> Moment:
        loss, first = (history.loss[-1], history.loss[0]) if history.loss else (math.nan, math.nan)
        return Moment(step, config.steps, loss, objective.reference_loss, first, objective.measures)

    def save(step: int) -> None:
        if keeper:
            tensors = {f"state/{name}": tensor for name, tensor in objective.state().items()} | optimizer_tensors(optimizer)
            remembered = asdict(history) | {"reference_loss": _plain(objective.reference_loss)}
            keeper.write(Saved(step, before + time.perf_counter() - began, tensors, remembered))

    everyone: list[Observer] = [history, *observers]
    with isolated_random(seed, objective.device), _deferred_interrupt() as interrupted:
        for observer in everyone:
            observer.begin(moment(start))
        try:
            for step in range(start, config.steps):
                reseed(child_seed(seed, "step", step), objective.device)
                loss = objective.accumulate(step)
                _clip(objective.parameters, config.clip_norm, step, float(loss))
                optimizer.step()
                optimizer.zero_grad(set_to_none=False)
                now = _with_loss(moment(step + 1), float(loss))
                for observer in everyone:
                    observer.after_step(now)
                if interrupted.is_set():
                    save(step + 1)
                    raise KeyboardInterrupt
                if keeper and (keeper.due() or step + 1 == config.steps):
                    save(step + 1)
        finally:
            for observer in everyone:
                observer.end()
    return LoopResult(history, objective.reference_loss, before + time.perf_counter() - began)


def _with_loss(moment: Moment, loss: float) -> Moment:
    first = loss if math.isnan(moment.first_loss) else moment.first_loss
    return Moment(moment.step, moment.steps, loss, moment.reference_loss, first, moment.measure)


def _restore(objective: Objective, optimizer: torch.optim.Optimizer, saved: Saved | None) -> History:
    if saved is None:
        return History()
    with torch.no_grad():
        for name, tensor in objective.state().items():
            tensor.copy_(saved.tensors[f"state/{name}"])
    restore_optimizer(optimizer, saved.tensors)
    remembered = dict(saved.history)
    reference = remembered.pop("reference_loss")
    objective.reference_loss = math.nan if reference is None else reference
    return History(**remembered)


def _clip(parameters: list[Tensor], limit: float, step: int, loss: float) -> None:
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit or math.inf)
    if not math.isfinite(float(norm)):
        raise NotFiniteError(
            f"Step {step + 1}: the gradient is not finite (the loss is {loss}). Look for NaN or infinity in the weights and "
            "the data, and for a logarithm or a division in the loss."
        )


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set a flag that is looked at between steps; a second Ctrl-C interrupts at once."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def remember(signal_number: int, _frame: object) -> None:
        if flag.is_set() and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        flag.set()

    previous = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
