"""The page of a calibration: tables alone; what they mean stands in docs/statistics.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.calibration.summary import DesignSummary, LevelSummary
from maskscope.analysis import Proportion, Summary
from maskscope.storage import write_bytes


def write_page(
    page: Path,
    designs: Mapping[str, DesignSummary],
    levels: Mapping[str, Sequence[LevelSummary]],
    missed: Sequence[Mapping[str, object]],
    covered: Mapping[str, Mapping[str, Proportion]],
) -> None:
    """Writes the page, whole or not at all."""
    text = "\n".join([_HEAD, *_null(designs), *_sharing(levels), *_missed(missed), *_coverage(covered), ""])
    write_bytes(page, text.encode())


_HEAD = """# Calibration of the statistics

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python -m benchmarks.calibration

Made from [the record](calibration.json), which has settings, versions, machine and a line for every test. What the numbers
are and what follows from them: [statistics](../docs/statistics.md). Brackets: 95 % intervals, exact binomial for shares and t
for means, over networks."""

_NULL = """
## The null test: how often p <= .05

Every function is a random multiplexer of 8 bits, drawn independently. A network of two functions is 8-24-24-2, one of 21 is
8-32-32-21; one test a network, K = 19, one mask a function in a test. *Matched*: the null's masks cut or filled, by their
logits, to the size of B's in each tensor. *By sizes alone*: the naive test against the hypergeometric floor. With nothing
shared a calibrated test rejects .05; where B is A, the same function at another output, the share is power.

| null, network | n | rejected | mean mid-p | matched: rejected | matched: mean p | by sizes alone: rejected |
|---|---|---|---|---|---|---|"""

_AGAINST = """
What stood against what: Dice, sizes, and how well each mask does its function. *Right*: on what share of all inputs, under the
mask. *Accuracy*: the same without a mask, the worst function of the worst network.

| null, network | Dice of A, B | of A, null | floor | sharing | weights: A, B, null | right: A, B, null | undecided | accuracy |
|---|---|---|---|---|---|---|---|---|"""

_SHARING = """
## Normalised sharing against planted overlap

Masks found by `discover_many` on networks 12-160-80-2 whose two functions have a set share D of their 120 weights in common;
two masks a function. *True masks*: what the formula gives for the planted masks themselves, (D - c) / (1 - c) with the floor c
of their sizes; it is below D, because what density gives is taken off. Settings are in the record: *chosen* by the variance
explained under the masks and the undecided share, on networks that are not in the record; *a third of the penalty* is there to
show worse masks.

| settings | true Dice | true masks | found | n | precision | recall | explained | undecided |
|---|---|---|---|---|---|---|---|---|"""

_MISSED = """
Synthetic, not found: three masks a function of 500 of 10,000 weights, each true weight kept with a chance of *recall*, each
false one with .002; the mean over 10 draws.
"""

_COVERAGE = """
## Coverage of the 95 % t-intervals

The share of intervals of n networks that hold the mean of the population: networks drawn with replacement from those of the
first design, and normal numbers. The brackets are the Monte Carlo error of 5,000 samples.
"""


def _null(designs: Mapping[str, DesignSummary]) -> list[str]:
    lines = [_NULL]
    lines += [
        f"| {one.title} | {one.n} | {share(one.rejected)} | {mean(one.mid_p)} | {share(one.rejected_matched)} "
        f"| {mean(one.p_matched)} | {share(one.rejected_sizes)} |"
        for one in designs.values()
    ]
    lines += [_AGAINST]
    for one in designs.values():
        kept = ", ".join(f"{value:.0f}" for value in one.kept)
        right = ", ".join(number(value) for value in one.sufficiency)
        lines.append(
            f"| {one.title} | {mean(one.observed)} | {mean(one.null)} | {number(one.floor.mean)} | {mean(one.sharing)} | {kept} "
            f"| {right} | {number(one.undecided)} | {number(one.accuracy)} |"
        )
    lines += ["\nmid-p in tenths, from 0 to 1 (chi-square against equal numbers, from 100 tests up):\n"]
    for one in designs.values():
        uniform = f"; p = {number(one.uniform_p, 2)}" if one.uniform_p == one.uniform_p else ""
        lines.append(f"* {one.title}: {', '.join(map(str, one.bins))}{uniform}")
    return lines


def _sharing(levels: Mapping[str, Sequence[LevelSummary]]) -> list[str]:
    lines = [_SHARING]
    for name, rows in levels.items():
        lines += [
            f"| {name} | {number(one.true)} | {number(one.expected)} | {mean(one.sharing)} | {one.sharing.n} "
            f"| {number(one.precision)} | {number(one.recall)} | {number(one.explained)} | {number(one.undecided)} |"
            for one in rows
        ]
    return lines


def _missed(missed: Sequence[Mapping[str, object]]) -> list[str]:
    levels = list(dict.fromkeys(row["true"] for row in missed))
    lines = [
        _MISSED,
        "| recall | " + " | ".join(f"true {number(float(str(level)))}" for level in levels) + " |",
        "|---" * (len(levels) + 1) + "|",
    ]
    for recall in dict.fromkeys(row["recall"] for row in missed):
        cells = [number(float(str(row["mean"]))) for row in missed if row["recall"] == recall]
        lines.append(f"| {number(float(str(recall)))} | {' | '.join(cells)} |")
    return lines


def _coverage(covered: Mapping[str, Mapping[str, Proportion]]) -> list[str]:
    sizes = list(next(iter(covered.values())))
    lines = [
        _COVERAGE,
        "| | " + " | ".join(f"n = {size}" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    return lines + [f"| {name} | {' | '.join(share(one) for one in rows.values())} |" for name, rows in covered.items()]


def number(value: float, digits: int = 3) -> str:
    """Without a zero in front; undefined is a dash."""
    if value != value:
        return "-"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def share(found: Proportion) -> str:
    """A share and its interval."""
    return f"{number(found.share)} [{number(found.low)}, {number(found.high)}]" if found.n else "-"


def mean(found: Summary) -> str:
    """A mean and its interval."""
    return f"{number(found.mean)} [{number(found.low)}, {number(found.high)}]" if found.n else "-"
