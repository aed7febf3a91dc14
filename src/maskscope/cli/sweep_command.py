"""``maskscope sweep``: an experiment over the values of one setting."""

import json
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.output import announce, defined, duration, require_first, value_of, watch, write_sweep
from maskscope.errors import ConfigError, MissingExtraError
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec
from maskscope.experiments.job import Job
from maskscope.experiments.plan import make_plan
from maskscope.experiments.run import require_device
from maskscope.experiments.spec import to_json
from maskscope.experiments.sweep import SWEEPS, jobs, require_axis_untouched, run_sweep, sweep_named
from maskscope.storage import user_path


@dataclass(frozen=True)
class SweepOptions:
    """Run addition-multiplication at several values of one setting, in one folder: what does not depend on it is made once.

    What is finished is not done again: to extend a sweep give more --seeds, or name all --values, old and new.
    """

    name: Positional[Annotated[str, tyro.conf.arg(metavar="SWEEP", help="penalty, size or estimator.")]]
    values: tuple[str, ...] = ()
    """Values: of beta; of small, medium, big, huge; or names of estimators. Default: the preset's."""
    preset: Literal["smoke", "quick", "paper"] = "quick"
    """Settings and values to begin from."""
    out: Path = Path("runs")
    """Run folder."""
    seeds: int = 1
    """How many networks at each value."""
    first_seed: int = 0
    """Seed of the first network; the others follow."""
    device: str = "cpu"
    """Torch device: cpu, cuda, cuda:1."""
    threads: int = 0
    """Torch threads; 0: torch's choice."""
    dry_run: bool = False
    """Print the time that each value would take, and do nothing."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record as JSON on standard output."""


def sweep_command(words: list[str]) -> None:
    """Runs a sweep and writes its report."""
    chosen = sweep_named(words[0]) if words and not words[0].startswith("-") else next(iter(SWEEPS.values()))
    preset = value_of(words, "--preset") or "quick"
    begin, values = chosen.presets[preset] if preset in chosen.presets else next(iter(chosen.presets.values()))
    kind = make_dataclass(
        "SweepOptions",
        [
            ("out", Path, field(default=Path("runs") / f"{chosen.name}-sweep-{preset}")),
            ("spec", Annotated[AdditionMultiplicationSpec, tyro.conf.arg(name="")], field(default=begin)),
        ],
        bases=(SweepOptions,),
        frozen=True,
    )
    kind.__doc__ = SweepOptions.__doc__
    options: Any = tyro.cli(kind, args=words, prog="maskscope sweep", config=(tyro.conf.FlagCreatePairsOff,))
    require_first(words, chosen.name, options.name)
    require_axis_untouched(chosen, options.spec, begin)
    if options.seeds < 1 or options.threads < 0:
        raise ConfigError("--seeds is at least 1, --threads at least 0.")
    require_device(options.device)
    options = replace(options, out=user_path(options.out, argument="--out"))
    values = options.values or values
    seeds = tuple(range(options.first_seed, options.first_seed + options.seeds))
    job = Job(options.spec, seeds, str(options.out), options.device, options.threads)
    if options.dry_run:
        _print_plans(jobs(chosen, job, values))
        return
    record = run_sweep(chosen, options.preset, job, values, watch=watch, announce=announce)
    if options.as_json:
        print(json.dumps(defined(to_json(record)), indent=1))
    try:
        announce(f"report: {write_sweep(record, options.out)}")
    except MissingExtraError as error:
        announce(f"no report: {error} Then: maskscope report {options.out}")
    announce(f"numbers: maskscope show {options.out}")


def _print_plans(each: dict[str, Job]) -> None:
    total = 0.0
    for value, job in each.items():
        plan = make_plan(job)
        done = sum(stage.done for stage in plan.stages)
        print(f"  {value:<18}{len(plan.stages):>4} stages, {done} done {duration(plan.seconds):>14}")
        total += plan.seconds
    print(f"time    at most {duration(total)}: networks that several values share are counted each time")
