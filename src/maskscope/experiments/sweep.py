"""An experiment over the values of one setting: one run folder, in which the points share what does not depend on it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec
from maskscope.experiments.claims import find_quantity
from maskscope.experiments.folder import SWEEP_RECORD, locked, require_room
from maskscope.experiments.job import Job
from maskscope.experiments.networks import make_network, make_task, unmasked
from maskscope.experiments.paper import sweeps
from maskscope.experiments.provenance import provenance
from maskscope.experiments.quantities import quantities
from maskscope.experiments.record import NetworkResult, Provenance, Quantity
from maskscope.experiments.record_file import holds_sweep, read_value, require_replaceable
from maskscope.experiments.run import by_kind, require_device, run_here
from maskscope.experiments.spec import STUDIES, from_json, to_json
from maskscope.masks import select
from maskscope.storage import Json, user_path, write_json
from maskscope.training import Observer


@dataclass(frozen=True)
class Sweep:
    """A sweep that can be run.

    Args:
        name: as the command line has it.
        summary: one line.
        axis: the setting that is varied.
        presets: by name: the settings, and the values of the axis.
        chosen: by preset, the value that the experiment's preset of that name takes.
    """

    name: str
    summary: str
    axis: str
    presets: Mapping[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]]
    chosen: Mapping[str, str]


@dataclass(frozen=True)
class SweepPoint:
    """What was found at one value.

    Args:
        label: the value in words.
        value: as a number: beta, maskable weights, or the place in the list.
        spec: all settings.
        quantities: over networks.
        seeds: of the networks.
    """

    label: str
    value: float
    spec: Json
    quantities: tuple[Quantity, ...]
    seeds: tuple[int, ...]

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


SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "penalty",
            "accuracy, density and overlap against beta: where does the penalty begin to cost accuracy?",
            "beta",
            sweeps.PENALTY,
            sweeps.CHOSEN,
        ),
        Sweep("size", "what the two masks share against the size of the network", "size", sweeps.SIZE, {}),
        Sweep(
            "estimator",
            "gradient estimators at equal steps: accuracy, density, sharing, stability",
            "estimator",
            sweeps.ESTIMATOR,
            {},
        ),
    )
}


def sweep_named(name: str) -> Sweep:
    """The sweep of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in SWEEPS:
        raise UnknownNameError("sweep", name, SWEEPS)
    return SWEEPS[name]


def at(sweep: Sweep, spec: AdditionMultiplicationSpec, value: str) -> AdditionMultiplicationSpec:
    """The settings at one value of the axis.

    Raises:
        ConfigError: the value is impossible.
        UnknownNameError: there is no size or estimator of that name.
    """
    if sweep.axis == "size":
        if value not in sweeps.SIZES:
            raise UnknownNameError("size", value, sweeps.SIZES)
        return replace(spec, hidden=sweeps.SIZES[value])
    if sweep.axis == "estimator":
        return replace(spec, mask=replace(spec.mask, estimator=value))
    try:
        beta = float(value)
    except ValueError as error:
        raise ConfigError(f"beta is {value!r}; a number was expected, as in --values 1e-5 1e-4.") from error
    if not math.isfinite(beta):
        raise ConfigError(f"beta is {value}; a finite number was expected.")
    return replace(spec, mask=replace(spec.mask, beta=beta))


def jobs(sweep: Sweep, job: Job, values: Sequence[str]) -> dict[str, Job]:
    """The job of each value; all are checked before any is run.

    Raises:
        ConfigError: no values, one twice, or settings that a sweep cannot be over.
    """
    if not isinstance(job.spec, AdditionMultiplicationSpec) or job.spec.network != "mlp":
        raise ConfigError("A sweep is over addition-multiplication with network mlp.")
    each = {value: replace(job, spec=at(sweep, job.spec, value)) for value in values}
    if not values or len({one.spec for one in each.values()}) < len(values):
        raise ConfigError(f"--values is {' '.join(values) or 'empty'}; different values were expected.")
    return dict(sorted(each.items(), key=lambda one: one[1].spec.mask.beta)) if sweep.axis == "beta" else each


def require_axis_untouched(sweep: Sweep, spec: AdditionMultiplicationSpec, preset: AdditionMultiplicationSpec) -> None:
    """Raises `ConfigError` if the setting that is varied was given by an option of its own."""
    name, given, usual = {
        "beta": ("--mask.beta", spec.mask.beta, preset.mask.beta),
        "size": ("--hidden", spec.hidden, preset.hidden),
        "estimator": ("--mask.estimator", spec.mask.estimator, preset.mask.estimator),
    }[sweep.axis]
    if given != usual:
        raise ConfigError(f"{name} is what the sweep {sweep.name} varies: choose its values by --values.")


def run_sweep(
    sweep: Sweep,
    preset: str,
    job: Job,
    values: Sequence[str],
    *,
    watch: Callable[[str], Sequence[Observer]] = lambda name: (),
    announce: Callable[[str], None] = lambda text: None,
) -> SweepRecord:
    """Makes whatever the run folder lacks at every value, and writes the record.

    Raises:
        RunFolderError: the folder cannot be written, holds a run, or another process uses it.
        MaskscopeError: whatever a stage raises.
    """
    require_device(job.device)
    folder = user_path(job.run, argument="The run folder")
    each = jobs(sweep, replace(job, run=str(folder)), values)
    points, seconds = [], dict[tuple[str, str], float]()
    require_room(folder, SWEEP_RECORD)
    with locked(folder, announce):
        require_replaceable(folder / SWEEP_RECORD, announce)
        for place, (value, one) in enumerate(each.items()):
            announce(f"{sweep.axis} {value} ({place + 1} of {len(each)})")
            results, spent = run_here(one, watch, announce)
            points.append(_point(sweep, place, value, one, results))
            seconds |= spent
        assert isinstance(job.spec, AdditionMultiplicationSpec), "checked by `jobs`"
        record = SweepRecord(
            sweep=sweep.name,
            experiment=STUDIES[AdditionMultiplicationSpec],
            preset=preset,
            axis=sweep.axis,
            chosen=sweep.chosen.get(preset, ""),
            functions=tuple(make_task(job.spec, torch.device("cpu")).functions),
            points=tuple(points),
            provenance=provenance(threads=job.threads or torch.get_num_threads(), device=job.device, seconds=by_kind(seconds)),
        )
        write_json(folder / SWEEP_RECORD, to_json(record))
    return record


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
    for point in record.points:
        from_json(AdditionMultiplicationSpec, point.spec)


def _point(sweep: Sweep, place: int, value: str, job: Job, results: Sequence[NetworkResult]) -> SweepPoint:
    spec = job.spec
    assert isinstance(spec, AdditionMultiplicationSpec), "checked by `jobs`"
    number = float(place)
    if sweep.axis == "beta":
        number = spec.mask.beta
    if sweep.axis == "size":
        network = make_network(spec, 0, make_task(spec, torch.device("cpu")))
        number = float(select(network, exclude=unmasked(spec)).count)
    functions = tuple(results[0].unmasked.accuracy)
    value = f"{spec.mask.beta:g}" if sweep.axis == "beta" else value
    return SweepPoint(value, number, to_json(spec), quantities(results, functions), job.seeds)
