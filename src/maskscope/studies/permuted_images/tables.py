"""The tables of networks that grow: what later tasks share with earlier ones, accuracy, and density."""

import math
from collections.abc import Callable
from functools import partial

from maskscope.analysis import Summary, summarise
from maskscope.engine.quantities import Quantity
from maskscope.report.numbers import Number, number_of
from maskscope.report.table import Row, Table, columns
from maskscope.studies.permuted_images.numbers import shared_tensors, start_label
from maskscope.studies.permuted_images.result import GrownTask, GrowthRecord

_SPREAD = "mean ± sample standard deviation over networks"
MEANS = {"shared": "mean shared", "by chance": "mean shared by chance", "beyond chance": "mean shared beyond chance"}


def starts(record: GrowthRecord) -> list[str]:
    """The starts of new logits, in words."""
    return [start_label(value) for value in dict.fromkeys(growth.new_logit for growth in record.growths)]


def layers(record: GrowthRecord) -> list[str]:
    """The weight matrices behind the first layer: dotted names."""
    return list(dict.fromkeys(name for growth in record.growths for task in growth.tasks for name in shared_tensors(task)))


def layer_title(tensor: str) -> str:
    """``Layer 2`` for the second weight matrix, as the paper counts."""
    number = tensor.split(".")[1]
    return f"Layer {int(number) + 1}" if number.isdigit() else tensor


def of_task(record: GrowthRecord, start: str, function: str, value: Callable[[GrownTask], float]) -> Summary:
    """A number of one task, over the networks of one start."""
    grown = [growth for growth in record.growths if start_label(growth.new_logit) == start]
    return summarise([next((value(task) for task in one.tasks if task.function == function), math.nan) for one in grown])


def growth_summary_table(record: GrowthRecord) -> Table:
    """The means that the claims are about, for each start of new logits."""
    rows = []
    for start in starts(record):
        found = [record.quantity(measure, start) for measure in ("lowest accuracy", *MEANS.values())]
        networks = sum(start_label(growth.new_logit) == start for growth in record.growths)
        rows.append(Row("", (start, *(number_of(one) for one in found), networks)))
    title = f"Accuracy of the worst task, and weights of later tasks (%) that earlier ones use, behind the first layer: {_SPREAD}"
    return Table("growth", title, columns("start", "lowest accuracy", *MEANS, "networks"), tuple(rows))


def shared_table(record: GrowthRecord) -> Table:
    """The proportion of each layer of a task's mask that earlier tasks use, and what chance would share.

    Source: the paper's figure, layers 2 to 4; chance is ours.
    """
    rows = []
    for start in starts(record):
        for tensor in layers(record):
            for function in record.functions[1:]:
                mask = f"{function}, {start}"
                found = [record.quantity(measure, mask, tensor) for measure in ("shared", "shared by chance")]
                density = of_task(record, start, function, partial(_density, tensor))
                accuracy = record.quantity("accuracy", mask)
                cells = [number_of(one) for one in (*found, accuracy)]
                cells.insert(2, Number(density, "percent"))
                rows.append(Row(f"{start.capitalize()}: {layer_title(tensor).lower()}, {tensor}", (function, *cells)))
    title = f"Weights that a task's mask keeps in a layer and earlier tasks use (%): {_SPREAD}"
    titles = ("task", "shared", "by chance", "layer's weights kept", "accuracy")
    return Table("growth-shared", title, columns(*titles), tuple(rows))


def tasks_table(record: GrowthRecord) -> Table:
    """Accuracy of each task at the end of its own stage, how much its mask keeps, and how decided it is."""
    rows = [
        Row(
            start.capitalize(),
            (function, *(number_of(one) for one in _of_mask(record, f"{function}, {start}"))),
        )
        for start in starts(record)
        for function in record.functions
    ]
    title = f"Each task under its own mask, at the end of its stage (%): {_SPREAD}"
    return Table("growth-tasks", title, columns("task", "accuracy", "weights kept", "undecided"), tuple(rows))


def earlier_table(record: GrowthRecord) -> Table:
    """Accuracy on earlier tasks under their own masks, after each task."""
    rows = []
    for start in starts(record):
        for function in record.functions[1:]:
            found = [
                record.quantity("accuracy on an earlier task", f"{function}, {start}", name) for name in record.functions[:-1]
            ]
            if any(found):
                rows.append(
                    Row(start.capitalize(), (function, *(Number(one.summary, "percent") if one else "" for one in found)))
                )
    title = f"Accuracy on each earlier task under its own mask, after a task (%): {_SPREAD}"
    return Table("growth-earlier", title, columns("after", *record.functions[:-1]), tuple(rows))


def _density(tensor: str, task: GrownTask) -> float:
    part = task.by_tensor.get(tensor)
    return part.kept / part.weights if part and part.weights else math.nan


def _of_mask(record: GrowthRecord, mask: str) -> list[Quantity | None]:
    return [record.quantity(measure, mask) for measure in ("accuracy", "density", "undecided")]
