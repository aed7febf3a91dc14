"""``maskscope show``: what a run found; without a path, the runs that there are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.found_runs import RECORD, SWEEP_RECORD, FoundRun, runs_in
from maskscope.cli.words.parsing import parse
from maskscope.columns import columns_fit, print_columns, print_paragraph
from maskscope.storage.legible import legible

# where runs are, unless --out says otherwise
RUNS = Path("runs")


@dataclass(frozen=True)
class ShowOptions:
    """Print what a run or a sweep found: the answer, the claims with their verdicts, the main numbers.

    maskscope show                    the runs in ./runs
    maskscope show runs/demo          what one of them found
    maskscope show runs/demo --all    with every table
    """

    folder: Positional[
        Annotated[Path | None, tyro.conf.arg(metavar="RUN", help="Folder of a run, or a folder with runs. Without it: ./runs.")]
    ] = None
    everything: Annotated[bool, tyro.conf.arg(name="all")] = False
    """Print every table, with intervals, and what each claim asks."""
    reader: Annotated[str, tyro.conf.arg(name="study", metavar="FILE.py[:NAME]")] = ""
    """The study file that reads the record, which is run; for studies of a file."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of tables."""


def show_command(words: list[str]) -> None:
    """Prints a record, or the runs that there are."""
    options = parse(ShowOptions, words, "show")
    folder = RUNS if options.folder is None else options.folder
    found = [] if folder.is_file() or any((folder / name).exists() for name in (RECORD, SWEEP_RECORD)) else runs_in(folder)
    if found or options.folder is None:
        _print_runs(folder, found, as_json=options.as_json)
    else:
        how = {"everything": options.everything, "as_json": options.as_json}
        load("maskscope.cli.records:print_record")(folder, options.reader, **how)


def _print_runs(folder: Path, found: Sequence[FoundRun], *, as_json: bool) -> None:
    console = Console()
    if as_json:
        print(json.dumps([vars(one) | {"folder": str(one.folder), "when": one.when} for one in found], indent=1))
        return
    if not found:
        print_paragraph(console, f"There are no runs in {folder}. Make one:")
        console.print("  maskscope run addition-multiplication --preset demo", highlight=False, soft_wrap=True)
        return
    rows = [[legible(str(one.folder)), one.what, one.preset, one.networks, one.state, one.when] for one in found]
    titles = ["run", "study", "preset", "networks", "state", "written"]
    if columns_fit(console, [titles, *rows]):
        print_columns(console, titles, rows)
    else:
        for path, *more in rows:
            print_paragraph(console, path, style="bold")
            print_paragraph(console, ", ".join(text for text in more if text), indent=4)
    done = next((one for one in found if one.state == "done"), None)
    if done is not None:
        console.print(f"\nWhat one found:\n  maskscope show {legible(str(done.folder))}", highlight=False, soft_wrap=True)
    if any(one.state != "done" for one in found):
        console.print("The same `maskscope run` line as before goes on with one that is not done.", highlight=False)
