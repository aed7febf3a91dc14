"""The last lines of a run: what was asked, what was found, and where to look."""

import re
from pathlib import Path
from typing import Any

from rich.console import Console

from maskscope.columns import print_columns
from maskscope.engine.planned import duration
from maskscope.engine.records.record import Record
from maskscope.engine.study import Study
from maskscope.errors import MissingExtraError
from maskscope.report import write_everything
from maskscope.report.headline import answer, tally
from maskscope.report.numbers import in_words
from maskscope.storage.legible import legible

_ATLAS = "atlas.html"
# the paper's names of the two properties, behind a summary
_NAME_OF_PROPERTY = re.compile(r" \(P_\w+\)$")


def written_page(study: Study[Any], record: Record, out: Path) -> str:
    """Writes the page of a run, and what lies beside it; returns its path, or why there is none and how to have it."""
    try:
        return str(write_everything(record, study.page, out))
    except MissingExtraError as error:
        return f"not written: {error} Then: maskscope report {out}"


def print_ending(study: Study[Any], record: Record, out: Path, *, page: str, seconds: float, console: Console) -> None:
    """Says what was asked and what was found, and where to look.

    Args:
        study: what was run.
        record: what came of it.
        out: the run folder.
        page: what is said of its page.
        seconds: that all of it took.
        console: where to.
    """
    atlas = [("Atlas", str(out / _ATLAS))] if (out / _ATLAS).exists() else []
    asked = f"which weights carry {in_words(record.functions)}?" if study.networks else _NAME_OF_PROPERTY.sub("", study.summary)
    lines = [
        ("Asked", asked[:1].upper() + asked[1:]),
        ("Found", answer(record, study.page)),
        ("", tally(record)),
        ("Page", page),
        *atlas,
        ("Numbers", f"maskscope show {out}"),
        ("Time", duration(seconds)),
    ]
    console.print()
    print_columns(console, ["", ""], [(name, legible(text)) for name, text in lines])
