"""A sample of the Mathematics Dataset, made with the authors' generator; tests that need it are skipped where it is not."""

import io
import tarfile
from functools import cache
from pathlib import Path

import pytest

from maskscope.tasks.mathematics import EXTRAPOLATIONS, MODULES, Question

SAMPLE = Path(__file__).parents[1].parent / "shared" / "data" / "mathematics" / "mathematics_sample.tar.gz"


@cache
def sample(module, level):
    """All questions of a module and level."""
    if not SAMPLE.is_file():
        pytest.skip(f"the sample made with the authors' generator is not there: {SAMPLE.name}")
    folder = level if level in ("interpolate", "extrapolate") else f"train-{level}"
    name = EXTRAPOLATIONS[module] if level == "extrapolate" else MODULES[module]
    with tarfile.open(SAMPLE) as archive:
        inside = next(path for path in archive.getnames() if path.endswith(f"{folder}/{name}.txt"))
        lines = io.TextIOWrapper(archive.extractfile(inside), encoding="utf-8").read().splitlines()
    return [Question(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]
