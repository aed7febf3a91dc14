"""The record of a sweep: what was found at each value of a setting."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from maskscope.engine.folder import SWEEP_RECORD
from maskscope.engine.quantities import Quantity, find_quantity
from maskscope.engine.records.earlier_formats import in_present_format
from maskscope.engine.records.file import CURE, holds_sweep, reader_of
from maskscope.engine.records.record import DataOrigin, Provenance
from maskscope.engine.spec import from_json
from maskscope.errors import ConfigError, FileFormatError
from maskscope.storage import Json, read_json

Scale = Literal["number", "weights", "name"]


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
        own_functions: the function that a mask is for, where it has another name.
    """

    label: str
    value: float
    spec: Json
    quantities: tuple[Quantity, ...]
    seeds: tuple[int, ...]
    data: DataOrigin | None = None
    own_functions: Mapping[str, str] = field(default_factory=dict)

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


def load_sweep(folder: Path) -> SweepRecord:
    """The record of a finished sweep.

    Raises:
        FileFormatError: there is none, or it is damaged or of another version.
        StudyFileError: it is of a study in a file.
    """
    path = folder / SWEEP_RECORD
    if not holds_sweep(folder):
        raise FileFormatError(f"There is no {SWEEP_RECORD} in {folder}; `maskscope sweep ... --out {folder}` makes one.")
    try:
        body = read_json(path, cure=CURE)
        study = reader_of(body, path)
        record = from_json(SweepRecord, in_present_format(body, study.procedure))
        if not record.points:
            raise ConfigError("Not a valid SweepRecord: points: at least one was expected.")
        for point in record.points:
            from_json(study.spec, point.spec)
    except ConfigError as error:
        raise FileFormatError(f"{path} was written by another version of maskscope. {CURE}\n{error}") from error
    return record


def _is_number(label: str, value: float) -> bool:
    try:
        return math.isclose(float(label), value, rel_tol=1e-5)
    except ValueError:
        return False
