"""The observer that tells a tracker of experiments what a search does."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.storage import read_json, write_json
from maskscope.training.observers import Observer, ProgressBar, StepReport
from maskscope.training.trackers.services import TRACKERS, Opening, TrackedRun, finite

# which run of the tracker a search has, so that a resumed search goes on in it
_RUNS = "runs.json"


class TrackerWarning(UserWarning):
    """A tracker failed: the search goes on, and nothing more is logged."""


class Tracker(Observer):
    """Logs searches with wandb, trackio, TensorBoard or MLflow; on this machine only, unless you choose otherwise.

    It is an observer of one search, ``discover(..., observers=[Tracker("tensorboard")])``, and makes the observers of all
    searches of a study: ``study.run(..., watch=Tracker("tensorboard"))``. Each search is a run of its own in the tracker, and
    curves have the same names in all: ``loss`` (the mean since the last point), ``density``, ``undecided``, ``penalty``, and
    ``behaviour`` along a path; at the end ``result/...``. A study's numbers are a further run, named as the study.

    wandb is offline unless WANDB_MODE is set or ``mode=`` is given; MLflow writes files unless MLFLOW_TRACKING_URI is set or
    ``tracking_uri=`` is given; trackio and TensorBoard write files. A search that is resumed from its checkpoint goes on in the
    run that it had. If the tracker fails, there is one `TrackerWarning`, and the search goes on without it.

    Args:
        service: ``wandb``, ``trackio``, ``tensorboard`` or ``mlflow``.
        project: the tracker's project, or MLflow's experiment.
        name: of the search, where it is given as an observer.
        folder: for the tracker's files, and for the note which search has which run.
        points: about how many points a curve has.
        run: an open run that all is logged to, and that is not closed: of wandb or trackio, a SummaryWriter, an MLflow run. The
            curves of a study's searches then have the search's name in front.
        options: for ``wandb.init``, ``trackio.init``, ``SummaryWriter`` or ``MlflowClient``.

    Raises:
        UnknownNameError: there is no such tracker.
        MissingExtraError: it is not installed.
        ConfigError: ``points`` is below 1.
    """

    def __init__(
        self,
        service: str,
        *,
        project: str = "maskscope",
        name: str = "mask",
        folder: str | Path = "tracking",
        points: int = 200,
        run: Any = None,
        **options: Any,
    ) -> None:
        if service not in TRACKERS:
            raise UnknownNameError("tracker", service, TRACKERS)
        if points < 1:
            raise ConfigError(f"points is {points}; a number of at least 1 was expected.")
        TRACKERS[service].require()
        self._service, self._project, self._folder, self._points = service, project, Path(folder), points
        self._given, self._options, self._name, self._prefix = run, options, name, ""
        self._failures: list[str] = []  # shared by the trackers of a study's searches, so that there is one warning
        self._run: TrackedRun | None = None
        self._losses: list[float] = []
        self._step, self._is_done = 0, False

    def __call__(self, name: str) -> Sequence[Observer]:
        """The observers of a study's search: a progress bar, and the tracker under the search's name."""
        return (ProgressBar(name), self._for(name))

    def _for(self, name: str) -> "Tracker":
        one = copy.copy(self)
        one._name, one._prefix, one._losses = name, "" if self._given is None else f"{name}/", []
        return one

    def begin(self, report: StepReport) -> None:
        """Opens the run; a resumed search opens the one it had."""
        self._step, self._is_done, self._losses = report.step, report.is_last, []
        self._try(lambda: self._open(report.step, report))

    def after_step(self, report: StepReport) -> None:
        """Logs a point, when one is due."""
        self._step, self._is_done = report.step, report.is_last
        if self._run is None:
            return
        self._losses.append(report.loss)
        if report.step % max(1, report.steps // self._points) and not report.is_last:
            return
        values = {"loss": sum(self._losses) / len(self._losses), **report.measure(), **report.sizing()}
        self._losses = []
        self._log(values)

    def end(self) -> None:
        """Closes the run of a search that did not come to its end; the others wait for the result."""
        if not self._is_done:
            self._close(failed=True)

    def found(self, result: Mapping[str, float]) -> None:
        """Logs the result, and closes the run."""
        self._log({f"result/{name}": value for name, value in result.items()})
        self._close(failed=False)

    def conclude(self, name: str, numbers: Mapping[str, float]) -> None:
        """Logs the numbers of a study in a run of its own, again in the same run if the study is run again.

        Args:
            name: of the study.
            numbers: what it found.
        """
        one = self._for(name)
        one._try(lambda: one._open(0, None))
        one._log(numbers)
        one._close(failed=False)

    def _open(self, step: int, report: StepReport | None) -> None:
        known = self._known_runs()
        key = f"{self._service}/{self._project}/{self._name}"
        goes_on = step > 0 or report is None
        opening = Opening(
            self._project,
            self._name,
            self._folder,
            report.settings if report else {},
            known.get(key, "") if goes_on else "",
            step,
            self._given,
            self._options,
        )
        self._run = TRACKERS[self._service](opening)
        if self._given is None:
            write_json(self._folder / _RUNS, known | {key: self._run.id})

    def _known_runs(self) -> dict[str, str]:
        file = self._folder / _RUNS
        return {str(key): str(value) for key, value in read_json(file).items()} if file.exists() else {}

    def _log(self, values: Mapping[str, float]) -> None:
        run = self._run
        if run is not None:
            self._try(lambda: run.log(finite({f"{self._prefix}{name}": value for name, value in values.items()}), self._step))

    def _close(self, *, failed: bool) -> None:
        run, self._run = self._run, None
        if run is not None:
            self._try(lambda: run.close(failed=failed))

    def _try(self, call: Callable[[], None]) -> None:
        """Does something with the tracker; a failure is told once and ends the logging, never the search."""
        if self._failures:
            self._run = None
            return
        try:
            call()
        except Exception as error:
            self._run = None
            self._failures.append(str(error))
            warnings.warn(
                f"The tracker {self._service} failed, so nothing more is logged; the search goes on. "
                f"{type(error).__name__}: {error}",
                TrackerWarning,
                stacklevel=2,
            )
