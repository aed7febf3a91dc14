"""The only training loop. An `Objective` says what is trained and what is minimised; observers watch."""

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from maskscope.errors import ConfigError, NotFiniteError, UnknownNameError
from maskscope.signals import STOP_SIGNALS
from maskscope.storage import Json
from maskscope.training.checkpoint import STATE, Checkpoint, Keeper, load
from maskscope.training.objective import Objective
from maskscope.training.observers import History, Observer, StepReport
from maskscope.training.optimizers.state import OPTIMIZERS, optimizer_tensors, restore_optimizer
from maskscope.training.saved import Saved, Structure
from maskscope.training.seeds import child_seed, isolated_random, reseed


@dataclass(frozen=True)
class LoopConfig:
    """The settings of the loop: steps, learning rate, clipping and optimizer.

    Args:
        steps: the exact number of steps.
        learning_rate: the learning rate of the optimizer.
        clip_norm: the largest gradient norm; 0 for no clipping.
        optimizer: ``adam``; or ``sgd``, with momentum .9.
        weight_decay: the parameters, times this factor, are added to their gradient.
        betas: the two decay rates of Adam.
        eps: the number that Adam adds to the root of the second moment.
    """

    steps: int
    learning_rate: float
    clip_norm: float = 1.0
    optimizer: str = "adam"
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ConfigError(f"steps is {self.steps}; a number of at least 0 was expected.")
        require_finite(self, "learning_rate", "clip_norm", "weight_decay", "eps")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate is {self.learning_rate}; a number above 0 was expected.")
        if not self.clip_norm >= 0:
            raise ConfigError(f"clip_norm is {self.clip_norm}; a number of at least 0 was expected (0: no clipping).")
        if self.optimizer not in OPTIMIZERS:
            raise UnknownNameError("optimizer", self.optimizer, OPTIMIZERS)
        if not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay is {self.weight_decay}; a number of at least 0 was expected.")
        if not all(0 <= beta < 1 for beta in self.betas) or not self.eps > 0:
            raise ConfigError(f"betas are {self.betas} and eps is {self.eps}; from 0 to below 1, and above 0, were expected.")

    def optimizer_settings(self) -> dict[str, Any]:
        """The arguments of the optimizer."""
        chosen: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        return chosen | ({"betas": self.betas, "eps": self.eps} if self.optimizer == "adam" else {})


def require_finite(settings: object, *names: str) -> None:
    """Raises `ConfigError` for the first of these settings that is NaN or infinite."""
    for name in names:
        value = getattr(settings, name)
        if not math.isfinite(value):
            raise ConfigError(f"{name} is {value}; a finite number was expected.")


@dataclass(frozen=True)
class LoopResult:
    """The result of a run: the history and the reference loss of each track, and the seconds of all its sessions together."""

    histories: list[History]
    reference_losses: list[float]
    seconds: float


def run_loop(
    objective: Objective,
    config: LoopConfig,
    *,
    seed: int,
    identity: Json,
    observers: Sequence[Sequence[Observer]] = ((),),
    checkpoint: Checkpoint | None = None,
) -> LoopResult:
    """Trains up to step ``config.steps``, from the start or from a checkpoint; ends earlier if the objective is done.

    Every step sets its own seed of torch's generators, so that a resumed run draws the same numbers as an uninterrupted one.

    Args:
        objective: what is trained and what is minimised.
        config: the settings.
        seed: the root seed of torch's generators.
        identity: the identity of the run, for its checkpoint; the file of a run with another identity is an error.
        observers: the observers of each track.
        checkpoint: where to save the state.

    Raises:
        NotFiniteError: a gradient is NaN or infinite; the last checkpoint is not affected.
        KeyboardInterrupt: after Ctrl-C, SIGTERM or SIGHUP; raised when the step is finished and the checkpoint is written.
    """
    optimizer = objective.optimizer(config.optimizer, config.optimizer_settings())
    keeper, saved = None, None
    if checkpoint:
        keeper = Keeper(checkpoint, identity)
        saved = load(checkpoint, identity, Structure(config.steps, len(objective.parameters), _stored(objective), optimizer))
    histories = _restore(objective, optimizer, saved)
    start, before = (saved.step, saved.seconds) if saved else (0, 0.0)
    del saved  # its tensors are copied
    began = time.perf_counter()
    settings = identity["config"] if isinstance(identity.get("config"), dict) else {}
    tracks = [_Track(objective, config.steps, number, history, settings) for number, history in enumerate(histories)]
    watchers = [(track, [track.history, *own]) for track, own in zip(tracks, observers, strict=True)]

    def save(step: int) -> None:
        if keeper:
            tensors = _stored(objective) | optimizer_tensors(optimizer)
            remembered = [asdict(track.history) | {"reference_loss": objective.reference_loss(track.number)} for track in tracks]
            keeper.write(Saved(step, before + time.perf_counter() - began, tensors, remembered))

    with isolated_random(seed, objective.device), _deferred_interrupt() as interrupted:
        done = start == config.steps or objective.is_done(start)
        for track, own in watchers:
            for observer in own:
                observer.begin(track.report(start, is_last=done))
        try:
            for step in range(start, config.steps):
                if done:
                    break
                reseed(child_seed(seed, "step", step), objective.device)
                losses = objective.accumulate(step).tolist()
                for number, parameters in enumerate(objective.parameters):
                    _clip(objective, parameters, config.clip_norm, step, losses[number], objective.title(number))
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate * objective.learning_rate_factor(step)
                optimizer.step()
                if objective.after_step(step + 1):
                    optimizer.state.clear()
                done = step + 1 == config.steps or objective.is_done(step + 1)
                for track, own in watchers:
                    now = track.report(step + 1, losses[track.number], is_last=done)
                    for observer in own:
                        observer.after_step(now)
                if objective.agree(interrupted.is_set()):
                    save(step + 1)
                    raise KeyboardInterrupt
                if keeper and objective.agree(keeper.due() or done):
                    save(step + 1)
        finally:
            for _, own in watchers:
                for observer in own:
                    observer.end()
    references = [objective.reference_loss(track.number) for track in tracks]
    return LoopResult(histories, references, before + time.perf_counter() - began)


@dataclass(frozen=True)
class _Track:
    objective: Objective
    steps: int
    number: int
    history: History
    settings: Json

    def report(self, step: int, loss: float | None = None, *, is_last: bool = False) -> StepReport:
        known = self.history.loss
        loss = (known[-1] if known else math.nan) if loss is None else loss
        first = known[0] if known else loss
        reference = self.objective.reference_loss(self.number)
        return StepReport(
            step,
            self.steps,
            loss,
            reference,
            first,
            lambda: self.objective.measures(self.number),
            is_last,
            lambda: self.objective.sizing(self.number),
            self.settings,
        )


def _restore(objective: Objective, optimizer: torch.optim.Optimizer, saved: Saved | None) -> list[History]:
    if saved is None:
        return [History() for _ in objective.parameters]
    with torch.no_grad():
        for name, tensor in _stored(objective).items():
            # elements that expand() repeats are in memory once
            once = tuple(slice(None) if stride else slice(0, 1) for stride in tensor.stride())
            tensor[once].copy_(saved.tensors[name][once])
    restore_optimizer(optimizer, saved.tensors)
    histories = []
    for track, entry in enumerate(saved.histories):
        remembered = dict(entry)
        objective.set_reference_loss(track, remembered.pop("reference_loss"))
        histories.append(History(**remembered))
    return histories


def _stored(objective: Objective) -> dict[str, Tensor]:
    """The live tensors of the objective's state, by their names in a checkpoint."""
    return {f"{STATE}{name}": tensor for name, tensor in objective.state().items()}


def _clip(objective: Objective, parameters: list[Tensor], limit: float, step: int, loss: float, title: str) -> None:
    """Scales the gradient down to the limit. A gradient below the limit is not multiplied, which saves a pass over it."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = objective.gradient_norm(gradients)
    if not math.isfinite(norm):
        raise NotFiniteError(
            f"Step {step + 1}: the gradient{title and f' of {title}'} is not finite (the loss is {loss}). Look for NaN or "
            "infinity in the weights and the data, and for a logarithm or a division in the loss."
        )
    if limit and norm > limit:
        torch._foreach_mul_(gradients, limit / (norm + 1e-6))


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Ctrl-C, SIGTERM and SIGHUP set a flag, which is checked between steps; a second Ctrl-C interrupts at once."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def remember(signal_number: int, _frame: object) -> None:
        if flag.is_set() and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        flag.set()

    # a process under nohup ignores SIGHUP, to survive its terminal
    ignored = {number for number in STOP_SIGNALS[2:] if signal.getsignal(number) == signal.SIG_IGN}
    previous = {number: signal.signal(number, remember) for number in STOP_SIGNALS if number not in ignored}
    try:
        yield flag
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
