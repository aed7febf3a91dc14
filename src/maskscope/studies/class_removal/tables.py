"""The tables of classes: what is lost without each, what each owns, what two own together, and how masks distort gradients."""

from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.numbers import Number, number_of
from maskscope.report.over_networks import (
    WHOLE,
    function_pairs,
    kept_share,
    networks,
    overlap,
    overlap_floor,
    tensor_names,
)
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.studies.class_removal.numbers import OVER_CLASSES
from maskscope.studies.class_removal.result import removal_of
from maskscope.studies.class_removal.values import (
    confusion_difference,
    cosine,
    cosine_steps,
    floor_in_use,
    owned_share,
    removed,
)

_SPREAD = "mean ± sample standard deviation over networks"
# a column's title, and the measure in it
_DROPS = {
    "target drop": "target drop",
    "mean drop of others": "mean drop of others",
    "largest other / target": "largest other over target",
    "owned": "owned share of the full mask",
}
_REMOVALS = {
    "what it owns": "target drop without what it owns",
    "as many random weights": "target drop without random weights",
    "difference": "target drop beyond random",
}


def drops_table(record: MaskRecord[Any]) -> Table:
    """What the removed class and the others lose under each mask; on controls too, if there are some."""
    title = f"Lost without the class, of the accuracy under the full mask, and owned, of its weights (%): {_SPREAD}"
    return _by_class(record, "class-drops", title, _DROPS, with_n=True)


def owned_removal_table(record: MaskRecord[Any]) -> Table:
    """What a class loses without what it owns, beside as many random weights of the full mask."""
    title = f"Share (%) of its accuracy that a class loses when the full mask loses …: {_SPREAD}"
    return _by_class(record, "owned-removal", title, _REMOVALS, with_n=False)


def differences_table(record: MaskRecord[Any]) -> Table:
    """How answers change from the full mask to the mask without each class.

    Source: the ten differences D_c of the paper's figure.
    """
    rows = []
    for function, mask in removed(record):
        for true, answers in confusion_difference(record, mask).items():
            cells = (Number(answers[answer], "percent") if answer in answers else None for answer in record.functions)
            rows.append(Row(f"Found without {function}", (true, *cells)))
    title = f"Answers under the mask without a class minus those under the full mask (percentage points): {_SPREAD}"
    return Table(
        "confusion-differences", title, columns("image of", *(f"answered {name}" for name in record.functions)), tuple(rows)
    )


def owned_table(record: MaskRecord[Any]) -> Table:
    """The share of each tensor of the full mask that each class owns."""
    classes = [function for function, _ in removed(record)]
    rows = []
    for tensor in (*tensor_names(record), None):
        shares = [Number(owned_share(record, function, tensor), "percent") for function in classes]
        rows.append(Row("", (tensor or "all tensors", Number(kept_share(record, WHOLE, tensor), "percent"), *shares)))
    title = f"Weights that the full mask keeps (% of all), and of these the share (%) that each class owns: {_SPREAD}"
    return Table("owned", title, columns("tensor", "full mask keeps", *classes), tuple(rows) if classes else ())


def owned_pairs_table(record: MaskRecord[Any]) -> Table:
    """The overlap of what classes own, beside its floors, and normalised sharing where a class has repeats."""
    rows = []
    for first, second in sorted(function_pairs(record), key=lambda pair: pair[0] == pair[1]):
        pair, label = (first, second), f"{first}, {second}"
        found = [
            overlap(record, pair, None, "dice"),
            floor_in_use(record, pair, "dice"),
            overlap_floor(record, pair, None, "dice"),
        ]
        shared = None if first == second else record.quantity("normalised sharing among used", label)
        name = f"{first}, repeated: the ceiling" if first == second else label
        cells: list[Cell] = [name, *(Number(one, "ratio") for one in found)]
        cells.append("" if first == second else Number(shared.summary, "ratio") if shared else None)
        rows.append(Row("", (*cells, Number(overlap(record, pair, None, "iou"), "ratio"))))
    titles = ("classes", "Dice", "floor, full mask", "floor, all weights", "normalised sharing", "IoU")
    return Table("owned-overlap", f"Overlap of what classes own: {_SPREAD}", columns(*titles), tuple(rows))


def cosine_table(record: MaskRecord[Any]) -> Table:
    """The cosine of gradients with a mask on the last layers and of those without, over all tensors and in each."""
    steps = cosine_steps(record)
    tensors = tensor_names(record)
    rows = []
    for step, masked in enumerate(steps):
        added = [name for name in masked if step == 0 or name not in steps[step - 1]]
        numbers = [Number(cosine(record, step, tensor), "ratio") for tensor in (None, *tensors)]
        rows.append(Row("", ("no mask" if step == 0 else f"and {', '.join(added)}", *numbers)))
    title = f"Cosine of the gradient under the mask and the unmasked network's: {_SPREAD}"
    return Table("gradient-cosine", title, columns("mask applied to", "all tensors", *tensors), tuple(rows))


def _by_class(record: MaskRecord[Any], name: str, title: str, asked: dict[str, str], *, with_n: bool) -> Table:
    """A row for each class, then their mean; a group for the trained networks and for each control."""
    rows = []
    for variant in record.variants:
        found = networks(record, variant=variant)
        if not any(removal_of(network).owned for network in found):
            continue
        for label, mask in (*removed(record), ("mean over classes", "")):
            addresses = [measure if mask else measure + OVER_CLASSES for measure in asked.values()]
            cells: list[Cell] = [label, *(number_of(record.quantity(one, mask, variant=variant)) for one in addresses)]
            rows.append(Row(record.variants[variant], (*cells, len(found)) if with_n else tuple(cells)))
    return Table(name, title, columns("class", *asked, *(("n",) if with_n else ())), tuple(rows))
