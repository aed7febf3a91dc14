"""``maskscope sweep``: a study over the values of one of its settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import asks_for_help, print_help

# the options that `--help` tells; the others, and all settings of a study, are behind `--help-all`
COMMON = ("STUDY", "--over", "--preset", "--out", "--seeds", "--workers", "--engine", "--device", "--dry-run")
_MORE = "All options, with every setting of a study: maskscope sweep STUDY --help-all"


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

      maskscope sweep addition-multiplication --over mask.beta 1e-5 1e-4 1e-3
      maskscope sweep addition-multiplication --over hidden 400x400x200 800x800
      maskscope sweep scan --over mask.schedule constant cosine --dry-run
      maskscope sweep penalty --seeds 3      one of those that have a name

    A setting has the name of its option, without the two hyphens. A list is written with x or commas: 400x400x200. All
    other options hold at every value. What is finished is not done again: to extend a sweep give more --seeds, or name all
    values, old and new. Three sweeps have a name, settings and values of their own: penalty, size, estimator.
    """

    over: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SETTING VALUE [VALUE ...]")] = ()
    """The setting that is varied, by its dotted name, and its values."""


@dataclass(frozen=True)
class NamedSweepOptions(SweepOptions):
    """Run addition-multiplication at several values of one setting, in one folder: what does not depend on it is made once.

      maskscope sweep penalty --values 1e-5 1e-4 --seeds 3

    What is finished is not done again: to extend a sweep give more --seeds, or name all --values, old and new. Any other setting
    of any study: maskscope sweep STUDY --over SETTING VALUE ...
    """

    values: tuple[str, ...] = ()
    """Values: of beta; of small, medium, big, huge, or layers as 400x400x200; names of estimators. Default: the preset's."""


def sweep_command(words: list[str]) -> None:
    """Runs a sweep and writes its report."""
    if asks_for_help(words) and "--help-all" not in words:
        print_help(StudySweepOptions, "sweep", only=COMMON, more=_MORE)
    load("maskscope.cli.sweeping:sweep")(words)
