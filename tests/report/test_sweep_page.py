import csv
import dataclasses
import io
from contextlib import nullcontext
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from maskscope.engine.records.record import DataOrigin
from maskscope.engine.spec import from_json, to_json
from maskscope.engine.sweep.record import SweepRecord, load_sweep
from maskscope.report import show_sweep, write_sweep
from maskscope.report.readings.files import csv_text
from maskscope.report.section import all_figures
from maskscope.report.sweep.drawing import sweep_panels
from maskscope.report.sweep.numbers import compared_at, full_mask_accuracy, masks_at, repeated_name, shared_share
from maskscope.report.sweep.page import sweep_page, sweep_sections, sweep_settings
from maskscope.report.sweep.tables import sweep_tables
from maskscope.report.sweep.words import sweep_sentences
from maskscope.studies.addition_multiplication.sweeps import SWEEPS as NAMED_SWEEPS
from tests.report.synthetic import make_record
from tests.report.synthetic_sweep import make_estimator_sweep, make_other_sweep, make_size_sweep, make_sweep
from tests.report.test_page import outline
from tests.undrawn import undrawn

NAMED = {one.name for one in NAMED_SWEEPS}
SWEEPS = {
    "penalty": make_sweep,
    "size": make_size_sweep,
    "estimator": make_estimator_sweep,
    "a setting with numbers": make_other_sweep,
    "a setting with names": lambda: make_other_sweep("mask.schedule", ("constant", "cosine")),
}
RECORDS = Path(__file__).parents[2] / "reproduction"


@pytest.fixture(scope="module", params=SWEEPS)
def sweep(request):
    return SWEEPS[request.param]()


def test_a_sweep_is_one_file_that_needs_nothing_else(sweep, tmp_path):
    with nullcontext() if sweep.sweep == "penalty" else undrawn():  # one is drawn
        html = write_sweep(sweep, tmp_path).read_text()
    found = outline(html)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "report.html", "tables"]
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert "<image" not in html
    assert "http" not in html
    assert html.count("<svg ") == len(sweep_panels(sweep))
    for point in sweep.points:
        assert point.label in html


def test_figures_and_tables_are_named_after_the_sweep(sweep, tmp_path):
    with undrawn():
        write_sweep(sweep, tmp_path)
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert figures == {f"{sweep.sweep}{suffix}" for suffix in (".svg", ".pdf", ".png", ".txt")}
    tables = {path.name for path in (tmp_path / "tables").iterdir()}
    parts = ("", "-overlap") if sweep.sweep in NAMED else ("", "-accuracy", "-overlap")
    assert tables == {f"{sweep.sweep}{part}{suffix}" for part in parts for suffix in (".csv", ".tex")}


def test_the_tables_hold_every_point(sweep):
    for place, table in enumerate(sweep_tables(sweep)):
        rows = list(csv.DictReader(io.StringIO(csv_text(table))))
        labels = [point.label for point in sweep.points]
        if place == 0 or sweep.sweep in NAMED:
            assert [row[sweep.axis].removesuffix(" (the presets')") for row in rows] == labels
        else:
            assert list(dict.fromkeys(row["group"] for row in rows)) == [f"{sweep.axis} {label}" for label in labels]
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
    with undrawn():
        assert "No decision yet" in sweep_page(make_estimator_sweep())


def test_one_network_has_no_interval():
    with undrawn():
        assert "there is no interval; run again with --seeds 2 or more" in sweep_page(make_sweep(seeds=(0,)))


def test_a_sweep_without_points_says_so():
    empty = dataclasses.replace(make_sweep(), points=())
    assert "No value was measured." in sweep_page(empty)
    assert sweep_panels(empty) == []


def test_a_value_of_zero_has_a_linear_axis():
    sweep = make_sweep(labels=("0", "1e-4"), chosen="")
    assert "<svg " in sweep_page(sweep)


def test_many_values_are_drawn_without_names():
    sweep = make_sweep(labels=tuple(f"{value}e-5" for value in range(1, 13)), chosen="4e-5")
    assert "<svg " in sweep_page(sweep)


def test_settings_that_vary_stand_with_every_value(sweep):
    found = dict(sweep_settings(sweep))
    name = {"penalty": "mask.beta", "size": "hidden", "estimator": "mask.estimator"}.get(sweep.sweep, sweep.sweep)
    assert found[name].count(";") == len(sweep.points) - 1
    assert found["network"] == "mlp"


def test_a_printed_sweep(sweep):
    console = Console(file=io.StringIO(), width=200, color_system=None)
    show_sweep(sweep, console)
    text = console.file.getvalue()
    assert "n = 3 networks" in text
    assert "accuracy, full mask" in text


def test_a_sweep_is_still_one_after_a_round_trip(sweep):
    with undrawn():
        assert sweep_page(from_json(SweepRecord, to_json(sweep))) == sweep_page(sweep)


def test_the_same_sweep_gives_the_same_bytes():
    assert sweep_page(make_sweep()) == sweep_page(make_sweep())


@pytest.mark.parametrize("name", ["penalty", "estimator"])
def test_committed_sweeps_load_and_their_figures_and_tables_are_those_beside_them(name, tmp_path):
    folder = RECORDS / f"{name}-sweep-quick"
    record = load_sweep(folder)
    with undrawn():
        write_sweep(record, tmp_path)
    made = [*(tmp_path / "tables").iterdir()]
    assert made
    for path in made:
        assert path.read_bytes() == (folder / "tables" / path.name).read_bytes()
    assert sorted(f"{name}.png" for name in all_figures(sweep_sections(record))) == sorted(
        path.name for path in folder.glob("figures/*.png")
    )
    assert record.scale == {"penalty": "number", "estimator": "name"}[name]


def test_every_function_under_and_without_every_mask_is_drawn_and_tabled():
    sweep = make_other_sweep()
    assert masks_at(sweep.points) == ["all", "add", "mul"]
    assert compared_at(sweep.points) == ["add, mul", "add, add", "mul, mul"]
    panels = [panel.name.removeprefix(f"{sweep.sweep}-") for panel in sweep_panels(sweep)]
    accuracies = [f"{measure}-{mask}" for measure in ("sufficiency", "necessity") for mask in ("all", "add", "mul")]
    assert panels == [*accuracies, "density", "undecided", "overlap", "stability", "sharing"]
    rows = list(csv.DictReader(io.StringIO(csv_text(sweep_tables(sweep)[1]))))
    row = next(row for row in rows if (row["group"], row["mask"]) == ("mask.steps 200", "without mask add"))
    assert float(row["mul mean"]) == sweep.points[1].quantity("necessity", "add", "mul").summary.mean
    assert [repeated_name(pair) for pair in ("add, add", "add, mul", "a, a, a, a", "x")] == ["add", "", "a, a", ""]


def test_what_any_sweep_says():
    text = " ".join(sweep_sentences(make_other_sweep()))
    assert "3 values of mask.steps: 100, 200 and 400. The preset quick takes 200." in text
    assert "The share of weights that the full mask keeps goes from" in text
    assert "Overlap (Dice) of add, mul goes from" in text
    names = " ".join(sweep_sentences(make_other_sweep("mask.schedule", ("constant", "cosine"))))
    assert "is between" in names
    assert "goes from" not in names
    with undrawn():
        assert "addition-multiplication: a sweep over mask.steps" in sweep_page(make_other_sweep())


def test_values_close_together_stand_on_a_linear_axis():
    close, wide = ("100", "200", "400"), ("100", "200", "4000")
    scales = []
    for labels in (close, wide):
        axes = Figure().subplots()
        sweep_panels(make_other_sweep(labels=labels))[0].draw(axes)
        scales.append(axes.get_xscale())
    assert scales == ["linear", "log"]


def test_what_is_not_measured_at_a_value_is_left_out_there():
    sweep = make_other_sweep()
    first = tuple(one for one in sweep.points[0].quantities if one.mask != "mul")
    thin = dataclasses.replace(sweep, points=(dataclasses.replace(sweep.points[0], quantities=first), *sweep.points[1:]))
    rows = list(csv.DictReader(io.StringIO(csv_text(sweep_tables(thin)[1]))))
    assert [row["mask"] for row in rows if row["group"] == "mask.steps 100"] == [
        f"{words} {mask}" for mask in ("full mask", "mask add") for words in ("under", "without")
    ]
    assert "<svg " in sweep_page(thin)


def test_more_masks_than_are_drawn_are_said():
    sweep = make_other_sweep()
    more = [
        dataclasses.replace(one, mask=f"m{number}")
        for number in range(5)
        for one in sweep.points[0].quantities
        if one.mask == "add"
    ]
    many = dataclasses.replace(
        sweep, points=tuple(dataclasses.replace(point, quantities=(*point.quantities, *more)) for point in sweep.points)
    )
    with undrawn():
        assert "The first 4 of 7 masks are drawn; the tables have all." in sweep_page(many)


def test_a_copy_of_data_that_nobody_vouches_for_is_said():
    sweep = make_other_sweep()
    data = DataOrigin("cifar10", "ab" * 32, verified=False)
    copied = dataclasses.replace(sweep, points=tuple(dataclasses.replace(point, data=data) for point in sweep.points))
    with undrawn():
        assert "cifar10, unverified copy" in sweep_page(copied)
