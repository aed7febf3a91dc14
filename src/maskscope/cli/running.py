"""Running a study from the command line."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from maskscope.cli.options import cluster_of, job_of, kind_named, parse_settings, study_named, value_of
from maskscope.cli.output.ending import print_ending, written_page
from maskscope.cli.output.printing import announce, print_json
from maskscope.cli.run_command import RunOptions
from maskscope.engine.plan import make_plan
from maskscope.engine.planned import Plan, duration
from maskscope.engine.run import run_study
from maskscope.engine.spec import read_spec
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.report.progress import RunProgress
from maskscope.training import Observer, Tracker


def run(words: list[str]) -> None:
    """Runs a study, writes its report, and says what was found."""
    chosen = study_named(words, "run")
    options = _parse(chosen, words)
    if options.print_spec:
        print_json(options.spec)
        return
    options, job = job_of(chosen, options)
    cluster = cluster_of(options)
    if options.dry_run:
        announce("timing a few steps ...")
        _print_plan(make_plan(job), options)
        return
    preset, began = "spec file" if options.spec_file else options.preset, time.monotonic()
    watch = _watch(chosen, options)
    with RunProgress().shown() as progress:
        # of a network that somebody brought, it is told first what is masked
        planned = bool(chosen.networks)
        hears: dict[str, Any] = {"watch": watch, "announce": progress.announce, "follower": progress}
        record = run_study(preset, job, workers=options.workers, cluster=cluster, planned=planned, **hears)
    if options.as_json:
        print_json(record)
    page = written_page(chosen, record, options.out)
    console = Console(stderr=options.as_json)
    print_ending(chosen, record, options.out, page=page, seconds=time.monotonic() - began, console=console)


def _watch(chosen: Study[Any], options: Any) -> Callable[[str], Sequence[Observer]]:
    """Nobody but the progress of the whole; or, if asked for, the tracker."""
    if options.tracker == "none":
        return lambda name: ()
    if options.workers > 1 or options.engine == "ray":
        other = "--engine ray" if options.engine == "ray" else "--workers above 1"
        raise ConfigError(f"--tracker logs what this process does, and with {other} others do the work. Leave one out.")
    return Tracker(options.tracker, project=chosen.name, folder=options.out / "tracking")


def _parse(chosen: Study[Any], words: list[str]) -> Any:
    """The preset or the file is looked up first: its settings are the defaults of the options."""
    preset, file = value_of(words, "--preset") or "quick", value_of(words, "--spec-file")
    begin = read_spec(Path(file), chosen.spec) if file else chosen.preset(preset, kind_named(words, chosen))
    kind = chosen.kind_of(begin)
    names = [chosen.name, *([kind] if kind != chosen.first_kind else []), Path(file).stem if file else preset]
    return parse_settings(RunOptions, words, "run", begin=begin, out="-".join(names), seeds=chosen.networks or 1)


def _print_plan(plan: Plan, options: Any) -> None:

    if options.as_json:
        print_json(plan)
        return
    if options.everything:
        for stage in plan.stages:
            print(
                f"  {'done   ' if stage.done else 'to do  '}{stage.name:<40}{'' if stage.done else duration(stage.seconds):>12}"
            )
        print()
    print(plan.summary())
    print(plan.text(options.workers))
    if not options.everything:
        print("\nA row for each of them: the same line with --all")
    sys.stdout.flush()
