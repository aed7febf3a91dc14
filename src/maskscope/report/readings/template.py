"""Templates: one HTML file that needs nothing else, neither scripts nor a connection."""

from importlib.resources import files
from typing import Any

from maskscope.errors import MissingExtraError
from maskscope.report.numbers import NOT_MEASURED, Number, Points, interval_text, points_text, spread_text
from maskscope.report.table import Cell


def template(name: str) -> Any:
    """A template of this package, whose ``render`` makes a page of some values.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
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
    environment.filters |= {"cell": cell_text, "note": _note, "is_number": _is_number}
    return environment.get_template(name)


def cell_text(cell: Cell) -> str:
    """A cell in words."""
    if isinstance(cell, Number):
        return spread_text(cell.summary, cell.notation)
    if isinstance(cell, Points):
        return points_text(cell.values, cell.notation)
    return NOT_MEASURED if cell is None else f"{cell:,}" if isinstance(cell, int) else cell


def _note(cell: Cell) -> str:
    """What a cell says when pointed at: its interval."""
    return f"95 % interval: {interval_text(cell.summary, cell.notation)}" if isinstance(cell, Number) else ""


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, Number | int)
