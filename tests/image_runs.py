"""Runs of studies of images, and the masks in their folders."""

import json

import torch

from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.masks import BinaryMask

CPU = torch.device("cpu")


def run(study, spec, folder, seeds=(0,)):
    made = []
    record = run_study("smoke", Job(study, spec, seeds, str(folder), threads=1), announce=made.append)
    return record, [text for text in made if text.startswith("seed-")]


def as_text(record):
    return json.dumps(to_json(record))


def file(folder, name, kind):
    (path,) = [p for p in (folder / "artefacts").iterdir() if p.name.rpartition("-")[0] == f"seed-0-{name}"]
    return path / f"{kind}.safetensors"


def mask(folder, name):
    return BinaryMask.load(file(folder, name, "mask"))
