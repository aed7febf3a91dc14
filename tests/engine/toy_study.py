"""A study without networks, to run the engine alone: a root, parts made from it, two of them at once, and their sum.

Every step writes its name and its process into a log, so that a test sees who made what.
"""

import os
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

LOG = "log"


@dataclass(frozen=True)
class ToySpec:
    """How many parts there are, and which of the steps cannot be made."""

    parts: int = 4
    fails: str = ""


@dataclass(frozen=True, kw_only=True)
class ToyRecord(Record):
    """Adds nothing to a record."""

    @property
    def size(self) -> int:
        return 1


class Toy(Procedure[ToySpec]):
    """The steps that the head of this file tells of."""

    record: ClassVar[type[Record]] = ToyRecord

    @property
    def units(self) -> Mapping[str, Unit]:
        return {"sum": "ratio"}

    def steps(self, study: str, spec: ToySpec, seed: int, runtime: Runtime) -> Sequence[Step]:
        def stage(name: str) -> Stage:
            return Stage(f"seed-{seed}-{name}", "toy", 1, settings_at(study, spec, 0) | {"seed": seed, "name": name})

        def step(names: Sequence[str], made_from: Sequence[str], kind: str) -> Step:
            inputs = {name: f"seed-{seed}-{name}" for name in made_from}
            work = partial(_work, spec, runtime.run, [f"seed-{seed}-{name}" for name in names])
            return Step(tuple(map(stage, names)), inputs, work, effort=Effort(kind, 1))

        parts = [f"part-{number}" for number in range(spec.parts)]
        return [
            step(["root"], [], "root"),
            *(step([part], ["root"], "part") for part in parts),
            step(["left", "right"], parts[:1], "pair"),
            step(["sum"], [*parts, "left", "right"], "sum"),
        ]

    def findings(self, spec: ToySpec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        rows = [{("sum", "", ""): float(_value(some[f"seed-{seed}-sum"]))} for seed, some in made.items()]
        return Findings(tuple(over_networks(rows, self.units)), {"functions": ()})

    def step_seconds(self, spec: ToySpec, runtime: Runtime) -> Mapping[str, float]:
        return dict.fromkeys(("root", "part", "pair", "sum"), 1.0)

    def needs(self, spec: ToySpec, seeds: int, runtime: Runtime) -> Needs:
        return Needs(1, 1)


def _value(artefact: Artefact) -> int:
    value: int = read_json(artefact.path / "value.json")["value"]
    return value


def _work(spec: ToySpec, run: Path, names: Sequence[str], inputs: Mapping[str, Artefact], _checkpoint: Path) -> Sequence[Write]:
    if names[0] == spec.fails:
        raise MaskscopeError(f"{names[0]} cannot be made.")
    with open(run / LOG, "a", encoding="utf-8") as log:
        log.write(f"{names[0]} {os.getpid()}\n")
    total = 1 + sum(map(_value, inputs.values()))

    def write(place: int, folder: Path) -> None:
        write_json(folder / "value.json", {"value": total + place})
        write_json(folder / "record.json", {"kind": "toy", "seconds": 0.0})

    return [partial(write, place) for place in range(len(names))]


STUDY = Study(
    name="toy",
    summary="a root, its parts and their sum",
    spec=ToySpec,
    procedure=Toy(),
    page=None,
    presets={"toy": {"smoke": ("runs at once", ToySpec())}},
    kind="",
)
