"""Draws the pictures of docs/idea.md: ``python docs/making/pictures.py``. Each for a light and for a dark page.

Every number in them is read from a record under reproduction/.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "pictures"
ARITHMETIC = ROOT / "reproduction" / "addition-multiplication-quick" / "record.json"
DIGITS = ROOT / "reproduction" / "examples" / "digit-groups" / "weight" / "record.json"


@dataclass(frozen=True)
class Ink:
    """The colours of a page: told apart also by those who see colours otherwise, and in grey."""

    paper: str
    ground: str
    text: str
    faint: str
    first: str
    second: str
    other: str


LIGHT = Ink(
    paper="#ffffff", ground="#ffffff", text="#222222", faint="#c4c4c4", first="#0072b2", second="#d55e00", other="#8a8a8a"
)
DARK = Ink(paper="none", ground="#1e2129", text="#e2e4e9", faint="#565b69", first="#56b4e9", second="#f0a35e", other="#9aa0ad")

# inches: narrow enough for a phone to show it without making its letters too small
WIDTH = 5.8
# A made-up network of 4, 5 and 2 neurons: (layer, from, to) of the connections that a mask for its first output keeps.
SIZES = (4, 5, 2)
KEPT = {(0, 0, 0), (0, 1, 1), (0, 1, 2), (1, 0, 0), (1, 1, 0), (1, 2, 0)}
DOUBTFUL = {(0, 2, 2): 0.45, (0, 3, 4): 0.3, (1, 4, 1): 0.25, (0, 0, 1): 0.4}


def quantity(record: Path, measure: str, mask: str, function: str, variant: str = "trained") -> float:
    """The mean over networks of one number of a record."""
    found = [
        one["summary"]["mean"]
        for one in json.loads(record.read_text(encoding="utf-8"))["body"]["quantities"]
        if (one["measure"], one["mask"], one["function"], one["variant"]) == (measure, mask, function, variant)
    ]
    (value,) = found
    return float(value)


def places() -> list[list[tuple[float, float]]]:
    """Where the neurons stand, by layer."""
    return [[(layer * 1.0, (number - (size - 1) / 2) * 0.55) for number in range(size)] for layer, size in enumerate(SIZES)]


def network(axes: Axes, ink: Ink, line: Callable[[tuple[int, int, int]], dict[str, Any]]) -> None:
    """The made-up network, with each connection as ``line`` says."""
    at = places()
    for layer in range(len(SIZES) - 1):
        for a, start in enumerate(at[layer]):
            for b, end in enumerate(at[layer + 1]):
                axes.plot(*zip(start, end, strict=True), solid_capstyle="round", zorder=1, **line((layer, a, b)))
    for x, y in (place for layer in at for place in layer):
        axes.plot(x, y, "o", ms=8, mfc=ink.ground, mec=ink.text, mew=1.2, zorder=2)
    axes.set(xlim=(-0.35, 2.35), ylim=(-1.5, 1.5))
    axes.axis("off")


def arrow(figure: Figure, ink: Ink, x: float, words: str) -> None:
    """An arrow from one network to the next, with what happens."""
    ends = (x - 0.03, 0.62), (x + 0.03, 0.62)
    figure.add_artist(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=13, color=ink.text, lw=1.2))
    figure.text(x, 0.69, words, ha="center", va="bottom", color=ink.text, fontsize=9)


def mask(ink: Ink) -> Figure:
    """Network, learned keep probabilities, subnetwork."""
    figure = Figure(figsize=(WIDTH, 2.4))
    axes = [figure.add_axes((left, 0.28, 0.24, 0.7)) for left in (0.02, 0.38, 0.74)]
    network(axes[0], ink, lambda _: {"color": ink.other, "lw": 1.2})

    def learned(one: tuple[int, int, int]) -> dict[str, Any]:
        share = 1.0 if one in KEPT else DOUBTFUL.get(one, 0.06)
        return {"color": ink.first if one in KEPT else ink.other, "lw": 0.5 + 2.5 * share, "alpha": max(0.25, share)}

    network(axes[1], ink, learned)

    def thresholded(one: tuple[int, int, int]) -> dict[str, Any]:
        return {"color": ink.first, "lw": 2.8} if one in KEPT else {"color": ink.faint, "lw": 0.8, "ls": (0, (1, 3))}

    network(axes[2], ink, thresholded)
    words = (
        "a trained network:\nits weights stay\nas they are",
        "for each weight:\nhow likely it is kept,\nlearned",
        "the mask: one bit\na weight, and the\nsubnetwork it keeps",
    )
    for left, text in zip((0.14, 0.50, 0.86), words, strict=True):
        figure.text(left, 0.25, text, ha="center", va="top", color=ink.text, fontsize=9.5)
    arrow(figure, ink, 0.32, "search")
    arrow(figure, ink, 0.68, "cut at ½")
    return figure


def kept_removed(ink: Ink) -> Figure:
    """Accuracy with only a mask's weights kept, with only these removed, and with as many random ones removed."""
    figure = Figure(figsize=(WIDTH, 4.4))
    asked = {
        "sufficiency": "only the mask's\nweights kept",
        "necessity": "only these\nremoved",
        "random removal": "as many random\nones removed",
    }
    words = {"add": "addition", "mul": "multiplication"}
    for row, (own, other) in enumerate((("add", "mul"), ("mul", "add"))):
        top = 0.97 - 0.5 * row
        axes = figure.add_axes((0.1, top - 0.37, 0.88, 0.25))
        for place, measure in enumerate(asked):
            for shift, function, colour, hatch in ((-0.19, own, ink.first, ""), (0.19, other, ink.second, "///")):
                value = quantity(ARITHMETIC, measure, own, function)
                axes.bar(place + shift, max(value, 0.006), 0.34, color=colour, hatch=hatch, edgecolor=ink.ground, lw=0)
                axes.text(place + shift, value + 0.04, f"{100 * value:.0f} %", ha="center", color=ink.text, fontsize=9.5)
        axes.set_xticks(range(len(asked)), list(asked.values()), color=ink.text)
        plain(axes, ink)
        axes.set(ylim=(0, 1.15), yticks=(0, 0.5, 1), yticklabels=("0", "50 %", "100 %"))
        figure.text(0.1, top, f"The mask found for {words[own]}. Accuracy on", color=ink.text, fontsize=10.5, va="top")
        figure.text(0.1, top - 0.05, words[own], color=ink.first, fontsize=10.5, weight="bold", va="top")
        figure.text(0.42, top - 0.05, f"{words[other]} (hatched)", color=ink.second, fontsize=10.5, weight="bold", va="top")
    return figure


def floor_ceiling(ink: Ink) -> Figure:
    """The overlap of two functions' masks on the scale between what sizes give and what two masks of one function have."""
    floor = quantity(ARITHMETIC, "dice floor", "add, mul", "")
    found = quantity(ARITHMETIC, "dice", "add, mul", "")
    top = sum(quantity(ARITHMETIC, "dice", f"{name}, {name}", "") for name in ("add", "mul")) / 2
    sharing = quantity(ARITHMETIC, "normalised sharing", "add, mul", "")
    figure = Figure(figsize=(WIDTH, 2.1))
    axes = figure.add_axes((0.03, 0.02, 0.94, 0.8))
    axes.plot([0, 1], [0, 0], color=ink.faint, lw=2, zorder=1, solid_capstyle="round")
    axes.plot([floor, found], [0, 0], color=ink.first, lw=9, zorder=2, solid_capstyle="butt")
    axes.plot([found, top], [0, 0], color=ink.faint, lw=9, zorder=1, solid_capstyle="butt")
    for value in (floor, top):
        axes.plot([value, value], [-0.3, 0.3], color=ink.text, lw=2, zorder=3)
    axes.plot(found, 0, "o", ms=12, color=ink.first, mec=ink.text, zorder=4)
    for value, words in (
        (floor, f"floor {floor:.2f}: random\nmasks of these sizes"),
        (top, f"ceiling {top:.2f}: two masks\nfor the same function"),
    ):
        axes.text(value, -0.45, words, ha="center", va="top", color=ink.text, fontsize=9.5)
    axes.text(
        found - 0.02,
        0.4,
        f"found {found:.2f}: addition and multiplication",
        va="bottom",
        color=ink.first,
        fontsize=10,
        weight="bold",
    )
    for value, words in ((0, "0: nothing\nin common"), (1, "1: the\nsame mask")):
        axes.text(value, 0.4, words, ha="center", va="bottom", color=ink.text, fontsize=8.5)
    axes.set(xlim=(-0.06, 1.06), ylim=(-1.6, 1.4))
    axes.axis("off")
    figure.text(
        0.5,
        0.95,
        f"Normalised sharing {sharing:.2f}: how far it is from floor to ceiling",
        ha="center",
        va="top",
        color=ink.text,
        fontsize=10.5,
    )
    return figure


def controls(ink: Ink) -> Figure:
    """The score under a mask where the function was learned, and where it was not."""
    rows = {
        "Mask found in the trained network": ("sufficiency", "trained"),
        "As many weights, those that a quick ranking puts first": ("top weights", "trained"),
        "Mask found in a network that was never trained": ("sufficiency", "untrained"),
        "Mask found after the weights were shuffled": ("sufficiency", "shuffled-weights"),
    }
    figure = Figure(figsize=(WIDTH, 3.1))
    axes = figure.add_axes((0.03, 0.09, 0.57, 0.82))
    for place, (words, (measure, variant)) in enumerate(rows.items()):
        value, kept = quantity(DIGITS, measure, "0 to 4", "0 to 4", variant), quantity(DIGITS, "density", "0 to 4", "", variant)
        axes.barh(-place, value, 0.42, color=ink.first if place == 0 else ink.other)
        axes.text(
            value + 0.02,
            -place,
            f"{100 * value:.0f} %, with {100 * kept:.2g} % of the weights",
            va="center",
            color=ink.text,
            fontsize=9.5,
        )
        axes.text(0, -place + 0.27, words, va="bottom", color=ink.text, fontsize=9.5)
    plain(axes, ink)
    axes.set(xlim=(0, 1), ylim=(-3.4, 0.75), xticks=(0, 0.5, 1), xticklabels=("0", "50 %", "100 %"), yticks=())
    figure.text(
        0.03,
        0.97,
        "Digits 0 to 4, with only these weights kept: answers that are right",
        color=ink.text,
        fontsize=10.5,
        va="center",
    )
    return figure


def plain(axes: Axes, ink: Ink) -> None:
    """An axes without a frame."""
    axes.set_facecolor("none")
    axes.tick_params(colors=ink.text, length=0, labelsize=9.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(ink.faint)


PICTURES: dict[str, Callable[[Ink], Figure]] = {
    "mask": mask,
    "kept-removed": kept_removed,
    "floor-ceiling": floor_ceiling,
    "controls": controls,
}


def main(target: Path = TARGET) -> None:
    """Draws all of them."""
    target.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "maskscope", "hatch.linewidth": 1.5}):
        for name, draw in PICTURES.items():
            for ink, ending in ((LIGHT, ""), (DARK, "-dark")):
                figure = draw(ink)
                figure.savefig(target / f"{name}{ending}.svg", facecolor=ink.paper, metadata={"Date": None})


if __name__ == "__main__":
    main()
