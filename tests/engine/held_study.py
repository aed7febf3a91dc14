"""A study without networks whose middle steps wait until they are let go, so that a test can end what makes them.

A root, two steps that keep their state and wait, and their sum. Each beginning of a step is a line in a log: the step, its
process, that process's parent, and the state it found.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from maskscope.engine.artefact import Artefact, Stage
from maskscope.engine.quantities import Unit, over_networks
from maskscope.engine.records.record import Record
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import settings_at
from maskscope.engine.step import Effort, Step, Write
from maskscope.engine.study import Findings, Needs, Procedure, Study
from maskscope.errors import MaskscopeError
from maskscope.storage import read_json, write_json

LOG = "begun"
MIDDLE = ("first", "second")


@dataclass(frozen=True)
class HeldSpec:
    """Where the log is and the signs to go on; which step fails."""

    folder: str = ""
    fails: str = ""


@dataclass(frozen=True, kw_only=True)
class HeldRecord(Record):
    """Adds nothing to a record."""

    @property
    def size(self) -> int:
        return 1


class Held(Procedure[HeldSpec]):
    """The steps that the head of this file tells of."""

    record: ClassVar[type[Record]] = HeldRecord

    @property
    def units(self) -> Mapping[str, Unit]:
        return {"sum": "ratio"}

    def steps(self, study: str, spec: HeldSpec, seed: int, runtime: Runtime) -> Sequence[Step]:
        def step(name: str, made_from: Sequence[str]) -> Step:
            stage = Stage(name, "held", 1, settings_at(study, spec, 0) | {"seed": seed, "name": name})
            return Step((stage,), {one: one for one in made_from}, partial(_work, spec, name), effort=Effort(name, 1))

        return [step("root", []), *(step(name, ["root"]) for name in MIDDLE), step("sum", ["root", *MIDDLE])]

    def findings(self, spec: HeldSpec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        rows = [{("sum", "", ""): float(read_json(some["sum"].path / "value.json")["value"])} for some in made.values()]
        return Findings(tuple(over_networks(rows, self.units)), {"functions": ()})

    def step_seconds(self, spec: HeldSpec, runtime: Runtime) -> Mapping[str, float]:
        return dict.fromkeys(("root", *MIDDLE, "sum"), 1.0)

    def needs(self, spec: HeldSpec, seeds: int, runtime: Runtime) -> Needs:
        return Needs(1, 1)


def sign(folder: Path, name: str) -> Path:
    """The file that lets a step go on."""
    return folder / f"go-{name}"


def _work(spec: HeldSpec, name: str, inputs: Mapping[str, Artefact], checkpoint: Path) -> Sequence[Write]:
    state = read_json(checkpoint)["begun"] if checkpoint.exists() else 0
    with open(Path(spec.folder) / LOG, "a", encoding="utf-8") as log:
        log.write(f"{name} {os.getpid()} {os.getppid()} {state}\n")
    if name == spec.fails:
        raise MaskscopeError(f"{name} cannot be made.")
    if name in MIDDLE:
        write_json(checkpoint, {"begun": state + 1})
        while not sign(Path(spec.folder), name).exists():
            time.sleep(0.02)
    total = 1 + sum(read_json(one.path / "value.json")["value"] for one in inputs.values())

    def write(folder: Path) -> None:
        write_json(folder / "value.json", {"value": total})
        write_json(folder / "record.json", {"kind": "held", "seconds": 0.0})

    return [write]


STUDY = Study(
    name="held",
    summary="a root, two that wait, and their sum",
    spec=HeldSpec,
    procedure=Held(),
    page=None,
    presets={"held": {"smoke": ("runs at once", HeldSpec())}},
    kind="",
)
