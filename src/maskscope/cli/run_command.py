"""``maskscope run``: every setting of the study is an option, with the preset's value as its default."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.words.parsing import asks_for_help, print_help

if TYPE_CHECKING:
    from maskscope.engine.planned import Plan
    from maskscope.engine.study import Study
    from maskscope.training import Observer

# the options that `--help` tells; the others, and all settings of a study, are behind `--help-all`
COMMON = ("STUDY", "--preset", "--out", "--seeds", "--workers", "--device", "--dry-run", "--all")
_MORE = "All options, with every setting of a study: maskscope run STUDY --help-all"


@dataclass(frozen=True)
class RunOptions:
    """Run a study: train networks, search the masks, measure, write the page. `maskscope list` has the studies.

      maskscope run addition-multiplication --preset demo --seeds 3
      maskscope run scan --preset quick --dry-run       what it would cost
      maskscope run my_study.py                         your own network

    What is finished in the folder is not done again; what was stopped goes on to the same bits. Further seeds extend a run:
    `--seeds 3` after `--seeds 1` does two more. A study of your own network is a Python file with `STUDY = ms.Study(...)`.
    """

    name: Positional[Annotated[str, tyro.conf.arg(metavar="STUDY", help="See `maskscope list`; or FILE.py, or FILE.py:NAME.")]]
    preset: str = "quick"
    """Settings to begin from: smoke (seconds), demo (a minute or two), quick (many minutes), fast (the paper's but for fewer mask
    steps), paper (the published settings). `maskscope list` says which networks have which."""
    out: Path = Path("runs")
    """Run folder: artefacts, record, tables, figures, report."""
    seeds: int = 1
    """How many networks, each with its own masks. The spread of every number is over these. Of given networks: all."""
    first_seed: int = 0
    """Seed of the first network; the others follow."""
    workers: int = 1
    """Processes, which share networks, masks and measurements. workers x threads should not exceed the cores."""
    device: str = "cpu"
    """Torch device: cpu, cuda, cuda:1."""
    threads: int = 0
    """Torch threads of each process; 0: torch's choice. Sums depend on it in their last bits."""
    executor: Literal["auto", "batched", "sequential", "threads"] = "auto"
    """Who runs the samples of a mask step: all in one call, one by one, or a thread for each. Equal but for last bits."""
    kernels: Literal["auto", "cpu", "cuda", "reference"] = "auto"
    """Who draws the masks: compiled kernels, or plain PyTorch. The same masks, other speeds."""
    data_dir: Path | None = None
    """Folder with the files of images in their original formats, of SCAN, or of the Mathematics Dataset (docs/data.md); else
    MASKSCOPE_DATA. Images are else in the cache, into which they are downloaded; the others are generated unless --source says
    otherwise."""
    tracker: Literal["none", "wandb", "trackio", "tensorboard", "mlflow"] = "none"
    """Log the searches and the result with this tracker, offline, in the folder `tracking` of the run folder; with one worker."""
    dry_run: bool = False
    """Print what would be made, with estimates of time, memory and disk, and do nothing."""
    everything: Annotated[bool, tyro.conf.arg(name="all")] = False
    """With --dry-run: a row for each thing that is made, too."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record (or the plan) as JSON on standard output."""
    spec_file: Path | None = None
    """A JSON file with the settings to begin from instead of a preset's; `--print-spec` shows the form."""
    print_spec: bool = False
    """Print the settings as JSON and do nothing."""


def run_command(words: list[str]) -> None:
    """Runs a study and writes its report."""
    if asks_for_help(words) and "--help-all" not in words:
        print_help(RunOptions, "run", only=COMMON, more=_MORE)
    # they bring torch, which help does without
    from maskscope.cli.options import job_of, study_named
    from maskscope.cli.output.ending import print_ending
    from maskscope.cli.output.printing import announce, print_json
    from maskscope.cli.output.progress import RunProgress
    from maskscope.engine.plan import make_plan
    from maskscope.engine.run import run_study

    chosen = study_named(words, "run")
    options = _parse(chosen, words)
    if options.print_spec:
        print_json(options.spec)
        return
    options, job = job_of(chosen, options)
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
        record = run_study(preset, job, workers=options.workers, planned=planned, **hears)
    if options.as_json:
        print_json(record)
    print_ending(chosen, record, options.out, time.monotonic() - began, file=sys.stderr if options.as_json else sys.stdout)


def _watch(chosen: "Study[Any]", options: Any) -> "Callable[[str], Sequence[Observer]]":
    """Nobody but the progress of the whole; or, if asked for, the tracker."""
    from maskscope.errors import ConfigError
    from maskscope.training import Tracker

    if options.tracker == "none":
        return lambda name: ()
    if options.workers > 1:
        raise ConfigError("--tracker logs what this process does, and with --workers above 1 others do the work. Leave one out.")
    return Tracker(options.tracker, project=chosen.name, folder=options.out / "tracking")


def _parse(chosen: "Study[Any]", words: list[str]) -> Any:
    """The preset or the file is looked up first: its settings are the defaults of the options."""
    from maskscope.cli.options import kind_named, parse_settings, value_of
    from maskscope.engine.spec import read_spec

    preset, file = value_of(words, "--preset") or "quick", value_of(words, "--spec-file")
    begin = read_spec(Path(file), chosen.spec) if file else chosen.preset(preset, kind_named(words, chosen))
    kind = chosen.kind_of(begin)
    names = [chosen.name, *([kind] if kind != chosen.first_kind else []), Path(file).stem if file else preset]
    return parse_settings(RunOptions, words, "run", begin=begin, out="-".join(names), seeds=chosen.networks or 1)


def _print_plan(plan: "Plan", options: Any) -> None:
    from maskscope.cli.output.printing import print_json
    from maskscope.engine.planned import duration

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
