import csv
import io
import math
import re

import pytest

from maskscope.report import write_tables
from maskscope.report.blocks.accuracy import accuracy_table, confusion_table
from maskscope.report.blocks.masks import weights_table
from maskscope.report.blocks.overlap import overlap_table, sharing_tables
from maskscope.report.numbers import exact
from maskscope.report.readings.files import csv_text, latex_escape, latex_text
from maskscope.report.table import Row, Table, columns
from tests.report.pages import all_tables, page_of
from tests.report.synthetic import TENSORS, make_record

NAMES = ["claims", "removal", "accuracy", "confusion", "sharing", "overlap", "weights", "half-mask", "controls", "quantities"]


def rows_of(table):
    return list(csv.DictReader(io.StringIO(csv_text(table))))


def test_every_table_is_written_twice(record, tmp_path):
    written = write_tables(record, page_of(record), tmp_path / "tables")
    assert sorted(path.name for path in written) == sorted(f"{name}{suffix}" for name in NAMES for suffix in (".csv", ".tex"))
    assert all(path.stat().st_size for path in written)


def test_accuracy_has_masks_inverses_and_controls(record):
    table = accuracy_table(record)
    labels = [row.cells[0] for row in table.rows]
    for label in ("no mask", "full mask kept", "add kept", "mul removed", "top weights for mask add", "as many as mask mul"):
        assert label in labels
    untrained = [row.cells[0] for row in table.rows if row.group == "Untrained network"]
    assert untrained == ["no mask", "add kept", "mul kept"]


def test_csv_parses_back_to_the_numbers(record):
    row = next(row for row in rows_of(accuracy_table(record)) if row["network under"] == "add kept")
    summary = record.quantity("sufficiency", "add", "mul").summary
    assert [float(row[f"mul {part}"]) for part in ("mean", "std", "low", "high")] == [
        summary.mean,
        summary.std,
        summary.low,
        summary.high,
    ]
    assert int(row["mul n"]) == 3


def test_csv_of_quantities_holds_every_network(record):
    rows = rows_of(next(table for table in all_tables(record) if table.name == "quantities"))
    assert len(rows) == len(record.quantities)
    variants = {title: variant for variant, title in record.variants.items()}
    for row in rows:
        quantity = record.quantity(row["measure"], row["mask"], row["function"], variant=variants[row["group"]])
        assert row["each network"].split(" ") == [exact(value) for value in quantity.summary.values]


def test_csv_writes_undefined(lonely):
    row = rows_of(sharing_tables(lonely)[0])[0]
    assert row["normalised sharing mean"] == row["normalised sharing std"] == row["ceiling add mean"] == "undefined"
    assert row["normalised sharing n"] == "0"
    accuracy = rows_of(accuracy_table(lonely))[0]
    assert accuracy["add std"] == accuracy["add low"] == "undefined"
    assert float(accuracy["add mean"]) > 0.9


def test_confusion_is_in_shares(record):
    rows = rows_of(confusion_table(record))
    sums = [sum(float(row[f"answered {name} mean"]) for name in ("add", "mul", "none")) for row in rows]
    assert sums == pytest.approx([1.0] * len(rows), abs=1e-6)


def test_overlap_has_every_tensor_a_total_a_floor_and_ceilings(record):
    table = overlap_table(record)
    groups = list(dict.fromkeys(row.group for row in table.rows))
    assert groups == ["add and mul", "add, repeated: the ceiling", "mul, repeated: the ceiling"]
    assert [row.cells[0] for row in table.rows][:5] == [*TENSORS, "all tensors"]
    between, ceiling = ([row.cells[3].summary.mean for row in table.rows if row.group == group] for group in groups[:2])
    floors = [row.cells[4].summary.mean for row in table.rows if row.group == groups[0]]
    assert all(floor < found < top for floor, found, top in zip(floors, between, ceiling, strict=True))


def test_overlap_totals_are_the_records_own_quantities(record):
    total = overlap_table(record).rows[4]
    for cell, measure in zip(total.cells[1:], ("iou", "iomin", "dice", "dice floor"), strict=True):
        assert cell.summary.mean == pytest.approx(record.quantity(measure, "add, mul").summary.mean)


def test_empty_masks_have_undefined_overlap():
    table = overlap_table(make_record(hide="mul", controls=()))
    row = next(row for row in table.rows if row.group.startswith("mul, repeated"))
    assert all(math.isnan(cell.summary.mean) and cell.summary.n == 0 for cell in row.cells[1:])
    assert "undefined" in latex_text(table)


def test_weights_total_is_the_density(record):
    total = weights_table(record).rows[-1]
    assert total.cells[:2] == ("all tensors", sum(TENSORS.values()))
    assert total.cells[3].summary.mean == pytest.approx(record.quantity("density", "add").summary.mean)


def test_functions_come_from_the_record():
    table = accuracy_table(make_record(functions=("left", "right", "both"), controls=()))
    assert [column.title for column in table.columns] == ["network under", "left", "right", "both"]


def test_latex_is_a_booktabs_tabular_with_as_many_cells_as_columns(record):
    for table in all_tables(record):
        text = latex_text(table)
        assert text.startswith(r"\begin{tabular}")
        for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
            assert text.count(rule) == 1
        for line in text.splitlines():
            if line.endswith(r" \\") and "multicolumn" not in line:
                assert len(re.findall(r"(?<!\\)&", line)) == len(table.columns) - 1


def test_latex_escapes():
    assert latex_escape("50 % of_a & b #1 {x} ~ ^ $ \\") == (
        r"50 \% of\_a \& b \#1 \{x\} \textasciitilde{} \textasciicircum{} \$ \textbackslash{}"
    )
    assert latex_escape("<b>|x|") == r"\textless{}b\textgreater{}\textbar{}x\textbar{}"
    assert latex_escape("two\nlines") == "two lines"


def test_a_hostile_name_stays_in_its_latex_cell():
    table = accuracy_table(make_record(functions=("a_1", r"\input{x}&%"), controls=()))
    text = latex_text(table)
    assert r"\input" not in text
    assert r"a\_1" in text


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x","y")', "+1+cmd|'/C calc'!A0", "-2*x", "@SUM(1)", " =1", "\t=1", "＝1"])
def test_csv_holds_no_formula(text):
    """A spreadsheet runs a cell that begins like one; an apostrophe in front makes it a text."""
    table = Table("t", "t", columns(text, text), (Row(text, (text, 1)),))
    head, row = csv.reader(io.StringIO(csv_text(table)))
    assert head == ["group", f"'{text}", f"'{text}"]
    assert row == [f"'{text}", f"'{text}", "1"]


@pytest.mark.parametrize("text", ["-0.5", "-1e-05 undefined 0.2", "-6876.5 - 201002", "+3", "-", "−0.5", "add", "a = b"])
def test_csv_leaves_numbers_and_sums_of_them_alone(text):
    table = Table("t", "t", columns("name"), (Row("", (text,)),))
    assert list(csv.reader(io.StringIO(csv_text(table))))[1] == ["", text]
