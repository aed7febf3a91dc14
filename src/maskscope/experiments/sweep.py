"""A sweep: a study over the values of one of its settings. What can be swept, what is planned, and the record of it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.experiments.catalogue import EXPERIMENTS, experiment
from maskscope.experiments.claims import find_quantity
from maskscope.experiments.folder import SWEEP_RECORD
from maskscope.experiments.image_spec import PermutedImagesSpec
from maskscope.experiments.job import Job
from maskscope.experiments.legible import brief
from maskscope.experiments.paper import sweeps
from maskscope.experiments.record import DataOrigin, Provenance, Quantity
from maskscope.experiments.record_file import holds_sweep, read_value
from maskscope.experiments.spec import STUDIES, Spec, from_json
from maskscope.experiments.sweep_setting import parse_values, setting_named
from maskscope.storage import Json

Scale = Literal["number", "weights", "name"]


@dataclass(frozen=True)
class Sweep:
    """What is varied.

    Args:
        study: the experiment.
        over: the dotted name of the setting.
        name: of the sweep; that of its setting, unless it has one of its own.
        axis: the setting in the words of a page.
        summary: one line.
        presets: by name: the settings, and the values; empty where the study's presets are meant.
        chosen: by preset, the label of the value that the study's preset of that name takes.
        values: values that have a name of their own.
    """

    study: str
    over: str
    name: str
    axis: str
    summary: str = ""
    presets: Mapping[str, tuple[Spec, tuple[str, ...]]] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepPoint:
    """What was found at one value.

    Args:
        label: the value in words.
        value: as a number: itself, the maskable weights that it gives a network, or the place in the list.
        spec: all settings.
        quantities: over networks.
        seeds: of the networks.
        data: the files that the data are from; None where data are generated.
    """

    label: str
    value: float
    spec: Json
    quantities: tuple[Quantity, ...]
    seeds: tuple[int, ...]
    data: DataOrigin | None = None

    def quantity(self, measure: str, mask: str = "", function: str = "") -> Quantity | None:
        """The quantity of that address on the trained networks, or None."""
        return find_quantity(self.quantities, measure, mask, function)


@dataclass(frozen=True)
class SweepRecord:
    """A sweep over several networks.

    Args:
        sweep: its name.
        experiment: what was run at each point.
        preset: the preset it began from.
        axis: the setting that was varied.
        chosen: label of the value that the presets take; empty if none does.
        functions: of the task.
        points: in the order of their values.
        provenance: where and with what it was made.
    """

    sweep: str
    experiment: str
    preset: str
    axis: str
    chosen: str
    functions: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    provenance: Provenance

    @property
    def scale(self) -> Scale:
        """What the points stand at: their values, the maskable weights that these give a network, or their place in the list."""
        if all(_is_number(point.label, point.value) for point in self.points):
            return "number"
        return "name" if [point.value for point in self.points] == list(range(len(self.points))) else "weights"


@dataclass(frozen=True)
class PlannedPoint:
    """A value, and the job that is done at it."""

    label: str
    value: Any
    job: Job


_ARITHMETIC = "addition-multiplication"
SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(_ARITHMETIC, "mask.beta", "penalty", "beta", sweeps.PENALTY_SUMMARY, sweeps.PENALTY, sweeps.CHOSEN),
        Sweep(_ARITHMETIC, "hidden", "size", "size", sweeps.SIZE_SUMMARY, sweeps.SIZE, values=sweeps.SIZES),
        Sweep(_ARITHMETIC, "mask.estimator", "estimator", "estimator", sweeps.ESTIMATOR_SUMMARY, sweeps.ESTIMATOR),
    )
}


def sweep_named(name: str) -> Sweep:
    """The sweep that has a name of its own.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in SWEEPS:
        raise UnknownNameError("sweep or study", name, [*SWEEPS, *EXPERIMENTS])
    return SWEEPS[name]


def sweep_over(study: str, setting: str) -> Sweep:
    """The sweep of a study over any of its settings, by the dotted name of it.

    Raises:
        UnknownNameError: there is no such study, or it has no such setting.
        ConfigError: this study, or this setting, cannot be swept.
    """
    kind = experiment(study).spec
    require_swept(kind)
    name = setting_named(kind, setting).name
    return Sweep(study, name, name, name)


def require_swept(kind: type[Spec]) -> None:
    """Raises `ConfigError` unless the settings are those of a study of single networks."""
    if issubclass(kind, PermutedImagesSpec):
        study = STUDIES[kind]
        raise ConfigError(
            f"{study} cannot be swept yet: a sweep compares masks on trained networks, and here networks grow with their masks, "
            f"from task to task. Run it at each value into a folder of its own (`maskscope run {study} --help` has the options), "
            "then `maskscope compare FIRST SECOND`."
        )


def plan_points(sweep: Sweep, job: Job, values: Sequence[str]) -> list[PlannedPoint]:
    """The job of each value, numbers in their order; all are checked before any is run.

    Raises:
        ConfigError: there are no values, one stands twice, or the settings are impossible with one.
        UnknownNameError: there is no such choice.
    """
    require_swept(type(job.spec))
    setting = setting_named(type(job.spec), sweep.over)
    try:
        found = parse_values(setting, values, sweep.values)
    except ConfigError:
        if unknown := [text for text in values if sweep.values and text not in sweep.values and not re.search(r"\d", text)]:
            raise UnknownNameError(sweep.axis, unknown[0], sweep.values) from None
        raise
    ordered = sorted(found.items(), key=lambda one: one[1]) if setting.has_numbers else found.items()
    return [PlannedPoint(label, value, replace(job, spec=setting.put(job.spec, value))) for label, value in ordered]


def require_untouched(sweep: Sweep, spec: Spec, preset: Spec) -> None:
    """Raises `ConfigError` if the setting that is varied was given by an option of its own."""
    setting = setting_named(type(spec), sweep.over)
    if setting.of(spec) != setting.of(preset):
        option, by = setting.stored.replace("_", "-"), "--values" if sweep.presets else f"--over {sweep.over} VALUE ..."
        raise ConfigError(f"--{option} is what the sweep {sweep.name} varies: choose its values by {by}.")


def load_sweep(folder: Path) -> SweepRecord:
    """The record of a finished sweep.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
    """
    path = folder / SWEEP_RECORD
    if not holds_sweep(folder):
        raise FileFormatError(f"There is no {SWEEP_RECORD} in {folder}; `maskscope sweep ... --out {folder}` makes one.")
    return read_value(SweepRecord, path, _require_whole)


def _require_whole(record: SweepRecord) -> None:
    if not record.points:
        raise ConfigError("Not a valid SweepRecord: points: at least one was expected.")
    if record.experiment not in EXPERIMENTS:
        raise ConfigError(f"Not a valid SweepRecord: experiment: {brief(repr(record.experiment))} is none that there is.")
    for point in record.points:
        from_json(EXPERIMENTS[record.experiment].spec, point.spec)


def _is_number(label: str, value: float) -> bool:
    try:
        return math.isclose(float(label), value, rel_tol=1e-5)
    except ValueError:
        return False
