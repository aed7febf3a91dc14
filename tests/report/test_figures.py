"""The figure that carries a page, and figures as files at the width of a column, a page or a slide."""

import re
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Drawn

from maskscope.analysis import summarise
from maskscope.cli.main import main
from maskscope.report import figures_of, write_figure
from maskscope.report.drawing import charts, curves
from maskscope.report.drawing.arrangement import WIDTHS, at_width, for_files, in_a_row
from maskscope.report.drawing.canvas import files
from maskscope.report.drawing.panel import FUNCTION_COLOURS, Panel
from maskscope.report.numbers import INTERVAL_FROM
from maskscope.report.readings.figures import NamedFigure, _fitting, _inline
from maskscope.report.words import hidden_removed, in_two_lines, kept, kept_short, removed, removed_short
from tests.report.pages import page_of
from tests.report.synthetic import make_record
from tests.report.synthetic_images import make_growth_record, make_removal_record, make_stability_record
from tests.report.synthetic_sequences import make_mathematics_record, make_scan_record
from tests.undrawn import undrawn

RECORDS = Path(__file__).parents[2] / "reproduction"


def line(name="line", size=(4.2, 2.0), least=0.8):
    return Panel(name, f"Title of {name}", size, lambda axes: axes.plot([0, 1], [0, 1]), least)


def picture(record):
    return page_of(record).picture(record)


def drawn(panel):
    axes = Drawn(figsize=panel.size).subplots()
    panel.draw(axes)
    return axes


def rows_of(panel):
    return [label.get_text() for label in drawn(panel).get_yticklabels()]


def test_the_picture_of_functions_has_each_under_each_mask_and_the_overlap_beside_it(record):
    scores, overlap = picture(record).panels()
    of = ("only the weights\nof add", "only the weights\nof mul", "without the weights\nof add", "without the weights\nof mul")
    assert rows_of(scores) == ["intact network", *of]
    legend = [text.get_text() for text in drawn(scores).get_legend().get_texts()]
    assert legend == ["on add", "on mul", "as many others"]
    assert rows_of(overlap) == ["all weights"]
    assert "small marks: each network" in picture(record).caption


def test_its_marks_are_the_networks_and_its_grey_ticks_as_many_other_weights(record):
    axes = drawn(picture(record).panels()[0])
    first = record.quantity("accuracy", "", "add")
    marks = [tuple(mark.get_offsets()[:, 0]) for mark in axes.collections]
    assert tuple(100 * value for value in first.summary.values) == pytest.approx(marks[0])
    ticks = [one.get_xdata()[0] for one in axes.lines if one.get_color() == "#5d6b7a" and len(set(one.get_xdata())) == 1]
    for measure in ("top weights", "random removal"):
        assert 100 * record.quantity(measure, "add", "add").summary.mean in ticks


def test_the_picture_of_many_functions_is_two_heat_maps():
    names = tuple("abcdefgh")
    record = make_record(functions=names, seeds=(0,), controls=())
    panels = picture(record).panels()
    assert [panel.name for panel in panels] == ["picture-kept", "picture-removed"]
    assert rows_of(panels[0]) == ["intact network", *(f"{name} kept" for name in names)]


def test_places_with_hidden_weights_have_rows_for_them(double):
    scores, overlap = picture(double).panels()
    assert "without the hidden weights\nof pair-1" in rows_of(scores)
    assert rows_of(overlap) == ["all weights", "hidden weights"]


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (lambda: make_removal_record(seeds=(0,)), "without"),
        (lambda: make_stability_record(seeds=(0,)), "two masks,\nsame classes"),
        (lambda: make_growth_record(seeds=(0,)), "new logits\nfrom"),
        (lambda: make_scan_record((0,), ("jump",)), "mask found\nwithout jump"),
        (lambda: make_mathematics_record((0,)), "only the weights\nof the full mask"),
    ],
    ids=["removal", "stability", "growth", "scan", "mathematics"],
)
def test_every_study_has_a_picture_of_its_own(make, rows):
    record = make()
    assert picture(record).name == "picture"
    assert picture(record).caption
    assert rows_of(picture(record).panels()[0])[0].startswith(rows)


def test_one_word_for_each_thing():
    assert (kept("add"), kept_short("add")) == ("only the weights of add", "add kept")
    assert (removed("add"), removed_short("add")) == ("without the weights of add", "add removed")
    assert (kept("all"), removed_short("all")) == ("only the weights of the full mask", "full mask removed")
    assert in_two_lines(hidden_removed("a of b")) == "without the hidden weights\nof a of b"


def test_scores_of_own_networks_have_their_own_name(record):
    assert record.score_name == "accuracy"
    assert replace(record, study="own", spec={**record.spec, "score": "4f"}).score_name == "score"


@pytest.mark.parametrize(("n", "lines"), [(1, 0), (INTERVAL_FROM - 1, 0), (INTERVAL_FROM, 1)])
def test_an_interval_is_drawn_from_three_networks_on(n, lines):
    values = [0.2, 0.3, 0.25][:n]
    for draw in (
        lambda axes: charts.draw_points(axes, 0.0, summarise(values), FUNCTION_COLOURS[0], 100.0),
        lambda axes: curves.draw_upright(axes, 0.0, summarise(values), FUNCTION_COLOURS[0], 100.0),
    ):
        axes = Drawn().subplots()
        draw(axes)
        assert len(axes.lines) == lines


@pytest.mark.parametrize(
    ("count", "fitting", "squeezed", "expected"),
    [(1, 2, 2, 1), (3, 2, 3, 3), (4, 3, 3, 2), (4, 3, 4, 4), (3, 2, 2, 2), (5, 2, 3, 3), (6, 4, 4, 4), (7, 3, 3, 3)],
)
def test_no_panel_is_alone_in_the_last_row_if_that_can_be_had(count, fitting, squeezed, expected):
    assert in_a_row(count, fitting, squeezed) == expected


def test_a_page_puts_as_many_panels_in_a_row_as_that():
    with undrawn():
        for count, columns in ((2, 2), (3, 3), (4, 2)):
            shown = _inline([line(str(place)) for place in range(count)])
            assert _fitting(float(shown.width)) == columns
        assert _fitting(float(_inline([line(str(place), (3.2, 2.4), 0.75) for place in range(4)]).width)) == 4


@pytest.mark.parametrize("name", WIDTHS)
def test_a_figure_is_as_wide_as_asked(name):
    """In every kind of file; a slide is as high as one, too. A PDF holds its fonts, and an SVG needs none."""
    width, panels = WIDTHS[name], [line(), line("other")]
    made = files(panels, at_width(panels, width), ("svg", "pdf", "png"))
    svg = made[".svg"].decode()
    size = [float(found) / 72 for found in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)]
    assert size[0] == pytest.approx(width.inches, abs=0.01)
    assert width.height is None or size[1] == pytest.approx(width.height, abs=0.01)
    assert "<text" not in svg
    assert "font-family" not in svg
    box = re.search(rb"MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", made[".pdf"])
    assert [float(found) / 72 for found in box.groups()] == pytest.approx(size, abs=0.02)
    assert b"/FontFile2" in made[".pdf"]
    assert b"/Type3" not in made[".pdf"]
    pixels = struct.unpack(">II", made[".png"][16:24])
    assert [found / 200 for found in pixels] == pytest.approx(size, abs=0.02)


def test_type_is_larger_on_a_slide_and_never_tiny_in_a_column():
    panels = [line(str(place)) for place in range(4)]
    scales = {name: at_width(panels, width).scale for name, width in WIDTHS.items()}
    assert 0.75 <= scales["column"] <= 1 <= scales["slide"]
    assert at_width(panels[:1], WIDTHS["slide"]).scale == 2
    assert at_width(panels[:3], WIDTHS["page"]).columns == 3
    assert for_files(panels[:3]).columns == 2 or for_files(panels[:3]).width < 4.2


def test_captions_say_what_how_many_and_where_from(record, tmp_path):
    found = {one.name: one for one in figures_of(record, page_of(record))}
    text = found["accuracy"].caption
    assert text.startswith("Accuracy under each mask.\n\nFirst: only the mask's weights are kept.")
    assert "Panels: Only these weights kept; Only these weights removed." in text
    assert "n = 3 networks; intervals are 95 % t-intervals of the mean, seeds 0, 1, 2. Study: addition-multiplication" in text
    assert text.endswith("preset quick. Made with maskscope 0.1.0.\n")
    with undrawn():
        written = write_figure(found["accuracy"], WIDTHS["column"], ("svg",), tmp_path)
    assert [path.name for path in written] == ["accuracy.svg", "accuracy.txt"]
    assert (tmp_path / "accuracy.txt").read_text(encoding="utf-8") == text


def test_the_command_lists_figures_and_writes_one(tmp_path, capsys):
    run = str(RECORDS / "addition-multiplication-quick")
    main(["figure", run])
    listed = capsys.readouterr().out
    assert "picture\n  The result in one picture. The accuracy on each function" in listed
    with undrawn():
        main(["figure", run, "picture", "--width", "slide", "--format", "pdf", "svg", "--out", str(tmp_path / "out")])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"picture.pdf", "picture.svg", "picture.txt"}
    with pytest.raises(SystemExit, match="2"):
        main(["figure", run, "pictures"])
    assert "Did you mean 'picture'" in capsys.readouterr().err


def test_a_figure_of_one_line_says_what_it_shows():
    figure = NamedFigure("a", (line(),), "A title.\n\nWhat it\nshows.\n\nPanels: A.\n\nn = 1.\n")
    assert figure.summary == "A title. What it shows."
