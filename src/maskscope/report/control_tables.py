"""The tables of the null controls and of the half-mask test."""

import math

from maskscope.experiments.record import NetworkResult, Record
from maskscope.experiments.stages import Variant
from maskscope.report.across import (
    VARIANTS,
    WHOLE,
    mask_names,
    mask_of,
    networks,
    null_controls,
    over_networks,
    whole_procedures,
)
from maskscope.report.numbers import Number, Points
from maskscope.report.table import Cell, Row, Table, columns


def controls_table(record: Record) -> Table:
    """Each function under the mask that the same procedure finds on a control, beside the trained network's."""
    rows = []
    for function in mask_names(record) if null_controls(record) else ():
        if function != WHOLE:
            rows += [_control_row(record, function, variant) for variant in ("trained", *null_controls(record))]
    titles = ("mask found on", "no mask", "under its mask", "weights kept", "trained network's mask keeps more by")
    title = "Each function under the mask that the same procedure finds (%): mean ± sample standard deviation over networks"
    return Table("controls", title, columns(*titles), tuple(rows))


def _control_row(record: Record, function: str, variant: Variant) -> Row:
    asked = (("accuracy", "", function), ("sufficiency", function, function), ("density", function, ""))
    found = [record.quantity(*address, variant=variant) for address in asked]
    trained = {network.seed: _kept(network, function) for network in networks(record)}

    def more(network: NetworkResult) -> float:
        return trained.get(network.seed, math.nan) - _kept(network, function)

    cells: list[Cell] = [VARIANTS[variant], *(Number(one.summary, "percent") if one else None for one in found)]
    cells.append("" if variant == "trained" else Number(over_networks(record, more, variant=variant), "percent"))
    return Row(function, tuple(cells))


def half_mask_table(record: Record) -> Table:
    """The full mask on some tensors only: accuracy that is lost, for each choice of early tensors on each network."""
    rows = []
    for variant in whole_procedures(record):
        for network in networks(record, variant=variant):
            for half in network.half_masks:
                cells: list[Cell] = [f"seed {network.seed}", ", ".join(half.early)]
                values = (half.full, half.full - half.early_masked, half.full - half.late_masked)
                rows.append(Row(VARIANTS[variant], (*cells, *(Points((value,), "percent") for value in values))))
    titles = ("network", "early tensors", "mask everywhere", "lost, mask on the early only", "lost, mask on the others only")
    return Table("half-mask", "Half-mask test: accuracy over all functions (%)", columns(*titles), tuple(rows))


def _kept(network: NetworkResult, function: str) -> float:
    mask = mask_of(network, function)
    return mask.sufficiency.accuracy[function] if mask else math.nan
