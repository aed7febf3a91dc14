"""From networks that grew to quantities over networks."""

import math
from collections.abc import Iterable, Mapping, Sequence

from maskscope.engine.quantities import Numbers, Quantity, Unit, over_networks
from maskscope.procedure.units import by_measure
from maskscope.studies.permuted_images.result import FIRST_LAYER, GrownTask, GrowthResult, Reused

UNITS: Mapping[str, Unit] = by_measure(
    {
        "share": (
            "accuracy",
            "density",
            "undecided",
            "accuracy on an earlier task",
            "lowest accuracy",
            "shared",
            "shared by chance",
            "mean shared",
            "mean shared by chance",
        ),
        "difference of shares": ("mean shared beyond chance",),
    }
)


def growth_quantities(growths: Sequence[GrowthResult]) -> tuple[Quantity, ...]:
    """Every quantity, summarised over networks; the mask's name is the task's, with the start of new logits."""
    result: list[Quantity] = []
    for new_logit in dict.fromkeys(one.new_logit for one in growths):
        result += over_networks([growth_numbers(one) for one in growths if one.new_logit == new_logit], UNITS)
    return tuple(result)


def start_label(new_logit: float) -> str:
    """A start of new logits in words."""
    return f"new logits {new_logit:g}"


def growth_numbers(one: GrowthResult) -> Numbers:
    """Of one network: accuracy, density and sharing of each task, and their means.

    Sharing of a task's mask in a layer is the proportion of its weights that an earlier task's mask keeps as well; by chance it
    would be the proportion of the layer that earlier tasks use. Means are over the tasks from the second on and over the
    weight matrices behind the first layer, which begins anew for each task.
    """
    start = start_label(one.new_logit)
    numbers: Numbers = {}
    for task in one.tasks:
        mask = f"{task.function}, {start}"
        numbers["accuracy", mask, ""] = task.accuracy
        numbers["density", mask, ""] = task.density
        numbers["undecided", mask, ""] = task.undecided
        for name in shared_tensors(task) if task is not one.tasks[0] else ():
            numbers["shared", mask, name] = shared(task.by_tensor[name])
            numbers["shared by chance", mask, name] = by_chance(task.by_tensor[name])
        numbers |= {("accuracy on an earlier task", mask, name): value for name, value in task.earlier.items()}
    numbers["lowest accuracy", start, ""] = min(task.accuracy for task in one.tasks)
    later = [task.by_tensor[name] for task in one.tasks[1:] for name in shared_tensors(task)]
    if later:
        numbers["mean shared", start, ""] = _mean(shared(part) for part in later)
        numbers["mean shared by chance", start, ""] = _mean(by_chance(part) for part in later)
        numbers["mean shared beyond chance", start, ""] = _mean(shared(part) - by_chance(part) for part in later)
    return numbers


def shared_tensors(task: GrownTask) -> list[str]:
    """The weight matrices behind the first layer.

    Source: the paper's figure, layers 2 to 4.
    """
    return [name for name in task.by_tensor if name.endswith(".weight") and not name.startswith(FIRST_LAYER)]


def shared(part: Reused) -> float:
    """|M and used| / |M|; NaN for an empty mask."""
    return part.shared / part.kept if part.kept else math.nan


def by_chance(part: Reused) -> float:
    """|used| / all: what a mask of any size would share if it kept weights blindly."""
    return part.used / part.weights


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
