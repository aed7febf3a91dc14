"""Warns while a search goes on, if it goes wrong."""

import math
import warnings
from collections.abc import Sequence

from maskscope.training.observers.observer import Observer, StepReport
from maskscope.training.observers.progress import ProgressBar


class LossWarning(UserWarning):
    """The loss under the mask is not finite, or too high."""


class Watchdog(Observer):
    """Warns if the loss is not finite, or if it stays far above the loss of the unmasked network; once for each reason.

    The second is checked in the second half of a run and at its end. Let m be the mean loss of the last 100 steps, f the loss of
    the first step and u the unmasked loss: it warns if m > u + max(f - u, u, 0) / 2. Then the mask does not carry the function:
    the penalty is too strong, or there are too few steps.
    """

    _WINDOW = 100

    def __init__(self) -> None:
        self._recent: list[float] = []
        self._warned: set[str] = set()

    def after_step(self, report: StepReport) -> None:
        """Checks the loss of the step."""
        if not math.isfinite(report.loss):
            self._warn("finite", f"step {report.step}: the loss is {report.loss}")
            return
        self._recent = [*self._recent[-self._WINDOW + 1 :], report.loss]
        if (report.step * 2 < report.steps and not report.is_last) or len(self._recent) < self._WINDOW:
            return
        mean, reference = sum(self._recent) / self._WINDOW, report.reference_loss
        if mean > reference + max(report.first_loss - reference, reference, 0) / 2:
            self._warn(
                "behind",
                f"step {report.step}: the loss under the mask is {mean:.3g}, that of the unmasked network "
                f"{reference:.3g}; the mask does not carry the function. Lower the penalty, or take more steps.",
            )

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(message, LossWarning, stacklevel=4)


def usual_observers(
    given: Sequence[Sequence[Observer]], titles: Sequence[str], *, with_watchdog: bool = True
) -> list[list[Observer]]:
    """The given observers of each mask, plus a watchdog for each, and one progress bar for all masks together.

    Args:
        given: the observers of each mask.
        titles: the names of the masks, for the progress bar.
        with_watchdog: whether to add the watchdog.
    """
    bars = [observer for own in given for observer in own if isinstance(observer, ProgressBar)]
    bar = ProgressBar.of_all(bars or [ProgressBar(title) for title in titles])
    found = []
    for own in given:
        kept = [observer for observer in own if not isinstance(observer, ProgressBar)]
        watchdog = [] if not with_watchdog or any(isinstance(observer, Watchdog) for observer in own) else [Watchdog()]
        found.append([*kept, *watchdog, bar])
    return found
