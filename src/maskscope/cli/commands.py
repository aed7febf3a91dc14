"""The short commands: list, show, claims, compare, report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.output import announce, print_json
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.records.file import holds_sweep, load_record
from maskscope.engine.records.record import Record
from maskscope.engine.spec import to_json
from maskscope.engine.state import state_of_claims
from maskscope.engine.study import Study
from maskscope.engine.sweep.points import named_sweeps
from maskscope.engine.sweep.record import load_sweep
from maskscope.masks import ESTIMATORS, EXECUTORS, KERNELS
from maskscope.report import (
    comparison,
    record_in_words,
    show_claims,
    show_comparison,
    show_record,
    show_sweep,
    write_everything,
    write_sweep,
)

Json = Annotated[bool, tyro.conf.arg(name="json", help="Print JSON on standard output instead of tables.")]
Folder = Annotated[Path, tyro.conf.arg(help="Folder of a finished run: what `maskscope run` was given as --out.")]
StudyFile = Annotated[
    str,
    tyro.conf.arg(
        name="study", metavar="FILE.py[:NAME]", help="The study file that reads the record, which is run; for studies of a file."
    ),
]


@dataclass(frozen=True)
class ListOptions:
    """Show which studies, presets and estimators there are."""

    as_json: Json = False


@dataclass(frozen=True)
class ShowOptions:
    """Print the record of a run or a sweep: accuracy under each mask and inverse, overlap, claims with their verdicts."""

    folder: Positional[Folder]
    reader: StudyFile = ""
    as_json: Json = False


@dataclass(frozen=True)
class CompareOptions:
    """Print every quantity of two runs side by side, with the settings in which they differ."""

    first: Positional[Folder]
    second: Positional[Folder]
    reader: StudyFile = ""
    as_json: Json = False


@dataclass(frozen=True)
class ClaimsOptions:
    """Print every claim with its verdict in each of these records; a claim that none of them is about is marked so, with the
    command that makes its record."""

    folders: Positional[tuple[Path, ...]] = ()
    """Folders of finished runs."""
    as_json: Json = False


@dataclass(frozen=True)
class ReportOptions:
    """Write report.html, figures (PDF, PNG) and tables (CSV, LaTeX) into the folder of a run, from its record alone."""

    folder: Positional[Folder]
    reader: StudyFile = ""


def list_command(words: list[str]) -> None:
    """Shows what there is."""
    options = tyro.cli(ListOptions, args=words, prog="maskscope list", config=(tyro.conf.FlagCreatePairsOff,))
    tables = {"estimators": sorted(ESTIMATORS), "executors": sorted(EXECUTORS), "kernels": sorted(KERNELS)}
    studies = {name: study_at(name) for name in known_studies()}
    sweeps = {name: sweep for name, (_, sweep) in named_sweeps().items()}
    found = {
        "experiments": {
            name: {
                "summary": one.summary,
                "presets": {
                    kind: {preset: text for preset, (text, _) in presets.items()} for kind, presets in one.presets.items()
                },
            }
            for name, one in studies.items()
        },
        "sweeps": {name: sweep.summary for name, sweep in sweeps.items()},
        **tables,
    }
    if options.as_json:
        print_json(found)
        return
    for name, one in studies.items():
        print(f"{name}\n  {one.summary}")
        for kind, presets in one.presets.items():
            for preset, (text, _) in presets.items():
                print(f"    --{one.kind} {kind:<{25 - len(one.kind)}}--preset {preset:<7}{text}")
    for name, sweep in sweeps.items():
        print(f"sweep {name}\n  {sweep.summary}")
    for kind, names in tables.items():
        print(f"{kind}: {', '.join(names)}")


def show_command(words: list[str]) -> None:
    """Prints a record."""
    options = tyro.cli(ShowOptions, args=words, prog="maskscope show", config=(tyro.conf.FlagCreatePairsOff,))
    if holds_sweep(options.folder):
        sweep = load_sweep(options.folder)
        if options.as_json:
            print_json(sweep)
        else:
            show_sweep(sweep, Console())
        return
    study, record = _read(options.folder, options.reader)
    if options.as_json:
        print_json(record)
    else:
        show_record(record, study.page, Console())


def claims_command(words: list[str]) -> None:
    """Prints what became of every claim."""
    options = tyro.cli(ClaimsOptions, args=words, prog="maskscope claims", config=(tyro.conf.FlagCreatePairsOff,))
    records = {folder: load_record(folder) for folder in options.folders}
    for folder, record in records.items():
        if record.experiment not in known_studies():
            announce(f"{folder} is of the study {record.experiment}, whose claims are its own: maskscope show {folder}")
    found = state_of_claims([*records.values()])
    if options.as_json:
        print_json([to_json(one) | {"where": record_in_words(one)} for one in found])
    else:
        show_claims(found, Console())


def compare_command(words: list[str]) -> None:
    """Prints two records side by side."""
    options = tyro.cli(CompareOptions, args=words, prog="maskscope compare", config=(tyro.conf.FlagCreatePairsOff,))
    compared = comparison(*(_read(folder, options.reader)[1] for folder in (options.first, options.second)))
    if options.as_json:
        print_json(compared)
    else:
        show_comparison(compared, Console())


def report_command(words: list[str]) -> None:
    """Writes the report."""
    options = tyro.cli(ReportOptions, args=words, prog="maskscope report", config=(tyro.conf.FlagCreatePairsOff,))
    if holds_sweep(options.folder):
        print(f"wrote {write_sweep(load_sweep(options.folder), options.folder)}")
    else:
        study, record = _read(options.folder, options.reader)
        print(f"wrote {write_everything(record, study.page, options.folder)}")


def _read(folder: Path, reader: str) -> tuple[Study[Any], Record]:
    """A record, and the study that reads it: the one that is named, or that the record names."""
    record = load_record(folder, study_at(reader) if reader else None)
    return study_at(reader or record.study), record
