"""Help at 80 columns, or fewer: one sentence and examples first, lines broken between words only."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from maskscope.cli.words.fields import OptionText

WIDTH = 80
# where the text behind an option begins
_INDENT = 24
# how a line begins that is an example
_EXAMPLE = ("maskscope ", "source ")


def width() -> int:
    """The columns that text may take: those of the terminal, but not more than are easily read."""
    return max(40, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def filled(text: str, *, indent: int = 0, first: int | None = None) -> str:
    """A paragraph in lines that are not too long.

    Args:
        text: of the paragraph.
        indent: columns before each line.
        first: columns before the first line, if others.
    """
    return textwrap.fill(
        text,
        width(),
        initial_indent=" " * (indent if first is None else first),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def paragraphs(text: str) -> str:
    """A text with its paragraphs filled; examples stand in lines of their own."""
    found, open_lines = list[str](), list[str]()

    def close() -> None:
        if open_lines:
            found.append(filled(" ".join(open_lines)))
            open_lines.clear()

    for line in text.strip().splitlines():
        if line.strip().startswith(_EXAMPLE):
            close()
            found.append(f"  {line.strip()}")
        elif not line.strip():
            close()
            found.append("")
        else:
            open_lines.append(line.strip())
    close()
    return "\n".join(found)


def help_text(summary: str, prog: str, options: Sequence[OptionText], more: str = "") -> str:
    """The help of a command.

    Args:
        summary: what it does, with examples; the docstring of its options.
        prog: the words that call it.
        options: in their order.
        more: a last paragraph.
    """
    positional = [one for one in options if one.is_positional]
    usage = " ".join([prog, *(one.name for one in positional), "[options]"])
    lines = [paragraphs(summary), "", f"usage: {usage}", ""]
    for group in dict.fromkeys(one.group for one in options):
        lines += [] if not group else ["", f"{group}:"]
        lines += [line for one in options if one.group == group for line in _option(one)]
    if more:
        lines += ["", paragraphs(more)]
    return "\n".join(lines)


def help_of_actions(summary: str, prog: str, rows: Sequence[tuple[str, str]], more: str = "") -> str:
    """The help of a command that has actions, each of which has help of its own."""
    lines = [paragraphs(summary), "", f"usage: {prog} ACTION ...", "", *table(rows), ""]
    return "\n".join([*lines, *([paragraphs(more), ""] if more else []), f"Help of an action: {prog} ACTION --help"])


def table(rows: Sequence[tuple[str, str]], indent: int = 2) -> Iterator[str]:
    """Names with a text behind each."""
    start = indent + max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        yield filled(f"{name:<{start - indent}}{text}", indent=start, first=indent) if text else " " * indent + name


def _option(one: OptionText) -> Iterator[str]:
    name = f"  {one.name} {one.value}".rstrip()
    default = f" [{one.default}]" if one.default else ""
    text = filled(one.text + default, indent=_INDENT)
    if len(name) + 2 <= _INDENT:
        yield f"{name:<{_INDENT}}{text.lstrip()}"
    else:
        yield name
        yield text
