"""Samples a step, chosen by the time to a mask of equal quality.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python -m benchmarks.samples --out samples.json

Networks 400-400-200 of addition and multiplication, fitted as the preset `quick` does, of seeds that no record uses and that
`fast` was not chosen on. The masks of both operations are sought together, with 128 items a step in all. What is tried, and the
rule that names the winner: benchmarks/samples/rule.py. Then the winner and the reference are repeated on every network with other
noise and other data, with the full mask beside them.

Every search is written as it ends: a run that is stopped goes on after the last one that was finished.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from benchmarks.samples import rule
from benchmarks.samples.rule import FUNCTIONS, REFERENCE, WHOLE, Candidate, Row, candidates, equal_on, first_of, is_equal
from benchmarks.samples.work import Work, say
from benchmarks.turns import with_interval
from maskscope.storage import Json


@dataclass(frozen=True)
class Options:
    """Samples a step and steps, by the time to a mask of equal quality."""

    seeds: tuple[int, ...] = (9002, 9003, 9004)
    """Networks."""
    out: Path = Path("samples.json")
    """The record; extended if it is there."""
    cells: Path = Path("runs/samples")
    """The folder of networks and masks; not part of the record."""
    curves: bool = True
    """At last, try on the first network also what is slower than the winner."""


def main() -> None:
    """Searches for what is missing, writes the record, prints its rows and the verdict."""
    options = tyro.cli(Options, prog="python -m benchmarks.samples", config=(tyro.conf.FlagCreatePairsOff,))
    work = Work(options.out, options.cells)
    costs = work.costs()
    affordable = [one for one in candidates()[1:] if rule.may_change_the_preset(costs, one)]
    by_time = sorted(affordable, key=lambda one: rule.seconds(costs, one))
    for seed in options.seeds:
        work.search(REFERENCE, seed, 0, FUNCTIONS)

    def is_equal_on(candidate: Candidate, seed: int) -> bool:
        work.search(candidate, seed, 0, FUNCTIONS)
        return equal_on(work.rows, candidate)[seed]

    winner = rule.first_equal_everywhere(by_time, options.seeds, is_equal_on)
    for seed in options.seeds:
        for candidate in {winner: None, REFERENCE: None}:
            work.forget_without_masks(candidate, seed)
            work.search(candidate, seed, 0, FUNCTIONS)
            work.search(candidate, seed, 1, (*FUNCTIONS, WHOLE))
    work.write(summary(work, costs, winner, options.seeds))
    for candidate in by_time if options.curves else ():
        work.search(candidate, options.seeds[0], 0, FUNCTIONS)
    found = summary(work, costs, winner, options.seeds)
    work.write(found)
    print(table(work.rows, costs))
    say(str(found))


def summary(work: Work, costs: Mapping[str, float], winner: Candidate, seeds: Sequence[int]) -> Json:
    """The winner beside the reference, and whether the preset takes it."""
    alike = {one: [value for seed in seeds for value in work.alike(one, seed)] for one in (winner, REFERENCE)}
    repeats = {(row.candidate, row.seed): row.masks for row in work.rows if row.repeat == 1}
    full = [(repeats[winner, seed][WHOLE], repeats[REFERENCE, seed][WHOLE]) for seed in seeds]
    ratio = rule.seconds(costs, winner) / rule.seconds(costs, REFERENCE)
    less_alike = statistics.mean(alike[REFERENCE]) - statistics.mean(alike[winner])
    return {
        "winner": asdict(winner),
        "time_over_reference": ratio,
        "dice": {"winner": alike[winner], "reference": alike[REFERENCE]},
        "full_masks": {"winner": [asdict(mine) for mine, _ in full], "reference": [asdict(theirs) for _, theirs in full]},
        "verdict": rule.verdict(ratio, less_alike, all(is_equal(*pair, WHOLE) for pair in full)),
    }


def table(rows: Sequence[Row], costs: Mapping[str, float]) -> str:
    """A row for each candidate, means over networks with their 95 % t-intervals, in Markdown."""
    lines = ["| estimator | S | steps | n | CPU s a mask | add | mul | density add | density mul | equal |", f"|{'---|' * 10}"]
    for one in sorted(candidates(), key=lambda one: (one.kind, one.samples, one.steps)):
        mine = list(first_of(rows, one).values())
        if mine:
            cells = [f"{rule.seconds(costs, one):.1f}"]
            cells += [with_interval([row.masks[name].on(name) for row in mine]) for name in FUNCTIONS]
            cells += [with_interval([row.masks[name].density for row in mine]) for name in FUNCTIONS]
            cells.append(f"{sum(equal_on(rows, one).values())} of {len(mine)}")
            lines.append(f"| {one.kind} | {one.samples} | {one.steps:,} | {len(mine)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
