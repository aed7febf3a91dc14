"""The figure of overlap against unrelated functions."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST, WIDTH, draw_legend
from maskscope.report.drawing.panel import INK, MUTED, WHOLE_COLOUR, Axes, Panel, mark_of
from maskscope.report.numbers import brief, plain
from maskscope.report.over_networks import few_pairs
from maskscope.report.scale import Null, nulls, sharing_pairs


def null_panels(record: MaskRecord[Any]) -> list[Panel]:
    """For each network, the overlap that was found among those on the networks of its null."""
    panels = []
    for place, pair in enumerate(sharing_pairs(record) if few_pairs(record) else ()):
        found = nulls(record, pair)
        if found:
            size = (WIDTH, 1.35 + 0.3 * len(found))
            draw = partial(_draw_null, found=found)
            panels.append(Panel(f"null-{place}", f"{brief(pair[0], 14)} and {brief(pair[1], 14)}: Dice", size, draw, LEAST))
    return panels


def _draw_null(axes: Axes, found: Sequence[Null]) -> None:
    axes.text(1.025, -0.75, "p, Holm", transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=MUTED)
    for y, null in enumerate(found):
        axes.scatter(
            null.test.null,
            [y] * len(null.test.null),
            s=20,
            marker=mark_of(WHOLE_COLOUR),
            color=WHOLE_COLOUR,
            alpha=0.5,
            linewidth=0,
            zorder=2,
        )
        axes.plot([null.test.observed] * 2, [y - 0.3, y + 0.3], color=INK, linewidth=2.4, zorder=3, solid_capstyle="butt")
        p = f"{plain(null.test.p, 'ratio')}, {plain(null.p_holm, 'ratio')}"
        axes.text(1.025, y, p, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
    values = [value for null in found for value in (*null.test.null, null.test.observed) if not math.isnan(value)]
    axes.set_yticks(range(len(found)), [f"seed {null.seed}" for null in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, min(1.0, 1.15 * max([*values, 0.01])))
    axes.grid(axis="x")
    axes.set_xlabel("Dice of two masks")
    draw_legend(axes, [("found", INK), ("unrelated", WHOLE_COLOUR)])
