"""The HTML page of a record: one file that needs nothing else, neither scripts nor a connection."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from maskscope.errors import MissingExtraError
from maskscope.experiments.record import Record, Verdict
from maskscope.report.figures import InlineFigure, inline_figures
from maskscope.report.headline import headline, summary_sentences, tally, tiles, title
from maskscope.report.numbers import NOT_MEASURED, Number, Points, interval_text, points_text, spread_text
from maskscope.report.sections import origin, question, sections, settings
from maskscope.report.tables import Cell
from maskscope.storage import write_bytes

_CONDITIONS = " Conditions: "
_SIGNS = {">=": "≥", "<=": "≤"}


def write_report(record: Record, path: Path) -> None:
    """Writes the report of a record as one HTML file.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    write_bytes(path, page(record).encode())


def page(record: Record) -> str:
    """The report of a record as HTML.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    template = _environment().get_template("report.html.j2")
    shared, claims = _claims(record.verdicts)
    return str(
        template.render(
            record=record,
            title=title(record),
            headline=headline(record),
            tally=tally(record),
            sentences=summary_sentences(record),
            tiles=tiles(record),
            question=question(record),
            rule=shared,
            claims=claims,
            sections=sections(record),
            figures=_figures(record),
            settings=settings(record),
            origin=origin(record),
        )
    )


def _figures(record: Record) -> dict[str, InlineFigure]:
    """The figures of each section as one, by the section's id; none where nothing was measured."""
    drawn = inline_figures(record)
    shown = {}
    for section in sections(record):
        found = [drawn[name] for name in section.figures if name in drawn]
        if found:
            panels = tuple(panel for figure in found for panel in figure.panels)
            shown[section.id] = InlineFigure(panels, max(figure.width for figure in found))
    return shown


def _environment() -> Any:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise MissingExtraError("jinja2", "A report") from error
    templates = {
        item.name: item.read_text(encoding="utf-8") for item in files("maskscope.report").joinpath("templates").iterdir()
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell_text, "note": _cell_note, "is_number": _is_number}
    return environment


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, Number):
        return spread_text(cell.summary, cell.unit)
    if isinstance(cell, Points):
        return points_text(cell.values, cell.unit)
    return NOT_MEASURED if cell is None else f"{cell:,}" if isinstance(cell, int) else cell


def _cell_note(cell: Cell) -> str:
    """What a cell says when pointed at: its interval."""
    return f"95 % interval: {interval_text(cell.summary, cell.unit)}" if isinstance(cell, Number) else ""


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Number | int)


@dataclass(frozen=True)
class _Claim:
    """A verdict, the part of its rule that is its own, and, where they can be told apart, what was asked and found."""

    verdict: Verdict
    own_rule: str
    conditions: tuple[tuple[str, str], ...]


def _claims(verdicts: tuple[Verdict, ...]) -> tuple[str, list[_Claim]]:
    """The part of the rule that all claims have in common, and the claims."""
    parts = [verdict.rule.partition(_CONDITIONS) for verdict in verdicts]
    if len({part[0] for part in parts}) != 1 or not all(part[2] for part in parts):
        return "", [_Claim(verdict, verdict.rule, ()) for verdict in verdicts]
    claims = []
    for verdict, (_, _, own) in zip(verdicts, parts, strict=True):
        asked = own.removesuffix(".").split("; ")
        paired = tuple(
            (_in_signs(a), _found(b)) for a, b in zip(asked, verdict.reasons, strict=len(asked) == len(verdict.reasons))
        )
        claims.append(_Claim(verdict, own, paired if len(asked) == len(verdict.reasons) else ()))
    return parts[0][0], claims


def _in_signs(text: str) -> str:
    for word, sign in _SIGNS.items():
        text = text.replace(f" {word} ", f" {sign}\u00a0")
    return text


def _found(reason: str) -> str:
    """What was found, without the address and the bound, which stand beside it."""
    return (
        reason.partition(": ")[2]
        .partition("; asked: ")[0]
        .replace(" -", " −")
        .replace(" %", "\u00a0%")
        .replace("n = ", "n\u00a0=\u00a0")
        or reason
    )
