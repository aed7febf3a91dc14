"""``maskscope run``: every setting of the study is an option, with the preset's value as its default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import asks_for_help, print_help

# the options that `--help` tells; the others, and all settings of a study, are behind `--help-all`
COMMON = ("STUDY", "--preset", "--out", "--seeds", "--workers", "--engine", "--device", "--dry-run", "--all")
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
    """Processes, which share networks, masks and measurements, one by one; one process makes those of small networks of several
    seeds in one call. workers x threads should not exceed the cores."""
    engine: Literal["processes", "ray"] = "processes"
    """Who does the steps: processes of this machine, or Ray, on this machine or a cluster (docs/cluster.md; the extra `ray`)."""
    address: str = ""
    """With --engine ray: of a cluster that is there: auto, or HOST:PORT of its head. Empty: Ray is started here for this run."""
    files: Literal["auto", "shared", "shipped"] = "auto"
    """With --engine ray: do all nodes see the run folder (shared), or is what they make sent here (shipped)? auto asks them."""
    gpus_per_step: float = 1.0
    """With --engine ray and --device cuda: GPUs of each step; with 0.5, two steps share one. The CPUs are its --threads, or 1."""
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
    load("maskscope.cli.running:run")(words)
