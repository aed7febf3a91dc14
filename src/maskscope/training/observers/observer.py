"""Observers watch a run. They change nothing: a run gives the same bits with and without them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from maskscope.storage import Json


@dataclass(frozen=True)
class StepReport:
    """What observers get after a step.

    Args:
        step: the number of steps done.
        steps: the number of steps of the whole run.
        loss: the mean loss of this step.
        reference_loss: the loss without masks on the data of the first step; NaN if weights are fitted.
        first_loss: the loss of the first step.
        measure: computes quantities that take longer: for masks, ``density`` and ``undecided``.
        is_last: whether the run ends with this step, possibly before ``steps``.
        sizing: what brings about the size of a mask: its ``penalty`` on each unit and, if its size is found along a path, the
            ``behaviour`` that the path's last mask kept.
        settings: the settings of the run, by name.
    """

    step: int
    steps: int
    loss: float
    reference_loss: float
    first_loss: float
    measure: Callable[[], Mapping[str, float]]
    is_last: bool = False
    sizing: Callable[[], Mapping[str, float]] = dict
    settings: Json = field(default_factory=dict)


class Observer:
    """Watches a run. Subclasses override the methods that they need.

    Examples:
        >>> import maskscope as ms
        >>> class Last(ms.Observer):
        ...     def after_step(self, report):
        ...         if report.is_last:
        ...             print(report.step, report.measure()["density"])
        >>> # ms.discover(network, loss, batches, observers=[Last()])
    """

    def begin(self, report: StepReport) -> None:
        """Called once before the first step in this process; ``report.step`` is above 0 if the run is resumed."""

    def after_step(self, report: StepReport) -> None:
        """Called after each step."""

    def note(self, text: str) -> None:
        """Called with a line of text for the user, for example before a long preparation."""

    def end(self) -> None:
        """Called once at the end of the run, also after an error."""

    def found(self, result: Mapping[str, float]) -> None:
        """Called once after `end` with the numbers of what was found; not after an error, and not if the run was stopped."""


@dataclass
class History(Observer):
    """Records the loss of every step, and the measures at some 200 steps."""

    loss: list[float] = field(default_factory=list)
    measured_at: list[int] = field(default_factory=list)
    measures: dict[str, list[float]] = field(default_factory=dict)

    def after_step(self, report: StepReport) -> None:
        """Records the step."""
        self.loss.append(report.loss)
        if report.step % max(1, report.steps // 200) == 0 or report.is_last:
            self.measured_at.append(report.step)
            for name, value in report.measure().items():
                self.measures.setdefault(name, []).append(value)
