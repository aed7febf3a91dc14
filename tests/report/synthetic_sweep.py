"""Sweeps that look like real ones: the quantities of a record made by hand, bent along the axis."""

import dataclasses

from maskscope.analysis import summarise
from maskscope.engine.spec import to_json
from maskscope.engine.sweep.record import SweepPoint, SweepRecord
from maskscope.studies.addition_multiplication.sweeps import SIZES
from tests.report.synthetic import PROVENANCE, SPEC, make_record

PENALTY = ("1e-5", "5e-5", "1e-4", "2e-4", "5e-4", "2e-3")
WEIGHTS = {"small": 260_800, "medium": 1_969_600, "big": 12_124_000, "huge": 48_248_000}
AXES = {"penalty": "beta", "size": "size", "estimator": "estimator"}
TRAINED: str = "trained"


def make_sweep(sweep="penalty", labels=PENALTY, *, chosen="5e-5", seeds=(0, 1, 2), repeats=0) -> SweepRecord:
    """A plausible sweep; repeats give it ceilings and normalised sharing."""
    record = make_record(seeds=seeds, repeats=repeats, controls=())
    points = []
    for place, label in enumerate(labels):
        where = place / max(1, len(labels) - 1)
        value = float(label) if sweep in ("penalty", "mask.steps") else float(WEIGHTS[label]) if sweep == "size" else float(place)
        found = tuple(_bent(one, where) for one in record.quantities if one.variant == TRAINED)
        points.append(SweepPoint(label, value, _settings(sweep, label), found, tuple(seeds)))
    return SweepRecord(
        sweep=sweep,
        experiment="addition-multiplication",
        preset="quick",
        axis=AXES.get(sweep, sweep),
        chosen=chosen,
        functions=("add", "mul"),
        points=tuple(points),
        provenance=PROVENANCE,
    )


def make_size_sweep(**how) -> SweepRecord:
    """Of all sizes."""
    return make_sweep("size", tuple(WEIGHTS), chosen="", repeats=1, **how)


def make_estimator_sweep(**how) -> SweepRecord:
    """Of two estimators."""
    return make_sweep("estimator", ("rao-blackwell", "straight-through"), chosen="", repeats=1, **how)


def make_other_sweep(setting="mask.steps", labels=("100", "200", "400"), **how) -> SweepRecord:
    """Of a setting whose sweep has no name of its own."""
    return make_sweep(setting, labels, chosen=labels[1], repeats=1, **how)


def _bent(one, where):
    bend = {
        "density": lambda value: value * 10 ** (1 - 2 * where),
        "undecided": lambda value: value * 10 ** (1 - where),
        "sufficiency": lambda value: value * (1 - max(0.0, where - 0.6)),
        "dice": lambda value: value * (1 - 0.4 * where),
        "normalised sharing": lambda value: value - 0.3 * where,
    }.get(one.measure, lambda value: value)
    return dataclasses.replace(one, summary=summarise([bend(value) for value in one.summary.values]))


def _settings(sweep, label):
    if sweep == "size":
        return SPEC | {"hidden": to_json(SIZES[label])}
    field, value = {
        "penalty": lambda: ("beta", float(label)),
        "estimator": lambda: ("estimator", label),
        "mask.steps": lambda: ("steps", int(label)),
        "mask.schedule": lambda: ("schedule", label),
    }[sweep]()
    return SPEC | {"mask": SPEC["mask"] | {field: value}}
