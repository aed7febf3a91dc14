"""What a step of each estimator costs, and the time of each to a mask of equal quality.

    python -m benchmarks.estimators step --case all --out estimators.json
    python -m benchmarks.estimators quality --case fnn-400-400-200 --networks 3 --out estimators.json
    python -m benchmarks.estimators rows --out estimators.json

*step*: a step of each estimator on 128 items over a forward and a backward pass on as many, in turn, in one run.
*quality*: a mask by the paper's settings in 20,000 steps, and masks by every estimator in 500 to 2,000 steps with the settings of
a user's own network. A mask is of equal quality if its accuracy on the function, over all items, is at most .01 below, and if it
keeps no more units. Where other programs keep the cores busy, read the seconds of the processor; take one thread
(``OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1``), because threads that wait for each other count as busy.
*rows*: the tables of the record, in Markdown.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import tyro
from tyro.conf import Positional

from benchmarks.estimators.cases import CASES
from benchmarks.estimators.quality import FIRST_SEED, KEPT, SIZES, STEPS, Candidate, Comparison, candidates
from benchmarks.estimators.rows import MOST_LOST, compared, fastest_everywhere, fastest_rows, quality_rows, step_rows
from benchmarks.estimators.steps import step_costs
from benchmarks.turns import about
from maskscope.storage import Json, read_json, write_json


@dataclass(frozen=True)
class Options:
    """Estimators: cost of a step, time to a mask of equal quality."""

    part: Positional[Literal["step", "quality", "rows"]]
    """What is done."""
    case: Literal[("all", *CASES)] = "fnn-400-400-200"  # type: ignore[valid-type]
    """Which kind of network."""
    out: Path = Path("estimators.json")
    """The record; extended if it is there."""
    cells: Path = Path("runs/estimators")
    """quality: the folder of what was done so far; not part of the record."""
    networks: int = 3
    """quality: how many networks, of the seeds from 9100 on."""
    first: int = 0
    """quality: the number of the first network; with it, several processes divide the networks among them."""
    functions: tuple[str, ...] = ()
    """quality: the functions that masks are searched for; as the kind of network says, unless given."""
    reference_steps: int = 20_000
    """quality: steps of the reference. Paper: 20,000."""
    fit_steps: int | None = None
    """quality: steps of the training of the networks; as the study says, unless given."""
    candidate_steps: tuple[int, ...] = STEPS
    """quality: steps of the candidates."""
    sizes: tuple[Literal[SIZES], ...] = SIZES  # type: ignore[valid-type]
    """quality: what decides the size of the candidates' masks."""
    done_only: bool = False
    """quality: make the record of what is done, and do nothing more."""
    device: str = "cpu"
    """quality: torch device."""
    data_dir: Path | None = None
    """quality: where the images are, if not in the usual place."""
    steps: int = 20
    """step: steps counted of each kind."""
    blocks: int = 4
    """step: turns that they are divided into."""


def main(args: list[str] | None = None) -> None:
    """Measures what is missing, writes the record, prints its rows."""
    options = tyro.cli(Options, args=args, prog="python -m benchmarks.estimators", config=(tyro.conf.FlagCreatePairsOff,))
    for name in CASES if options.case == "all" else [options.case]:
        if options.part == "step":
            _extend(options.out, "step", name, step_costs(CASES[name].step, options.steps, options.blocks))
        elif options.part == "quality":
            _compare(options, name)
    record = read_json(options.out)
    if "step" in record:
        print(step_rows(record["step"]))
    for case in record.get("quality", {}).values():
        print(f"{case['title']}\n\n{fastest_rows(case['networks'])}\n{quality_rows(case['networks'])}")


def _compare(options: Options, name: str) -> None:
    """All references come first, then the candidates, the shorter searches first, so that a run that is stopped compares all
    networks."""
    case = CASES[name]
    comparison = Comparison(
        name, case, options.cells, options.reference_steps, options.fit_steps, options.device, options.data_dir
    )
    functions = options.functions or case.functions
    pairs = [(FIRST_SEED + options.first + number, function) for number in range(options.networks) for function in functions]
    wanted = candidates(options.sizes, options.candidate_steps)
    for pair in pairs:
        comparison.referred(*pair)
    for candidate in wanted:
        for pair in pairs:
            if not options.done_only:
                comparison.tried(candidate, *pair)
    _extend(options.out, "quality", name, _quality(comparison, pairs, wanted))


def _quality(comparison: Comparison, pairs: list[tuple[int, str]], wanted: list[Candidate]) -> Json:
    networks = []
    for pair in pairs:
        reference = comparison.referred(*pair)
        tried = [
            asdict(one) | {"asked_steps": one.steps} | compared(comparison.tried(one, *pair), reference)
            for one in wanted
            if comparison.has(one, *pair)
        ]
        seed, function = pair
        _, fitted = comparison.network(seed)
        networks.append({"seed": seed, "function": function, "network": fitted, "reference": reference, "candidates": tried})
    best = fastest_everywhere(networks)
    return {
        "title": comparison.case.title,
        "reference_config": comparison.reference.as_json(),
        "behaviour_kept": KEPT,
        "most_accuracy_lost": MOST_LOST,
        "fit_steps": comparison.case.spec.fit.steps if comparison.fit_steps is None else comparison.fit_steps,
        "device": comparison.device,
        "fastest_of_equal_quality_everywhere": list(best) if best else None,
        "networks": networks,
    }


def _extend(file: Path, part: str, name: str, found: Json) -> None:
    record: Json = read_json(file) if file.exists() else {}
    write_json(file, record | {part: record.get(part, {}) | {name: found | {"about": about()}}})


if __name__ == "__main__":
    main()
