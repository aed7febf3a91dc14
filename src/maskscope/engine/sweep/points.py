"""What a sweep would do: which setting is varied, and the job of each value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.job import Job
from maskscope.engine.study import Study, Sweep
from maskscope.engine.sweep.setting import parse_values, setting_named
from maskscope.errors import ConfigError, UnknownNameError


@dataclass(frozen=True)
class PlannedPoint:
    """A value, and the job that is done at it."""

    label: str
    value: Any
    job: Job


def named_sweeps() -> dict[str, tuple[Study[Any], Sweep]]:
    """The sweeps that have a name of their own, with their studies."""
    studies = [study_at(name) for name in known_studies()]
    return {sweep.name: (study, sweep) for study in studies for sweep in study.sweeps}


def sweep_named(name: str) -> tuple[Study[Any], Sweep]:
    """The sweep that has a name of its own, and its study.

    Raises:
        UnknownNameError: there is none.
    """
    sweeps = named_sweeps()
    if name not in sweeps:
        raise UnknownNameError("sweep or study", name, [*sweeps, *known_studies()])
    return sweeps[name]


def sweep_over(study: Study[Any], setting: str) -> Sweep:
    """The sweep of a study over any of its settings, by the dotted name of it.

    Raises:
        UnknownNameError: the study has no such setting.
        ConfigError: this study, or this setting, cannot be swept.
    """
    require_swept(study)
    name = setting_named(study, setting).name
    return Sweep(name, name, name)


def require_swept(study: Study[Any]) -> None:
    """Raises `ConfigError` unless a study can be swept."""
    if study.procedure.not_swept:
        raise ConfigError(
            f"{study.name} cannot be swept yet: {study.procedure.not_swept}. Run it at each value into a folder of its own "
            f"(`maskscope run {study.name} --help` has the options), then `maskscope compare FIRST SECOND`."
        )


def plan_points(sweep: Sweep, job: Job, values: Sequence[str]) -> list[PlannedPoint]:
    """The job of each value, numbers in their order; all are checked before any is run.

    Raises:
        ConfigError: there are no values, one stands twice, or the settings are impossible with one.
        UnknownNameError: there is no such choice.
    """
    require_swept(job.study)
    setting = setting_named(job.study, sweep.over)
    try:
        found = parse_values(setting, values, sweep.values)
    except ConfigError:
        if unknown := [text for text in values if sweep.values and text not in sweep.values and not re.search(r"\d", text)]:
            raise UnknownNameError(sweep.axis, unknown[0], sweep.values) from None
        raise
    ordered = sorted(found.items(), key=lambda one: one[1]) if setting.has_numbers else found.items()
    return [PlannedPoint(label, value, replace(job, spec=setting.put(job.spec, value))) for label, value in ordered]


def require_untouched(study: Study[Any], sweep: Sweep, spec: Any, preset: Any) -> None:
    """Raises `ConfigError` if the setting that is varied was given by an option of its own."""
    setting = setting_named(study, sweep.over)
    if setting.of(spec) != setting.of(preset):
        option, by = setting.stored.replace("_", "-"), "--values" if sweep.presets else f"--over {sweep.over} VALUE ..."
        raise ConfigError(f"--{option} is what the sweep {sweep.name} varies: choose its values by {by}.")
