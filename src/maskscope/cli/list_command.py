"""``maskscope list``: which studies, presets, estimators there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.words.parsing import parse
from maskscope.columns import print_columns, print_paragraph

if TYPE_CHECKING:
    from maskscope.engine.study import Study


@dataclass(frozen=True)
class ListOptions:
    """Print the studies that there are, with their networks and presets.

    maskscope list          every study in a few lines
    maskscope list scan     one of them: what each preset is
    """

    study: Positional[Annotated[str, tyro.conf.arg(metavar="[STUDY]", help="The study that is told in full.")]] = ""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def list_command(words: list[str]) -> None:
    """Shows what there is."""
    options = parse(ListOptions, words, "list")
    from maskscope.cli.output.printing import print_json
    from maskscope.engine.address import known_studies, study_at
    from maskscope.engine.sweep.points import named_sweeps
    from maskscope.errors import UnknownNameError
    from maskscope.masks import ESTIMATORS, EXECUTORS, KERNELS

    if options.study and options.study not in known_studies():
        raise UnknownNameError("study", options.study, known_studies())
    tables = {"estimators": sorted(ESTIMATORS), "executors": sorted(EXECUTORS), "kernels": sorted(KERNELS)}
    studies = {name: study_at(name) for name in known_studies() if options.study in ("", name)}
    sweeps = {name: sweep.summary for name, (_, sweep) in named_sweeps().items()}
    if options.as_json:
        print_json({"experiments": {name: _as_json(one) for name, one in studies.items()}, "sweeps": sweeps, **tables})
        return
    console = Console()
    for name, one in studies.items():
        print_paragraph(console, name, style="bold")
        print_paragraph(console, one.summary, indent=2)
        (_print_in_full if options.study else _print_in_short)(one, console)
    if options.study:
        return
    print_paragraph(console, "Sweeps of addition-multiplication that have a name", style="bold")
    print_columns(console, ["", ""], [*sweeps.items()], indent=2)
    for kind, names in tables.items():
        print_paragraph(console, f"{kind}: {', '.join(names)}")
    console.print()
    for line in (
        "What the presets of a study are:  maskscope list STUDY",
        "What a run would cost:  maskscope run STUDY --dry-run",
    ):
        print_paragraph(console, line)


def _as_json(one: "Study[Any]") -> dict[str, Any]:
    presets = {kind: {preset: text for preset, (text, _) in presets.items()} for kind, presets in one.presets.items()}
    return {"summary": one.summary, "presets": presets}


def _print_in_short(one: "Study[Any]", console: Console) -> None:
    rows = [(f"--{one.kind} {kind}", " ".join(presets)) for kind, presets in one.presets.items()]
    print_columns(console, ["", ""], rows, indent=4)


def _print_in_full(one: "Study[Any]", console: Console) -> None:
    for kind, presets in one.presets.items():
        print_paragraph(console, f"--{one.kind} {kind}", style="bold", indent=2)
        print_columns(console, ["", ""], _texts(presets), indent=4)


def _texts(presets: Mapping[str, tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(f"--preset {preset}", text) for preset, (text, _) in presets.items()]
