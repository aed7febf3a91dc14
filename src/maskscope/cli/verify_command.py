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

from maskscope.cli.output.printing import announce, print_json
from maskscope.cli.words.parsing import parse
from maskscope.engine.folder import require_file
from maskscope.engine.spec import to_json
from maskscope.errors import ConfigError
from maskscope.masks import ESTIMATORS
from maskscope.masks.sizes import SIZES
from maskscope.storage import user_path, write_json
from maskscope.studies.planted import VERIFY_CONFIG, VERIFY_KINDS, verify_planted, verify_table


@dataclass(frozen=True)
class VerifyOptions:
    """Check searches against planted truth: precision, recall, F1 and size of what they find, error of the overlap.

      maskscope verify --nets 1 --steps 200
      maskscope verify --estimators rao-blackwell --sizes penalty

    Estimators, sizes and kinds of network are crossed. What is done is kept in the cache, so the same line goes on where it was
    stopped.
    """

    nets: int = 6
    """How many planted networks of each kind."""
    kinds: tuple[str, ...] = VERIFY_KINDS
    """Kinds of planted network."""
    estimators: tuple[str, ...] = tuple(ESTIMATORS)
    """Which estimators."""
    sizes: tuple[str, ...] = tuple(SIZES)
    """What decides the size: a penalty by rule, the true density, or .95 of the behaviour kept; the budget is the same."""
    seed: int = 0
    """Root seed of networks and masks."""
    steps: int = VERIFY_CONFIG.steps
    """Steps of each mask; of a path, of all its masks together."""
    learning_rate: float = VERIFY_CONFIG.learning_rate
    """Adam's, for the logits."""
    schedule: Literal["constant", "linear", "cosine", "warm-cosine"] = "constant"
    """Of the learning rate."""
    cache: Path = Path("runs/planted")
    """Where planted networks and finished masks are kept."""
    done_only: bool = False
    """Search nothing: the record is of what is done so far."""
    out: Path | None = None
    """A JSON file for the record."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the record as JSON on standard output."""


def verify_command(words: list[str]) -> None:
    """Runs the check and prints a row for each kind of network, estimator and size."""
    options = parse(VerifyOptions, words, "verify")
    if options.nets < 1:
        raise ConfigError(f"--nets is {options.nets}; at least 1 was expected.")
    cache, out = user_path(options.cache, argument="--cache"), None
    if options.out is not None:
        out = user_path(options.out, argument="--out")
        require_file(out, "--out")
    settings = {name: getattr(options, name) for name in ("steps", "learning_rate", "schedule")}
    config = replace(VERIFY_CONFIG, **settings)
    chosen = {name: getattr(options, name) for name in ("kinds", "estimators", "sizes", "seed")}
    with _bar() as progress:
        record = verify_planted(options.nets, cache, config=config, progress=progress, search=not options.done_only, **chosen)
    if out is not None:
        write_json(out, to_json(record))
    if options.as_json:
        print_json(record)
        return
    header, rows = verify_table(record)
    shown = [place for place, name in enumerate(header) if name in _SHOWN]
    for kind in dict.fromkeys(row[0] for row in rows):
        table = Table(title=kind, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for place in shown:
            table.add_column(_SHOWN[header[place]], no_wrap=True)
        for row in rows:
            if row[0] == kind:
                # the spread over networks is in the record
                table.add_row(*(row[place].partition(" ±")[0].replace(" / ", "/") for place in shown))
        Console().print(table)


# the columns that fit into 80 characters, under short names; all are in the record
_SHOWN = {
    "n": "n",
    "estimator": "estimator",
    "size": "size",
    "F1": "F1",
    "worst F1": "worst",
    "kept / true": "kept/true",
    "function kept": "keeps",
    "IoU error": "IoU err",
}


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
