"""The pages, terminals, tables and figures of the studies of sequences, and the answers that they show."""

import csv
import io
import re

import numpy as np
import pytest
from rich.console import Console

from maskscope.report import comparison, figures_of, show_comparison, show_record, write_figures, write_tables
from maskscope.report.numbers import Number
from maskscope.report.over_networks import overlap, overlap_floor
from maskscope.report.readings.files import csv_text
from maskscope.studies.sequences.tables import compared_table, dropout_table, evaluation_table, output_table, scores_table
from tests.report.pages import all_panels, all_tables, cautions, page, page_of, sections, sentences
from tests.report.synthetic import make_record
from tests.report.synthetic_sequences import LEVELS, SPLITS, make_mathematics_record, make_scan_record
from tests.report.test_image_numbers import drawn_axes
from tests.report.test_page import outline
from tests.undrawn import undrawn

MADE = {
    "scan": lambda: make_scan_record(drops=True, repeats=1, controls=("untrained",)),
    "scan, one network and split, no baseline": lambda: make_scan_record((4,), ("jump",), baselines=False, judged=60),
    "scan, transformer": lambda: make_scan_record((0, 1), network="transformer"),
    "mathematics": make_mathematics_record,
    "mathematics, one network": lambda: make_mathematics_record((0,), ("easy", "hard"), repeats=1, able=0.3),
}


@pytest.fixture(scope="module", params=MADE)
def study(request):
    return MADE[request.param]()


@pytest.fixture(scope="module")
def scan():
    return MADE["scan"]()


@pytest.fixture(scope="module")
def scan_html(scan):
    return page(scan)


@pytest.fixture(scope="module")
def mathematics():
    return make_mathematics_record()


def words_of(html):
    return re.sub(r"\s+", " ", " ".join(outline(html).text)).replace("\u00a0", " ")


def shown(record, width=200):
    console = Console(file=io.StringIO(), width=width)
    show_record(record, page_of(record), console)
    return console.file.getvalue()


def rows_of(table):
    return list(csv.DictReader(io.StringIO(csv_text(table))))


def found_on(record, mask, test):
    return [
        next(one for one in network.masks if (one.function, one.repeat) == (mask, 0)).sufficiency.accuracy[test]
        for network in record.networks
        if network.variant == "trained"
    ]


def test_each_has_a_page_that_is_whole(study):
    with undrawn():
        html = page(study)
    found = outline(html)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert {"question", "claims", *(section.id for section in sections(study)), "settings"} <= set(found.ids)
    assert "script" not in found.tags
    assert "Not measured in this record" not in html
    assert "shuffled-labels" not in words_of(html)
    assert "--unrelated" not in html
    assert "Two places" not in html
    text = words_of(html)
    assert study.data.name in text
    for verdict in study.verdicts:
        assert verdict.question in text
    assert ("One network: its value, no interval." in text) == (len(study.seeds) == 1)


def test_every_figure_is_in_a_section_and_every_section_has_its_figures(study):
    asked = {figure.name for section in sections(study) for figure in section.figures}
    assert asked == set(all_panels(study))
    names = [panel.name for panels in all_panels(study).values() for panel in panels]
    assert len(names) == len(set(names))


def test_tables_are_written_and_can_be_read(study, tmp_path):
    written = write_tables(study, page_of(study), tmp_path)
    names = [table.name for table in all_tables(study)]
    assert len(names) == len(set(names))
    assert {f"{name}.csv" for name in names} <= {path.name for path in written}
    for path in tmp_path.glob("*.csv"):
        lengths = {len(line) for line in csv.reader(io.StringIO(path.read_bytes().decode()))}
        assert len(lengths) == 1


def test_figures_are_written(tmp_path):
    record = make_scan_record((0,), ("jump",))
    with undrawn():
        written = write_figures(figures_of(record, page_of(record)), tmp_path)
    assert {path.stem for path in written} == {"picture", *all_panels(record)}


def test_the_terminal_tells_it_without_examples(study):
    text = shown(study)
    assert study.verdicts[0].name in text
    assert f"data: {study.data.name}" in text
    for example in study.networks[0].more.examples:
        assert f" {example.question} " not in text


def test_records_can_be_compared(study, scan):
    console = Console(file=io.StringIO(), width=200)
    show_comparison(comparison(study, scan), console)
    show_comparison(comparison(make_record(functions=("add",), seeds=(0,), controls=()), study), console)
    assert "difference" in console.file.getvalue()


def test_how_much_was_seen_stands_wherever_it_could_be_misread(scan, scan_html):
    text = words_of(scan_html)
    parts = {part.name: part for part in scan.evaluated_on}
    counted = [f"{parts[split].seen:,} of {parts[split].items:,}" for split in SPLITS]
    made = {section.id: section for section in sections(scan)}
    for name in ("tests", "accuracy", "dropout"):
        told = " ".join(made[name].text)
        assert "in the training part of simple, which the network has seen" in told
        assert all(count in told for count in counted)
    assert all(count in made["accuracy"].caption for count in counted)
    for split in SPLITS:
        part = parts[split]
        share = f"{100 * part.seen / part.items:.1f}\u00a0%"
        assert any(share in sentence and split in sentence for sentence in sentences(scan))
        assert share in page_of(scan).picture(scan).caption
        assert any(share in row.group for row in scores_table(scan).rows if row.cells[0] == f"{split}-unseen")
        sentence = (
            f"{part.seen:,} of the {part.items:,} commands of this test ({share.replace(chr(160), ' ')}) are in the training"
        )
        assert sentence in text


def test_a_record_that_has_seen_nothing_says_so(mathematics):
    text = words_of(page(mathematics))
    assert "trained on no question of a test" in text
    assert "training part of simple" not in text
    assert "Split" not in text


def test_scores_are_those_of_the_record(scan, mathematics):
    rows = {row["accuracy on"]: row for row in rows_of(scores_table(scan))}
    assert set(rows) == set(scan.functions)
    for test in ("jump", "jump-unseen", "jump-train"):
        values = found_on(scan, "jump", test)
        assert float(rows[test]["mask jump mean"]) == pytest.approx(np.mean(values))
        assert float(rows[test]["mask jump std"]) == pytest.approx(np.std(values, ddof=1))
        baselines = [
            next(one for one in network.more.baselines if one.trained_on == "jump").scores.accuracy[test]
            for network in scan.networks
            if network.variant == "trained"
        ]
        assert float(rows[test]["trained on jump alone mean"]) == pytest.approx(np.mean(baselines))
    rows = {row["accuracy on"]: row for row in rows_of(scores_table(mathematics))}
    assert tuple(rows) == LEVELS
    assert float(rows["hard"]["mask easy mean"]) == pytest.approx(np.mean(found_on(mathematics, "easy", "hard")))


def test_masks_are_compared_with_the_full_mask_and_with_baselines(scan):
    row = next(row for row in rows_of(compared_table(scan)) if row["test"] == "length")
    gaps = np.array(found_on(scan, "all", "length")) - np.array(found_on(scan, "length", "length"))
    assert float(row["full mask's lead mean"]) == pytest.approx(gaps.mean())
    beyond = scan.quantity("mask beyond such a network", "length", "length").summary
    assert float(row["mask's lead over that mean"]) == pytest.approx(beyond.mean)
    without = rows_of(compared_table(make_scan_record((0,), ("jump",), baselines=False)))
    assert not [name for name in without[0] if name.startswith(("trained on it", "mask's lead"))]


def test_the_tests_are_explained(scan):
    rows = {row["test"]: row for row in rows_of(evaluation_table(scan))}
    assert (rows["jump"]["commands"], rows["jump"]["seen in training"]) == ("7706", "6218")
    assert float(rows["jump"]["seen (%)"]) == pytest.approx(6_218 / 7_706)
    assert rows["jump-unseen"]["commands"] == str(7_706 - 6_218)
    assert "found without" in rows["jump"]["what it is"]
    assert "found with" in rows["jump-train"]["what it is"]
    sampled = {row["test"]: row for row in rows_of(evaluation_table(make_scan_record((0,), ("jump",), judged=60)))}
    assert sampled["jump"]["accuracy is over"] == "60"
    assert sampled["jump-unseen"]["accuracy is over"] == str(round(60 * (1 - 6_218 / 7_706)))


def test_removed_rows_of_the_output_map(scan, mathematics):
    expected = [
        1 - rows.by_token["I_JUMP"].kept / rows.by_token["I_JUMP"].weights
        for network in scan.networks
        if network.variant == "trained"
        for rows in network.more.rows
        if (rows.function, rows.repeat) == ("jump", 0)
    ]
    row = next(row for row in rows_of(output_table(scan)) if row["token"] == "I_JUMP")
    assert float(row["mask jump mean"]) == pytest.approx(np.mean(expected))
    axes = drawn_axes(all_panels(scan)["output-rows"][0])
    assert [label.get_text() for label in axes.get_yticklabels()][2] == "I_JUMP"
    assert f"{100 * np.mean(expected):.1f}\u00a0%" in {text.get_text() for text in axes.texts}
    assert not output_table(mathematics).rows
    assert "output" not in {section.id for section in sections(mathematics)}
    assert "output-rows" not in all_panels(mathematics)


def test_dropout_in_evaluation_stands_beside_none(scan):
    rows = rows_of(dropout_table(scan))
    here = next(row for row in rows if (row["group"], row["test"]) == ("Trained on jump alone, no mask", "jump"))
    found = scan.quantity("accuracy of a network trained on it, decoder dropping", "jump", "jump").summary
    assert float(here["on, as in the authors' code mean"]) == pytest.approx(found.mean)
    assert "dropout" not in {section.id for section in sections(make_scan_record((0,), ("jump",)))}


def test_the_figure_has_a_panel_for_each_split_with_its_four_networks(scan, mathematics):
    panels = all_panels(scan)["sequence-accuracy"]
    assert [panel.title for panel in panels] == ["Test of split simple", *(f"Split {split}" for split in SPLITS)]
    axes = drawn_axes(panels[1])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["intact network", "full mask", "mask jump", "trained on jump"]
    texts = {text.get_text() for text in axes.texts}
    for test in ("jump", "jump-unseen", "jump-train"):
        assert f"{100 * np.mean(found_on(scan, 'jump', test)):.1f}\u00a0%" in texts
    axes = drawn_axes(all_panels(mathematics)["sequence-accuracy"][0])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(LEVELS)


def test_the_own_function_of_a_mask_is_what_it_was_found_with(scan):
    table = next(table for table in all_tables(scan) if table.name == "controls")
    row = next(row for row in table.rows if row.group == "jump")
    assert row.cells[2] == Number(scan.quantity("sufficiency", "jump", "jump-train").summary, "percent")


def test_overlap_has_ceilings_where_there_are_repeats(scan):
    made = {section.id: " ".join(section.text) for section in sections(scan)}
    assert "each mask was found once" not in made["overlap"]
    once = make_scan_record((0, 1))
    assert "each mask was found once" in {section.id: " ".join(section.text) for section in sections(once)}["overlap"]
    assert "sharing" not in all_panels(once)
    alone = make_scan_record((0,), ("jump",))
    assert "overlap" not in {section.id for section in sections(alone)}


def test_layers_of_a_deep_network_are_added_up():
    record = make_scan_record((0,), network="transformer")
    axes = drawn_axes(all_panels(record)["overlap"][0])
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "all tensors"
    assert "encoder.0" in {label.get_text() for label in axes.get_yticklabels()}
    pair = record.networks[0].pairs[0]
    parts = [counts for name, counts in pair.by_tensor.items() if name.startswith("encoder.0.")]
    names = (pair.first[0], pair.second[0])
    expected = 2 * sum(one.both for one in parts) / sum(one.first + one.second for one in parts)
    assert overlap(record, names, "encoder.0", "dice").mean == pytest.approx(expected)
    assert 0 < overlap_floor(record, names, "encoder.0", "dice").mean < expected


def test_networks_that_have_not_learned_are_named():
    poor = make_mathematics_record((0,), able=0.3)
    assert "have not learned" in cautions(poor)[0]
    assert "hard" in cautions(poor)[0]
    assert cautions(make_mathematics_record((0,))) == []
    assert cautions(make_scan_record((0,), ("jump",))) == []
