"""How each tracker opens a run and takes numbers. To add one, write one class and add one row to the table.

Nothing here is imported from a tracker before a run is opened, and nothing leaves this machine unless the user says so.
"""

import math
import os
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from maskscope.errors import MissingExtraError
from maskscope.storage import Json


@dataclass(frozen=True)
class Opening:
    """What a run of a tracker is opened with.

    Args:
        project: that it belongs to.
        name: of the run.
        folder: where local files go.
        settings: of the search.
        id: of the run that is to go on; empty for a new one.
        step: steps that were done before.
        given: a run that is open already.
        options: of the user, for the tracker's own call.
    """

    project: str
    name: str
    folder: Path
    settings: Json = field(default_factory=dict)
    id: str = ""
    step: int = 0
    given: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


class TrackedRun(ABC):
    """A run that a tracker has open."""

    package: str
    """What it is imported from."""
    extra: str
    """The extra of this package that brings it."""
    id: str
    """By which a later run goes on; empty if it cannot."""

    @abstractmethod
    def __init__(self, opening: Opening) -> None: ...

    @abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Takes numbers that belong to a step."""

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """Ends the run; a run that was given is left open."""

    @classmethod
    def require(cls) -> None:
        """Raises `MissingExtraError` if the tracker is not installed."""
        if find_spec(cls.package) is None:
            raise MissingExtraError(cls.package, f"The tracker {cls.extra}", cls.extra)


class WandbRun(TrackedRun):
    """A run of Weights & Biases: offline unless the user chose a mode. `wandb sync` uploads it."""

    package = extra = "wandb"

    def __init__(self, opening: Opening) -> None:
        self._is_given, self.id = opening.given is not None, opening.id or secrets.token_hex(4)
        self._run = opening.given or import_module(self.package).init(**self._arguments(opening))

    def _arguments(self, opening: Opening) -> dict[str, Any]:
        opening.folder.mkdir(parents=True, exist_ok=True)
        mode = {} if "WANDB_MODE" in os.environ else {"mode": "offline"}
        quiet = import_module("wandb").Settings(console="off", silent=True)
        # several searches may go on together, and the user may have a run of their own
        own = {"dir": str(opening.folder), "id": self.id, "reinit": "create_new", "settings": quiet, "resume": "allow"}
        named = {"project": opening.project, "name": opening.name, "config": opening.settings}
        return named | own | mode | dict(opening.options)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See `TrackedRun.log`. A run that was given has steps of its own, and trackio keeps the name ``step`` for these."""
        if self._is_given:
            self._run.log(dict(values) | {"steps": step})
        else:
            self._run.log(dict(values), step=step)

    def close(self, *, failed: bool) -> None:
        """See `TrackedRun.close`."""
        if not self._is_given:
            self._run.finish(**({"exit_code": 1} if failed else {}))


class TrackioRun(WandbRun):
    """A run of trackio, which has wandb's calls and keeps runs on this machine; its name takes the place of an id."""

    package = extra = "trackio"

    def _arguments(self, opening: Opening) -> dict[str, Any]:
        named = {"project": opening.project, "name": f"{opening.name} {self.id}", "config": opening.settings}
        return named | {"resume": "allow"} | dict(opening.options)

    def close(self, *, failed: bool) -> None:
        """See `TrackedRun.close`; a failure is not told."""
        super().close(failed=False)


class TensorBoardRun(TrackedRun):
    """Event files of TensorBoard: `tensorboard --logdir FOLDER/tensorboard`."""

    package = extra = "tensorboard"

    def __init__(self, opening: Opening) -> None:
        self._is_given, self.id = opening.given is not None, opening.id or secrets.token_hex(4)
        self._writer = opening.given or self._new(opening)

    def _new(self, opening: Opening) -> Any:
        place = opening.folder / "tensorboard" / _as_file(opening.project) / _as_file(f"{opening.name}-{self.id}")
        writer = import_module("torch.utils.tensorboard").SummaryWriter
        # what an interrupted run wrote after its last checkpoint is written again
        resumed = {"purge_step": opening.step + 1} if opening.step else {}
        found = writer(str(place), **resumed | dict(opening.options))
        if opening.settings and not opening.step:
            found.add_text("settings", "  \n".join(f"`{name}`: {value}" for name, value in opening.settings.items()))
        return found

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See `TrackedRun.log`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self, *, failed: bool) -> None:
        """See `TrackedRun.close`."""
        del failed
        if self._is_given:
            self._writer.flush()
        else:
            self._writer.close()


class MlflowRun(TrackedRun):
    """A run of MLflow, in the experiment named as the project: in local files unless MLFLOW_TRACKING_URI or an option is set."""

    package = extra = "mlflow"
    # the server takes no more at once
    _MOST = 1000

    def __init__(self, opening: Opening) -> None:
        # MLflow reports its use over the network unless told otherwise, and local files are refused unless asked for; both are
        # read when they are needed, and what the user has set stays
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        options = dict(opening.options)
        local = (opening.folder / "mlflow").resolve().as_uri()
        options.setdefault("tracking_uri", os.environ.get("MLFLOW_TRACKING_URI") or local)
        self._client = import_module("mlflow.tracking").MlflowClient(**options)
        self._is_given = opening.given is not None
        if self._is_given:
            self.id = opening.given.info.run_id
        elif opening.id:
            self.id = opening.id
            self._client.update_run(self.id, status="RUNNING")
        else:
            known = self._client.get_experiment_by_name(opening.project)
            experiment = known.experiment_id if known else self._client.create_experiment(opening.project)
            self.id = self._client.create_run(experiment, run_name=opening.name).info.run_id
            for name, value in opening.settings.items():
                self._client.log_param(self.id, name, value)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See `TrackedRun.log`."""
        metric, now = import_module("mlflow.entities").Metric, int(time.time() * 1000)
        found = [metric(re.sub(r"[^\w\-. /:]", "_", name), value, now, step) for name, value in values.items()]
        for start in range(0, len(found), self._MOST):
            self._client.log_batch(self.id, metrics=found[start : start + self._MOST])

    def close(self, *, failed: bool) -> None:
        """See `TrackedRun.close`."""
        if not self._is_given:
            self._client.set_terminated(self.id, "FAILED" if failed else "FINISHED")


TRACKERS: Mapping[str, type[TrackedRun]] = {
    "wandb": WandbRun,
    "trackio": TrackioRun,
    "tensorboard": TensorBoardRun,
    "mlflow": MlflowRun,
}


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """The numbers that are any: trackers draw neither NaN nor infinity."""
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def _as_file(name: str) -> str:
    return re.sub(r"[^\w\-.,+= ]", "_", name)
