"""A section is a value: what it names exists, and the page, the terminal and the files are readings of it."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from maskscope.errors import ConfigError
from maskscope.report import Figure, KeyNumber, Page, Section, figures_of, html_page, show_record, write_figures, write_tables
from maskscope.report.drawing.panel import Panel
from maskscope.report.section import all_figures, short_or_folded, whole_tables
from maskscope.report.table import Row, Table, columns

REPORT = Path(__file__).parents[2] / "src" / "maskscope" / "report"
STUDIES = REPORT.parent / "studies"
TABLE = Table("sizes", "How large they are", columns("what", "size"), (Row("the first", ("a", 1)), Row("the last", ("b", 2))))
PANEL = Panel("line", "A line", (2.0, 1.0), lambda axes: axes.plot([0, 1], [0, 1]))


def page_with(*sections):
    """A study of one file: nothing in the report knows it."""
    return Page(
        question=lambda record: "How large are they?",
        answer=lambda record: "large, all of them.",
        sentences=lambda record: ["They are large."],
        cautions=lambda record: ["Nobody measured them."],
        key_numbers=lambda record: [KeyNumber("Size", (("a", "1"),)), KeyNumber("Not measured", ())],
        sections=lambda record: list(sections),
    )


def test_a_page_of_ones_own_is_shown_printed_and_written(record, tmp_path):
    figure = Figure("lines", lambda: [PANEL])
    part = TABLE.only("the first")
    page = page_with(
        Section("sizes", "Sizes", ("See here.",), (figure,), "A caption.", (part,), files=(TABLE,), terminal=(part,))
    )
    html = html_page(record, page)
    for words in (
        "How large are they?",
        "<h1>Large, all of them.</h1>",
        "They are large.",
        "Nobody measured them.",
        "<h2>Size</h2>",
        "See here.",
        "A caption.",
    ):
        assert words in html
    assert html.count("<svg ") == 1
    assert "Not measured" not in html
    console = Console(file=io.StringIO(), width=100)
    show_record(record, page, console, everything=True)
    printed = console.file.getvalue().partition("They are large.")[2]
    assert "the first" in printed
    assert "the last" not in html + printed
    written = write_figures(figures_of(record, page), tmp_path)
    assert {path.name for path in written} == {"lines.svg", "lines.pdf", "lines.png", "lines.txt"}
    assert "Sizes.\n\nA caption.\n\nPanels: A line.\n\nn = 3 networks" in (tmp_path / "lines.txt").read_text(encoding="utf-8")
    assert {path.stem for path in write_tables(record, page, tmp_path)} == {"claims", "sizes"}
    assert "the last" in (tmp_path / "sizes.csv").read_text()


def test_a_part_of_a_table_without_its_whole_is_an_error():
    with pytest.raises(ConfigError, match="part of the table 'sizes', and none of its sections has the whole"):
        whole_tables([Section("sizes", "Sizes", tables=(TABLE.only("the first"),))])
    assert whole_tables([Section("sizes", "Sizes", tables=(TABLE.only_whole("the first"),))])[0].rows == TABLE.rows[:1]
    assert whole_tables([Section("sizes", "Sizes", folded=(TABLE.only("third"),))]) == []


def test_two_tables_or_figures_of_one_name_are_an_error():
    other = replace(TABLE, title="Something else")
    with pytest.raises(ConfigError, match="Two tables of one report are called 'sizes'"):
        whole_tables([Section("a", "A", tables=(TABLE,)), Section("b", "B", files=(other,))])
    assert whole_tables([Section("a", "A", tables=(TABLE,)), Section("b", "B", files=(TABLE,))]) == [TABLE]
    figure = Figure("lines", lambda: [PANEL])
    with pytest.raises(ConfigError, match="Two figures of one report are called 'lines'"):
        all_figures([Section("a", "A", figures=(figure,)), Section("b", "B", figures=(figure,))])


def test_a_figure_of_nothing_is_left_out_and_the_page_says_so(record):
    section = Section("empty", "Empty", figures=(Figure("nothing", list),), caption="Under nothing.")
    assert all_figures([section]) == {}
    html = html_page(record, page_with(section))
    assert "Not measured in this record." in html
    assert "Under nothing." not in html


def test_long_tables_are_folded():
    assert short_or_folded(TABLE, 2) == ((TABLE,), ())
    assert short_or_folded(TABLE, 1) == ((), (TABLE,))


def test_the_report_names_no_room_and_a_room_no_other():
    rooms = {path.parent.name for path in STUDIES.glob("*/study.py")}
    families = {path.parent.name for path in STUDIES.glob("*/__init__.py")} - rooms
    for file in [*REPORT.rglob("*.py"), *STUDIES.rglob("*.py")]:
        named = set(re.findall(r"maskscope\.studies\.(\w+)", file.read_text())) - families
        own = {file.relative_to(STUDIES).parts[0]} & rooms if file.is_relative_to(STUDIES) else set()
        assert file == STUDIES / "__init__.py" or named <= own | {"differences"}, file


def test_the_terminal_needs_no_matplotlib():
    code = (
        "import sys; import maskscope.cli.main; from maskscope.engine.address import known_studies, study_at; "
        "print([study_at(name).page.sections for name in known_studies()] and 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
