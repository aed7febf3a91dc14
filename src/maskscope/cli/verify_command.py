"""``maskscope verify``: estimators on networks whose modules are known because they were planted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from maskscope.cli.output import announce, print_json
from maskscope.engine.folder import require_file
from maskscope.engine.spec import to_json
from maskscope.errors import ConfigError
from maskscope.masks import Penalty
from maskscope.storage import user_path, write_json
from maskscope.studies.planted import VERIFY_CONFIG, verify_planted, verify_table


@dataclass(frozen=True)
class VerifyOptions:
    """Check the estimators against planted truth: precision, recall, F1 and size of what they find, error of the overlap."""

    nets: int = 6
    """How many planted networks of each kind."""
    seed: int = 0
    """Root seed of networks and masks."""
    steps: int = VERIFY_CONFIG.steps
    """Steps of each mask."""
    learning_rate: float = VERIFY_CONFIG.learning_rate
    """Adam's, for the logits."""
    penalty_weight: float = 3e-4
    """Factor of the sum of logits."""
    schedule: Literal["constant", "linear", "cosine", "warm-cosine"] = "constant"
    """Of the learning rate."""
    cache: Path = Path("runs/planted")
    """Where planted networks are kept."""
    out: Path | None = None
    """A JSON file for the record."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record as JSON on standard output."""


def verify_command(words: list[str]) -> None:
    """Runs the check and prints a row for each estimator."""
    options = tyro.cli(VerifyOptions, args=words, prog="maskscope verify", config=(tyro.conf.FlagCreatePairsOff,))
    if options.nets < 1:
        raise ConfigError(f"--nets is {options.nets}; at least 1 was expected.")
    cache, out = user_path(options.cache, argument="--cache"), None
    if options.out is not None:
        out = user_path(options.out, argument="--out")
        require_file(out, "--out")
    with _bar() as progress:
        settings = {name: getattr(options, name) for name in ("steps", "learning_rate", "schedule")}
        config = replace(VERIFY_CONFIG, size=Penalty(options.penalty_weight), **settings)
        record = verify_planted(options.nets, cache, seed=options.seed, config=config, progress=progress)
    if out is not None:
        write_json(out, to_json(record))
    if options.as_json:
        print_json(record)
        return
    header, rows = verify_table(record)
    table = Table("", *(f"{row[0]}\n" + row[2].replace("-", "-\n", 1) for row in rows))
    for place, measure in enumerate(header):
        if place not in (0, 2):
            table.add_row(measure, *(row[place] for row in rows))
    Console().print(table)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, plain lines anywhere else; both on standard error."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: announce(f"{done}/{total} {what}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("planting", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
