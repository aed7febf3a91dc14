"""``maskscope run``: every setting of the study is an option, with the preset's value as its default."""

import json
import sys
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.output import announce, defined, duration, require_first, value_of, watch
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.folder import RECORD, require_room
from maskscope.engine.job import Job
from maskscope.engine.plan import Plan, make_plan
from maskscope.engine.run import run_study
from maskscope.engine.runtime import require_device
from maskscope.engine.spec import read_spec, to_json
from maskscope.engine.study import Study
from maskscope.errors import ConfigError, MissingExtraError
from maskscope.report import write_everything
from maskscope.storage import user_path


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
    chosen = study_at(words[0] if words and not words[0].startswith("-") else next(iter(known_studies())))
    options, spec = _parse(chosen, words)
    if options.seeds < 1 or options.workers < 1 or options.threads < 0:
        raise ConfigError("--seeds and --workers are at least 1, --threads at least 0.")
    if options.print_spec:
        print(json.dumps(to_json(spec), indent=1))
        return
    options = replace(options, out=user_path(options.out, argument="--out"))
    if options.data_dir is not None:
        options = replace(options, data_dir=user_path(options.data_dir, argument="--data-dir"))
    seeds = tuple(range(options.first_seed, options.first_seed + options.seeds))
    data = str(options.data_dir or "")
    job = Job(chosen, spec, seeds, str(options.out), options.device, options.threads, options.executor, options.kernels, data)
    require_device(options.device)
    if options.dry_run:
        announce("timing a few steps ...")
        _print_plan(make_plan(job), options)
        return
    require_room(options.out, RECORD)
    preset = "spec file" if options.spec_file else options.preset
    record = run_study(preset, job, workers=options.workers, watch=watch, announce=announce)
    if options.as_json:
        print(json.dumps(defined(to_json(record)), indent=1))
    try:
        announce(f"report: {write_everything(record, chosen.page, options.out)}")
    except MissingExtraError as error:
        announce(f"no report: {error} Then: maskscope report {options.out}")
    announce(f"numbers: maskscope show {options.out}")


def _parse(chosen: Study[Any], words: list[str]) -> tuple[RunOptions, Any]:
    """Twice: first to learn the network and the preset, or the file, whose settings are then the defaults of everything else."""
    named, chosen_kind = value_of(words, "--preset") or "quick", value_of(words, f"--{chosen.kind}") or "" if chosen.kind else ""
    file = value_of(words, "--spec-file")
    begin = read_spec(Path(file), chosen.spec) if file else chosen.preset(named, chosen_kind)
    found = chosen.kind_of(begin)
    names = [chosen.name, *([found] if found != chosen.first_kind else []), Path(file).stem if file else named]
    out = field(default=Path("runs") / "-".join(names))
    # the options of a run, and with them every field of this study's settings
    settings = field(default=begin)
    kind = make_dataclass(
        "RunOptions",
        [
            ("out", Path, out),
            ("seeds", int, field(default=chosen.networks or 1)),
            ("spec", Annotated[chosen.spec, tyro.conf.arg(name="")], settings),
        ],
        bases=(RunOptions,),
        frozen=True,
    )
    kind.__doc__ = RunOptions.__doc__
    options: Any = tyro.cli(kind, args=words, prog="maskscope run", config=(tyro.conf.FlagCreatePairsOff,))
    if not words or options.name != words[0]:
        require_first(words, chosen.name, options.name)
    return options, options.spec


def _print_plan(plan: Plan, options: RunOptions) -> None:
    if options.as_json:
        print(json.dumps(to_json(plan), indent=1))
        return
    for stage in plan.stages:
        print(f"  {'done   ' if stage.done else 'to do  '}{stage.name:<40}{'' if stage.done else duration(stage.seconds):>12}")
    each = plan.seconds / options.workers
    print(f"time    {duration(each)} with {options.workers} worker(s), by timing a few steps here and now")
    print(f"memory  {plan.memory / 2**30:.1f} GiB in each process")
    print(f"disk    {plan.disk / 2**30:.2f} GiB in {options.out}")
    sys.stdout.flush()
