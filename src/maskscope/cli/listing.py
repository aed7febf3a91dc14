"""The studies that there are, printed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from maskscope.cli.output.printing import print_json
from maskscope.columns import print_columns, print_paragraph
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.study import Study
from maskscope.engine.sweep.points import named_sweeps
from maskscope.errors import UnknownNameError
from maskscope.masks import ESTIMATORS, EXECUTORS, KERNELS


def print_studies(named: str, *, as_json: bool) -> None:
    """Prints the studies, or one of them in full.

    Args:
        named: the one; empty: all, in short.
        as_json: whether all is printed as JSON.

    Raises:
        UnknownNameError: there is no such study.
    """
    if named and named not in known_studies():
        raise UnknownNameError("study", named, known_studies())
    tables = {"estimators": sorted(ESTIMATORS), "executors": sorted(EXECUTORS), "kernels": sorted(KERNELS)}
    studies = {name: study_at(name) for name in known_studies() if named in ("", name)}
    sweeps = {name: sweep.summary for name, (_, sweep) in named_sweeps().items()}
    if as_json:
        print_json({"experiments": {name: _as_json(one) for name, one in studies.items()}, "sweeps": sweeps, **tables})
        return
    console = Console()
    for name, one in studies.items():
        print_paragraph(console, name, style="bold")
        print_paragraph(console, one.summary, indent=2)
        (_print_in_full if named else _print_in_short)(one, console)
    if named:
        return
    print_paragraph(console, "Sweeps of addition-multiplication that have a name", style="bold")
    print_columns(console, ["", ""], [*sweeps.items()], whole=(0,), indent=2)
    for kind, names in tables.items():
        print_paragraph(console, f"{kind}: {', '.join(names)}")
    console.print()
    for line in (
        "What the presets of a study are:  maskscope list STUDY",
        "What a run would cost:  maskscope run STUDY --dry-run",
    ):
        print_paragraph(console, line)


def _as_json(one: Study[Any]) -> dict[str, Any]:
    presets = {kind: {preset: text for preset, (text, _) in presets.items()} for kind, presets in one.presets.items()}
    return {"summary": one.summary, "presets": presets}


def _print_in_short(one: Study[Any], console: Console) -> None:
    rows = [(f"--{one.kind} {kind}", " ".join(presets)) for kind, presets in one.presets.items()]
    print_columns(console, ["", ""], rows, whole=(0,), indent=4)


def _print_in_full(one: Study[Any], console: Console) -> None:
    for kind, presets in one.presets.items():
        print_paragraph(console, f"--{one.kind} {kind}", style="bold", indent=2)
        print_columns(console, ["", ""], _texts(presets), whole=(0,), indent=4)


def _texts(presets: Mapping[str, tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(f"--preset {preset}", text) for preset, (text, _) in presets.items()]
