"""The content of a checkpoint, and checks that a file has it: a right checksum only shows that the file was not changed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage import Json
from maskscope.training.optimizers.state import optimizer_faults

_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_ENTRIES = {"loss", "measured_at", "measures", "reference_loss"}


@dataclass
class Saved:
    """The state of a run after ``step`` steps."""

    step: int
    seconds: float
    tensors: dict[str, Tensor]
    histories: list[Json]


@dataclass(frozen=True)
class Structure:
    """What a checkpoint of a run must contain.

    Args:
        steps: the number of steps of the whole run.
        tracks: the number of tracks.
        state: the live tensors of the run, by their names in the file.
        optimizer: the optimizer, with its parameters.
    """

    steps: int
    tracks: int
    state: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer


def checked(tensors: dict[str, Tensor], metadata: Json, structure: Structure, source: str) -> Saved:
    """Checks that the content of a file fits the run, and returns it as a `Saved`.

    Args:
        tensors: the tensors in the file.
        metadata: the metadata in the file.
        structure: what the file must contain.
        source: the name of the file in an error message.

    Raises:
        FileFormatError: it does not fit; the message lists what is missing, not expected, or of another type, dtype or shape.
    """
    faults = []
    step: Any = metadata.get("step")
    if not _is_count(step) or step > structure.steps:
        faults.append(f"step is {_short(step)}; a whole number from 0 to {structure.steps} was expected")
        step = 0
    seconds: Any = metadata.get("seconds")
    if isinstance(seconds, str) or not _is_number(seconds) or not 0 <= seconds < math.inf:
        faults.append(f"seconds is {_short(seconds)}; a number of at least 0 was expected")
    if not _is_count(metadata.get("threads")):
        faults.append(f"threads is {_short(metadata.get('threads'))}; a whole number was expected")
    histories = metadata.get("histories")
    if not isinstance(histories, list) or len(histories) != structure.tracks:
        faults.append(f"histories is {_short(histories)}; a list of {structure.tracks} was expected")
        histories = []
    for track, entry in enumerate(histories):
        faults += [f"histories[{track}]: {fault}" for fault in _history_faults(entry, step)]
    state = {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer/")}
    faults += _tensor_faults(state, structure.state)
    faults += optimizer_faults(structure.optimizer, tensors, step)
    if "nan" in metadata:  # earlier versions did not write it
        known = metadata["nan"] if isinstance(metadata["nan"], list) else []
        faults += [f"{name} holds NaN, which it did not when it was written" for name in with_nan(tensors) if name not in known]
    if faults:
        more = [f"and {len(faults) - 10} more"] if len(faults) > 10 else []
        raise FileFormatError(
            f"{source} is no checkpoint of this run, though its checksum is right:\n  "
            + "\n  ".join(faults[:10] + more)
            + "\nDelete it to start anew."
        )
    return Saved(step, float(seconds), tensors, [_history(entry) for entry in histories])


def with_nan(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that contain NaN."""
    return [name for name, tensor in tensors.items() if tensor.is_floating_point() and bool(tensor.isnan().any())]


def _tensor_faults(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is in it, but not in the run" for name in found if name not in expected]
    return faults + [
        f"{name} is {_kind(found[name])}; {_kind(wanted)} was expected"
        for name, wanted in expected.items()
        if name in found and _kind(found[name]) != _kind(wanted)
    ]


def _history_faults(entry: Any, step: int) -> list[str]:
    if not isinstance(entry, dict) or set(entry) != _ENTRIES:
        return [f"it is {_short(entry)}; {', '.join(sorted(_ENTRIES))} were expected"]
    faults = []
    if not _are_numbers(entry["loss"]) or len(entry["loss"]) != step:
        faults.append(f"loss is {_short(entry['loss'])}; a list of {step} numbers was expected, one a step")
    places, measures = entry["measured_at"], entry["measures"]
    are_places = isinstance(places, list) and all(_is_count(place) and place <= step for place in places)
    if not are_places or places != sorted(set(places)):
        faults.append(f"measured_at is {_short(places)}; growing numbers of steps were expected")
        places = []
    if not isinstance(measures, dict) or not all(_are_numbers(row) and len(row) == len(places) for row in measures.values()):
        faults.append(f"measures is {_short(measures)}; a number for each step in measured_at was expected")
    reference = entry["reference_loss"]
    if reference is not None and not _is_number(reference):
        faults.append(f"reference_loss is {_short(reference)}; a number was expected")
    return faults


def _history(entry: Json) -> Json:
    reference = entry["reference_loss"]
    return {
        "loss": [_float(value) for value in entry["loss"]],
        "measured_at": entry["measured_at"],
        "measures": {name: [_float(value) for value in row] for name, row in entry["measures"].items()},
        "reference_loss": math.nan if reference is None else _float(reference),
    }


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    """Whether it is a number of moderate size, or the word for NaN or infinity."""
    if isinstance(value, str):
        return value in _WORDS
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 1000)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(_is_number(value) for value in values)


def _float(value: Any) -> float:
    return _WORDS[value] if isinstance(value, str) else float(value)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}..."
