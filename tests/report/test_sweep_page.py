import csv
import dataclasses
import io

import pytest
from rich.console import Console

from maskscope.experiments.spec import from_json, to_json
from maskscope.experiments.sweep import SweepRecord
from maskscope.report import show_sweep, write_sweep_figures, write_sweep_report, write_sweep_tables
from maskscope.report.drawing import sweep_panels
from maskscope.report.formats import csv_text
from maskscope.report.sweep_numbers import full_mask_accuracy, shared_share, sweep_sentences
from maskscope.report.sweep_page import sweep_page, sweep_settings
from maskscope.report.sweep_tables import sweep_tables
from tests.report.synthetic import make_record
from tests.report.synthetic_sweep import make_estimator_sweep, make_size_sweep, make_sweep
from tests.report.test_page import outline

SWEEPS = {"penalty": make_sweep, "size": make_size_sweep, "estimator": make_estimator_sweep}


@pytest.fixture(scope="module", params=SWEEPS)
def sweep(request):
    return SWEEPS[request.param]()


def test_a_sweep_is_one_file_that_needs_nothing_else(sweep, tmp_path):
    write_sweep_report(sweep, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    found = outline(html)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert "<image" not in html
    assert "http" not in html
    assert html.count("<svg ") == len(sweep_panels(sweep)[sweep.sweep])
    for point in sweep.points:
        assert point.label in html


def test_figures_and_tables_are_named_after_the_sweep(sweep, tmp_path):
    figures = {path.name for path in write_sweep_figures(sweep, tmp_path / "figures")}
    assert figures == {f"{sweep.sweep}.pdf", f"{sweep.sweep}.png"}
    tables = {path.name for path in write_sweep_tables(sweep, tmp_path / "tables")}
    assert tables == {f"{sweep.sweep}{part}{suffix}" for part in ("", "-overlap") for suffix in (".csv", ".tex")}


def test_the_tables_hold_every_point(sweep):
    for table in sweep_tables(sweep):
        rows = list(csv.DictReader(io.StringIO(csv_text(table))))
        assert [row[sweep.axis].removesuffix(" (the presets')") for row in rows] == [point.label for point in sweep.points]
    row = next(csv.DictReader(io.StringIO(csv_text(sweep_tables(sweep)[0]))))
    found = full_mask_accuracy(sweep.points[0], sweep.functions)
    assert float(row["accuracy, full mask mean"]) == found.mean


def test_what_was_measured_nowhere_has_no_column():
    titles = [column.title for column in sweep_tables(make_sweep())[1].columns]
    assert "normalised sharing" not in titles
    assert "stability add (ceiling)" not in titles
    assert "normalised sharing" in [column.title for column in sweep_tables(make_size_sweep())[1].columns]


def test_the_shared_share_is_the_intersection_over_the_first_mask():
    record = make_record(seeds=(0, 1), repeats=0, controls=())
    sweep = make_sweep(labels=("1e-5",), seeds=(0, 1))
    point = dataclasses.replace(sweep.points[0], quantities=record.quantities)
    total = record.networks[0].pairs[0].total
    assert shared_share(point, "add", "mul").values[0] == pytest.approx(total.both / total.first)


def test_the_plateau_and_the_chosen_value_are_told():
    text = " ".join(sweep_sentences(make_sweep()))
    assert "within 2 points is 2e-4" in text
    assert "that the presets take, 5e-5" in text
    assert "presets take" not in " ".join(sweep_sentences(make_sweep(chosen="")))


def test_nothing_is_decided_by_an_estimator_sweep():
    assert "No decision yet" in sweep_page(make_estimator_sweep())


def test_one_network_has_no_interval():
    assert "there is no interval; run again with --seeds 2 or more" in sweep_page(make_sweep(seeds=(0,)))


def test_a_sweep_without_points_says_so():
    empty = dataclasses.replace(make_sweep(), points=())
    assert "No value was measured." in sweep_page(empty)
    assert sweep_panels(empty) == {}


def test_a_value_of_zero_has_a_linear_axis():
    sweep = make_sweep(labels=("0", "1e-4"), chosen="")
    assert "<svg " in sweep_page(sweep)


def test_many_values_are_drawn_without_names():
    sweep = make_sweep(labels=tuple(f"{value}e-5" for value in range(1, 13)), chosen="4e-5")
    assert "<svg " in sweep_page(sweep)


def test_settings_that_vary_stand_with_every_value(sweep):
    found = dict(sweep_settings(sweep))
    name = {"penalty": "mask.beta", "size": "hidden", "estimator": "mask.estimator"}[sweep.sweep]
    assert found[name].count(";") == len(sweep.points) - 1
    assert found["network"] == "mlp"


def test_a_printed_sweep(sweep):
    console = Console(file=io.StringIO(), width=200, color_system=None)
    show_sweep(sweep, console)
    text = console.file.getvalue()
    assert "n = 3 networks" in text
    assert "accuracy, full mask" in text


def test_a_sweep_is_still_one_after_a_round_trip(sweep):
    assert sweep_page(from_json(SweepRecord, to_json(sweep))) == sweep_page(sweep)


def test_the_same_sweep_gives_the_same_bytes():
    assert sweep_page(make_sweep()) == sweep_page(make_sweep())
