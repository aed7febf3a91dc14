"""The tables of the null controls and of the half-mask test."""

import math

from maskscope.procedure.result import NetworkResult, Record
from maskscope.procedure.stages import Variant
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
from maskscope.report.kinds import kind_of
from maskscope.report.numbers import Number, Points
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.tasks.sequences import own_test


def controls_table(record: Record) -> Table:
    """Each function under the mask that the same procedure finds on a control, beside the trained network's."""
    rows = []
    for function in mask_names(record) if null_controls(record) else ():
        if function != WHOLE:
            rows += [_control_row(record, function, variant) for variant in ("trained", *null_controls(record))]
    titles = ("mask found on", "no mask", "under its mask", "weights kept", "trained network's mask keeps more by")
    what = "What each mask was found with" if kind_of(record) == "sequences" else "Each function"
    title = f"{what}, under the mask that the same procedure finds (%): mean ± sample standard deviation over networks"
    return Table("controls", title, columns(*titles), tuple(rows))


def _control_row(record: Record, function: str, variant: Variant) -> Row:
    own = own_test(function, record.functions)
    asked = (("accuracy", "", own), ("sufficiency", function, own), ("density", function, ""))
    found = [record.quantity(*address, variant=variant) for address in asked]
    trained = {network.seed: _kept(network, function, own) for network in networks(record)}

    def more(network: NetworkResult) -> float:
        return trained.get(network.seed, math.nan) - _kept(network, function, own)

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
    # of sequences, the first test stands for all
    whole = f"test {record.functions[0]}" if kind_of(record) == "sequences" else "all functions"
    return Table("half-mask", f"Half-mask test: accuracy over {whole} (%)", columns(*titles), tuple(rows))


def _kept(network: NetworkResult, mask: str, function: str) -> float:
    found = mask_of(network, mask)
    return found.sufficiency.accuracy[function] if found else math.nan
