"""Behaviour against size: what the masks of each path keep, as a figure and a table."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from maskscope.engine.quantities import TRAINED
from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.charts import LEAST
from maskscope.report.drawing.curves import short_power
from maskscope.report.drawing.panel import FUNCTION_COLOURS, MUTED, PAPER, Axes, Panel, mark_of
from maskscope.report.section import Figure, Section, short_or_folded
from maskscope.report.table import Row, Table, columns
from maskscope.studies.own.result import MaskCurve
from maskscope.training.sizing import CurvePoint

_WIDTH, _HEIGHT = 4.2, 3.0


def curve_section(record: MaskRecord[Any]) -> Section | None:
    """How behaviour falls as masks shrink; None where no path was searched."""
    curves = _curves(record)
    if not curves:
        return None
    asked = float(record.spec["mask"].get("share", 0.95))
    functions = list(dict.fromkeys(curve.function for _, curve in curves))
    panels = [
        Panel(
            f"curve-{place}",
            f"{function}: behaviour against size",
            (_WIDTH, _HEIGHT),
            partial(_draw, [curve for _, curve in curves if curve.function == function and not curve.repeat], asked),
            LEAST,
        )
        for place, function in enumerate(functions)
    ]
    table = _table(curves)
    shown, folded = short_or_folded(table, 0)
    return Section(
        "curve",
        "Behaviour against size",
        (
            f"Each search tried a path of ever smaller masks, and took the smallest that keeps {asked:.0%} of the behaviour on "
            "held-out data beyond doubt: the lower bound has to reach it. 0 is the network without any maskable unit, 1 the "
            "whole network. Filled points were enough, hollow ones were not; each network has a line.",
        ),
        figures=(Figure("curve", lambda: panels),),
        tables=shown,
        folded=folded,
        short="Size",
    )


def _curves(record: MaskRecord[Any]) -> list[tuple[int, MaskCurve]]:
    return [
        (network.seed, curve)
        for network in record.networks
        if network.variant == TRAINED and network.more
        for curve in network.more.curves
    ]


def _table(curves: Sequence[tuple[int, MaskCurve]]) -> Table:
    rows = [
        Row(
            curve.function,
            (
                f"network {seed}, repeat {curve.repeat}, mask {place + 1}",
                f"{point.penalty:.3g}",
                point.kept,
                f"{point.density:.3%}",
                _share(point.behaviour),
                _share(point.lower),
                "yes" if point.is_enough else "no",
            ),
        )
        for seed, curve in curves
        for place, point in enumerate(curve.points)
    ]
    titles = ("mask of the path", "penalty", "units kept", "density", "behaviour", "lower bound", "enough")
    return Table("curve", "Behaviour and size of every mask of the paths", columns(*titles), tuple(rows))


def _share(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "none to keep"


def _draw(curves: Sequence[MaskCurve], asked: float, axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    drawn = False
    for curve, colour in zip(curves, FUNCTION_COLOURS * len(curves), strict=False):
        points = sorted((one for one in curve.points if math.isfinite(one.behaviour) and one.kept), key=_density)
        axes.plot([100 * one.density for one in points], [one.behaviour for one in points], color=colour, linewidth=1.2, zorder=2)
        drawn = drawn or bool(points)
        for one in points:
            face = colour if one.is_enough else PAPER
            axes.scatter(
                [100 * one.density], [one.behaviour], s=26, marker=mark_of(colour), facecolor=face, edgecolor=colour, zorder=3
            )
    axes.axhline(asked, color=MUTED, linewidth=0.9, linestyle="--", zorder=1)
    if not drawn:  # there was no behaviour to keep, and a logarithmic axis without points cannot be drawn
        axes.set_xlim(0.01, 100)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(short_power))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("units kept, %")
    axes.set_ylabel("behaviour kept")
    axes.set_ylim(-0.05, 1.1)
    axes.grid(axis="y")


def _density(point: CurvePoint) -> float:
    return point.density
