"""A whole study, small, and what its run makes."""

import json

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec

STUDY = study_at("addition-multiplication")
SPEC = AdditionMultiplicationSpec(
    hidden=(8,), digits=1, train_items=300, fit=FitSpec(steps=5), mask=MaskSpec(steps=4, learning_rate=0.5), random_draws=2
)
EACH = ["network", "mask-all-0", "mask-add-0", "mask-mul-0", "mask-add-1", "mask-mul-1", "analysis"]
CONTROL = ["network-untrained", "mask-add-0-untrained", "mask-mul-0-untrained", "analysis-untrained"]


def names(seed):
    return [f"seed-{seed}-{name}" for name in (*EACH, *CONTROL)]


def run(folder, seeds=(0,), spec=SPEC, **kwargs):
    record, said = run_and_hear(folder, seeds, spec, **kwargs)
    return record, [text for text in said if text.startswith("seed-")]


def run_and_hear(folder, seeds=(0,), spec=SPEC, **kwargs):
    said = []
    record = run_study("smoke", Job(STUDY, spec, tuple(seeds), str(folder), threads=1), announce=said.append, **kwargs)
    return record, said


def without_times(record):
    value = to_json(record)
    del value["provenance"]["seconds"]
    return json.dumps(value)


def artefact(folder, name):
    (path,) = [p for p in (folder / "artefacts").iterdir() if p.name.rpartition("-")[0] == name]
    return path
