"""``maskscope sweep``: a study over the values of one of its settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.options import job_of, kind_named, name_of, parse, value_of
from maskscope.cli.output import announce, announce_end, print_json, watch
from maskscope.engine.address import is_file, known_studies, study_at
from maskscope.engine.plan import make_plan
from maskscope.engine.planned import duration
from maskscope.engine.study import Study, Sweep
from maskscope.engine.sweep.points import (
    PlannedPoint,
    plan_points,
    require_swept,
    require_untouched,
    sweep_named,
    sweep_over,
)
from maskscope.engine.sweep.run import run_sweep
from maskscope.engine.sweep.setting import settings_of
from maskscope.errors import ConfigError
from maskscope.report import write_sweep


@dataclass(frozen=True)
class SweepOptions:
    """What every sweep can be told."""

    name: Positional[Annotated[str, tyro.conf.arg(metavar="STUDY", help="See `maskscope list`; or penalty, size, estimator.")]]
    preset: str = "quick"
    """Settings to begin from; `maskscope list` says which networks have which."""
    out: Path = Path("runs")
    """Folder of the sweep. Every value has the record of an ordinary run in `points`, for `maskscope show` and `report`."""
    seeds: int = 1
    """How many networks at each value."""
    first_seed: int = 0
    """Seed of the first network; the others follow."""
    workers: int = 1
    """Processes, which share the networks and then the masks of each value. workers x threads should not exceed the cores."""
    device: str = "cpu"
    """Torch device: cpu, cuda, cuda:1."""
    threads: int = 0
    """Torch threads of each process; 0: torch's choice."""
    executor: Literal["auto", "batched", "sequential", "threads"] = "auto"
    """Who runs the samples of a mask step; as in `maskscope run`."""
    kernels: Literal["auto", "cpu", "cuda", "reference"] = "auto"
    """Who draws the masks; as in `maskscope run`."""
    data_dir: Path | None = None
    """Folder with the files of the data; as in `maskscope run`."""
    dry_run: bool = False
    """Print the time that each value would take, and do nothing."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record as JSON on standard output."""


@dataclass(frozen=True)
class StudySweepOptions(SweepOptions):
    """Run a study at several values of one of its settings, in one folder: what does not depend on the setting is made once.

    Example: does the overlap of the two masks depend on the penalty, and on the size of the network?

      maskscope sweep addition-multiplication --over mask.beta 1e-5 1e-4 1e-3 --seeds 3
      maskscope sweep addition-multiplication --over hidden 400x400x200 800x800 --seeds 3
      maskscope sweep scan --over mask.schedule constant cosine --preset smoke --dry-run

    A setting has the name of its option below, without the two hyphens. A list is written with x or commas: 400x400x200. All
    other options hold at every value. What is finished is not done again: to extend a sweep give more --seeds, or name all
    values, old and new. Three sweeps have a name, settings and values of their own: penalty, size, estimator.
    """

    over: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SETTING VALUE [VALUE ...]")] = ()
    """The setting that is varied, by its dotted name, and its values."""


@dataclass(frozen=True)
class NamedSweepOptions(SweepOptions):
    """Run addition-multiplication at several values of one setting, in one folder: what does not depend on it is made once.

    What is finished is not done again: to extend a sweep give more --seeds, or name all --values, old and new. Any other setting
    of any study: maskscope sweep STUDY --over SETTING VALUE ...
    """

    values: tuple[str, ...] = ()
    """Values: of beta; of small, medium, big, huge, or layers as 400x400x200; names of estimators. Default: the preset's."""


def sweep_command(words: list[str]) -> None:
    """Runs a sweep and writes its report."""
    study, sweep, options, begin, values = _parse(words)
    require_untouched(study, sweep, options.spec, begin)
    options, job = job_of(study, options)
    if options.dry_run:
        _print_plans(plan_points(sweep, job, values), options.workers)
        return
    record = run_sweep(sweep, options.preset, job, values, workers=options.workers, watch=watch, announce=announce)
    if options.as_json:
        print_json(record)
    announce_end(lambda: write_sweep(record, options.out), options.out)


def _parse(words: list[str]) -> tuple[Study[Any], Sweep, Any, Any, tuple[str, ...]]:
    """The study, the sweep, all options, the settings that it begins from, and the values."""
    first, preset = name_of(words), value_of(words, "--preset") or "quick"
    if first not in known_studies() and not is_file(first):
        study, named = sweep_named(first)
        begin, usual = named.presets[preset] if preset in named.presets else next(iter(named.presets.values()))
        options = parse(NamedSweepOptions, words, "sweep", begin=begin, out=f"{first}-sweep-{preset}", seeds=1)
        if preset not in named.presets:
            raise ConfigError(f"The sweep {first} has no preset {preset}: {', '.join(named.presets)} were expected.")
        return study, named, options, begin, options.values or usual
    study = study_at(first)
    require_swept(study)
    begin = study.preset(preset, kind_named(words, study))
    kind = study.kind_of(begin)
    over = value_of(words, "--over") or "setting"
    names = [study.name, *([kind] if kind != study.first_kind else []), "over", over, preset]
    options = parse(StudySweepOptions, words, "sweep", begin=begin, out="-".join(names), seeds=study.networks or 1)
    if len(options.over) < 2:
        found = " ".join(options.over) or "missing"
        raise ConfigError(
            f"--over is {found}; a setting and its values were expected, as in --over mask.beta 1e-5 1e-4. Settings of {first}: "
            f"{', '.join(settings_of(study.spec))}."
        )
    return study, sweep_over(study, options.over[0]), options, begin, options.over[1:]


def _print_plans(points: list[PlannedPoint], workers: int) -> None:
    total = 0.0
    for point in points:
        plan = make_plan(point.job)
        done = sum(stage.done for stage in plan.stages)
        print(f"  {point.label:<18}{len(plan.stages):>4} stages, {done} done {duration(plan.seconds / workers):>14}")
        total += plan.seconds / workers
    print(f"time    at most {duration(total)} with {workers} worker(s): networks that several values share are counted each time")
