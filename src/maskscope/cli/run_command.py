"""``maskscope run``: every setting of the study is an option, with the preset's value as its default."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.options import job_of, kind_named, name_of, parse, value_of
from maskscope.cli.output import announce, announce_end, print_json, watch
from maskscope.engine.address import study_at
from maskscope.engine.plan import make_plan
from maskscope.engine.planned import Plan, duration
from maskscope.engine.run import run_study
from maskscope.engine.spec import read_spec
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.report import write_everything
from maskscope.training import Observer, Tracker


@dataclass(frozen=True)
class RunOptions:
    """Run a study. What is finished in the folder is not done again; what was stopped goes on to the same bits.

    Further seeds extend a run: `--seeds 3` after `--seeds 1` does two more. A study of your own network is a Python file with
    `STUDY = ms.Study(...)`: `maskscope run my_file.py`.
    """

    name: Positional[Annotated[str, tyro.conf.arg(metavar="STUDY", help="See `maskscope list`; or FILE.py, or FILE.py:NAME.")]]
    preset: str = "quick"
    """Settings to begin from: smoke (seconds), quick (minutes), fast (the paper's but for fewer mask steps), paper (the published
    settings). `maskscope list` says which networks have which."""
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
    """Print the stages with estimates of time, memory and disk, and do nothing."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record (or the plan) as JSON on standard output."""
    spec_file: Path | None = None
    """A JSON file with the settings to begin from instead of a preset's; `--print-spec` shows the form."""
    print_spec: bool = False
    """Print the settings as JSON and do nothing."""


def run_command(words: list[str]) -> None:
    """Runs a study and writes its report."""
    chosen = study_at(name_of(words))
    options = _parse(chosen, words)
    if options.print_spec:
        print_json(options.spec)
        return
    options, job = job_of(chosen, options)
    if options.dry_run:
        announce("timing a few steps ...")
        _print_plan(make_plan(job), options)
        return
    preset = "spec file" if options.spec_file else options.preset
    # of a network that somebody brought, nobody knows yet what a search costs
    record = run_study(
        preset,
        job,
        workers=options.workers,
        watch=_watch(chosen, options),
        announce=announce,
        planned=bool(chosen.networks),
    )
    if options.as_json:
        print_json(record)
    announce_end(lambda: write_everything(record, chosen.page, options.out), options.out)


def _watch(chosen: Study[Any], options: Any) -> Callable[[str], Sequence[Observer]]:
    """A progress bar for each stage and, if asked for, the tracker."""
    if options.tracker == "none":
        return watch
    if options.workers > 1:
        raise ConfigError("--tracker logs what this process does, and with --workers above 1 others do the work. Leave one out.")
    return Tracker(options.tracker, project=chosen.name, folder=options.out / "tracking")


def _parse(chosen: Study[Any], words: list[str]) -> Any:
    """The preset or the file is looked up first: its settings are the defaults of the options."""
    preset, file = value_of(words, "--preset") or "quick", value_of(words, "--spec-file")
    begin = read_spec(Path(file), chosen.spec) if file else chosen.preset(preset, kind_named(words, chosen))
    kind = chosen.kind_of(begin)
    names = [chosen.name, *([kind] if kind != chosen.first_kind else []), Path(file).stem if file else preset]
    return parse(RunOptions, words, "run", begin=begin, out="-".join(names), seeds=chosen.networks or 1)


def _print_plan(plan: Plan, options: RunOptions) -> None:
    if options.as_json:
        print_json(plan)
        return
    for stage in plan.stages:
        print(f"  {'done   ' if stage.done else 'to do  '}{stage.name:<40}{'' if stage.done else duration(stage.seconds):>12}")
    print()
    print(plan.text(options.workers))
    sys.stdout.flush()
