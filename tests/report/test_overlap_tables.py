import math
from dataclasses import replace

import pytest

from maskscope.masks import iou_from_dice
from maskscope.report.blocks.accuracy import removal_table
from maskscope.report.blocks.controls import controls_table
from maskscope.report.blocks.core import core_table
from maskscope.report.blocks.half_mask import half_mask_table
from maskscope.report.blocks.overlap import overlap_table, sharing_tables
from maskscope.report.scale import family, nulls, scales
from maskscope.studies.arithmetic.unrelated import _significant, null_table
from tests.report.pages import all_tables, sections
from tests.report.synthetic import TENSORS, make_record

PAIR = ("pair-1", "pair-2")


def test_each_overlap_stands_beside_floor_ceilings_and_sharing(double):
    (table,) = sharing_tables(double)
    assert [column.title for column in table.columns] == [
        "over",
        "found, Dice",
        "floor",
        "ceiling pair-1",
        "ceiling pair-2",
        "normalised sharing",
        "as IoU",
        "p (highest)",
    ]
    trained = table.only("Trained network").rows
    assert [row.cells[0] for row in trained] == ["all weights", "weights in use", "hidden weights"]
    _, dice, floor, first, second, normalised, iou, _ = trained[2].cells
    expected = (dice.summary.mean - floor.summary.mean) / math.sqrt(
        (first.summary.mean - floor.summary.mean) * (second.summary.mean - floor.summary.mean)
    )
    assert normalised.summary.mean == pytest.approx(expected, abs=0.02)
    assert iou.summary.values == pytest.approx([iou_from_dice(value) for value in dice.summary.values])


def test_the_copied_network_has_the_table_under_its_own_heading(double):
    (table,) = sharing_tables(double, ("copied-io",))
    assert {row.group for row in table.rows} == {"Copied input and output weights"}
    assert "p (highest)" not in [column.title for column in table.columns]
    shown = {section.id: section for section in sections(double)}
    assert {row.group for row in shown["overlap"].tables[0].rows} == {"Trained network"}
    assert table in shown["copied-io"].tables


def test_without_hidden_weights_or_a_null_these_are_not_there(record):
    (table,) = sharing_tables(record, ("trained",))
    assert [row.cells[0] for row in table.rows] == ["all weights", "weights in use"]
    assert len(table.columns) == 7
    assert {"null", "core", "copied-io"}.isdisjoint(section.id for section in sections(record))
    overlap = next(section for section in sections(record) if section.id == "overlap")
    assert any("--unrelated 19" in paragraph for paragraph in overlap.text)


def test_many_pairs_have_a_table_each():
    tables = sharing_tables(make_record(functions=("a", "b", "c"), seeds=(0,), controls=()))
    assert [table.name for table in tables] == ["sharing-1", "sharing-2", "sharing-3"]


def test_sharing_that_is_undefined_on_one_network_is_undefined_on_all(lonely):
    assert all(scale.normalised.n == 0 for scale in scales(lonely, ("add", "mul"), "trained"))


def test_the_null_is_told_by_network_with_its_family(double):
    table = null_table(double)
    found = nulls(double, PAIR)
    assert family(double) == 1
    assert "1 test" in table.title
    for row, null in zip(table.rows, found, strict=True):
        assert (row.cells[0], row.cells[7]) == (f"seed {null.seed}", 19)
        assert row.cells[5].values == (null.test.p,)
        assert row.cells[6].values == (null.p_holm,)
        assert row.cells[8].values == pytest.approx((sum(null.accuracy) / 19,))
        assert null.p_holm >= null.test.p


def test_it_is_said_whether_the_null_is_alike(double):
    text = next(section for section in sections(double) if section.id == "null").text[1]
    assert "They are right on 98." in text
    assert text.endswith("the networks in question on 99.9\u00a0%.")


def test_the_core_stands_beside_chance_and_a_single_mask(double):
    rows = core_table(double).only("Trained network").rows
    assert [row.cells[:2] for row in rows] == [("pair-1", "at least 4 of 5 masks"), ("pair-2", "at least 4 of 5 masks")]
    core, chance, mask, part = (cell.summary.mean for cell in rows[0].cells[2:])
    assert chance < core < mask
    assert part == pytest.approx(core / mask, rel=0.05)
    assert not core_table(make_record(controls=())).rows


def test_the_table_of_removals_is_the_papers(double):
    table = removal_table(double)
    assert [column.title for column in table.columns][1:] == [
        "no mask",
        "full mask",
        "pair-1 kept",
        "pair-1 removed",
        "pair-2 kept",
        "pair-2 removed",
    ]
    groups = list(dict.fromkeys(row.group for row in table.rows))
    assert groups == [
        "Trained network",
        "Trained network; removed with the full mask on input and output weights",
        "Copied input and output weights",
        "Copied input and output weights; removed with the full mask on input and output weights",
    ]
    for group, measure, variant in (
        (groups[0], "necessity", "trained"),
        (groups[1], "necessity, full I/O", "trained"),
        (groups[3], "necessity, full I/O", "copied-io"),
    ):
        second = table.only(group).rows[1]
        assert second.cells[4].summary == double.quantity(measure, "pair-1", "pair-2", variant=variant).summary


def test_overlap_by_tensor_also_of_the_copied_network(double):
    trained, copied = overlap_table(double), overlap_table(double, "copied-io")
    assert (trained.name, copied.name) == ("overlap", "overlap-copied-io")
    assert [row.cells[0] for row in copied.rows][: len(TENSORS) + 1] == [*TENSORS, "all tensors"]
    assert trained.rows[0].cells[3].summary.mean < copied.rows[0].cells[3].summary.mean


def test_every_control_stands_beside_the_trained_network(double):
    table = controls_table(double)
    rows = table.only("pair-1").rows
    assert [row.cells[0] for row in rows] == [
        "Trained network",
        "Untrained network",
        "Weights shuffled within each tensor",
        "Shuffled labels, sought in the trained network",
    ]
    more = double.quantity("sufficiency beyond untrained", "pair-1", "pair-1").summary
    assert rows[1].cells[4].summary.values == pytest.approx(more.values)
    assert not controls_table(make_record(controls=())).rows


def test_controls_that_were_not_run_are_named_with_the_cure(record, double):
    text = {id(one): next(s for s in sections(one) if s.id == "controls").text[1] for one in (record, double)}
    assert "shuffled-weights and shuffled-labels; run again with them among --controls" in text[id(record)]
    assert "Not run" not in text[id(double)]


def test_each_choice_of_early_tensors_has_a_row():
    record = make_record(controls=(), subsets=3, seeds=(0, 1))
    table = half_mask_table(record)
    assert len(table.rows) == 6
    half = record.networks[0].half_masks[0]
    assert table.rows[0].cells[3].values == pytest.approx((half.full - half.early_masked,))


def test_tables_of_a_whole_record_have_names_of_their_own(double):
    names = [table.name for table in all_tables(double)]
    assert len(names) == len(set(names))
    assert {"null", "core", "removal", "controls", "overlap-copied-io", "half-mask"} <= set(names)


def test_over_networks_the_null_is_a_share_with_its_interval(double):
    found = nulls(double, ("pair-1", "pair-2"))
    assert _significant(found).startswith("p after Holm is at most .05 in ")
    assert f"of {len(found)} tests (exact 95 % interval" in _significant(found)
    undefined = [replace(null, p_holm=math.nan) for null in found]
    assert _significant(undefined) == "No p is defined: the networks of the null do not do their arbitrary functions."
