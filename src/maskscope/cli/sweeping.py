"""Running a sweep from the command line."""

from typing import Any

from maskscope.cli.options import cluster_of, job_of, kind_named, name_of, parse_settings, value_of
from maskscope.cli.output.printing import announce_end, print_json
from maskscope.cli.sweep_command import NamedSweepOptions, StudySweepOptions
from maskscope.engine.address import is_file, known_studies, study_at
from maskscope.engine.plan import make_plan
from maskscope.engine.planned import duration
from maskscope.engine.study import Study, Sweep
from maskscope.engine.sweep.points import (
    PlannedPoint,
    named_sweeps,
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
from maskscope.report.progress import RunProgress


def sweep(words: list[str]) -> None:
    """Runs a sweep and writes its report."""
    study, swept, options, begin, values = _parse(words)
    require_untouched(study, swept, options.spec, begin)
    options, job = job_of(study, options)
    cluster = cluster_of(options)
    if options.dry_run:
        _print_plans(plan_points(swept, job, values), options.workers)
        return
    with RunProgress().shown() as progress:
        hears: dict[str, Any] = {"watch": lambda name: (), "announce": progress.announce, "follower": progress}
        record = run_sweep(swept, options.preset, job, values, workers=options.workers, cluster=cluster, **hears)
    if options.as_json:
        print_json(record)
    announce_end(lambda: write_sweep(record, options.out), options.out)


def _parse(words: list[str]) -> tuple[Study[Any], Sweep, Any, Any, tuple[str, ...]]:
    """The study, the sweep, all options, the settings that it begins from, and the values."""
    if not words:
        raise ConfigError(
            f"`maskscope sweep` needs the name of a study or a sweep: {', '.join([*known_studies(), *named_sweeps()])}."
        )
    first, preset = name_of(words), value_of(words, "--preset") or "quick"
    if first not in known_studies() and not is_file(first):
        study, named = sweep_named(first)
        begin, usual = named.presets[preset] if preset in named.presets else next(iter(named.presets.values()))
        options = parse_settings(NamedSweepOptions, words, "sweep", begin=begin, out=f"{first}-sweep-{preset}", seeds=1)
        if preset not in named.presets:
            raise ConfigError(f"The sweep {first} has no preset {preset}: {', '.join(named.presets)} were expected.")
        return study, named, options, begin, options.values or usual
    study = study_at(first)
    require_swept(study)
    begin = study.preset(preset, kind_named(words, study))
    kind = study.kind_of(begin)
    over = value_of(words, "--over") or "setting"
    names = [study.name, *([kind] if kind != study.first_kind else []), "over", over, preset]
    options = parse_settings(StudySweepOptions, words, "sweep", begin=begin, out="-".join(names), seeds=study.networks or 1)
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
