"""The pages, terminals, tables and figures of the three image studies."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from maskscope.experiments.record import DataOrigin
from maskscope.report import show_record, write_figures, write_tables
from maskscope.report.across import tensor_names
from maskscope.report.class_tables import differences_table, drops_table, owned_pairs_table, owned_table
from maskscope.report.class_values import confusion_difference, owned_share
from maskscope.report.drawing import all_panels
from maskscope.report.drawing.filters import as_images, marks, tile_images
from maskscope.report.formats import csv_text
from maskscope.report.growth_tables import earlier_table, growth_summary_table, shared_table
from maskscope.report.kinds import kind_of, sample_size
from maskscope.report.numbers import Number
from maskscope.report.page import page
from maskscope.report.sections import sections
from maskscope.report.stability import stability_table
from maskscope.report.tables import all_tables
from tests.report.synthetic_images import CLASSES, make_growth_record, make_removal_record, make_stability_record
from tests.report.test_page import outline

KINDS = {"removal": make_removal_record, "stability": make_stability_record, "growth": make_growth_record}


@pytest.fixture(scope="module", params=KINDS)
def study(request):
    return request.param, KINDS[request.param]()


@pytest.fixture(scope="module")
def removal():
    return make_removal_record()


@pytest.fixture(scope="module")
def grown():
    return make_growth_record()


def shown(record):
    console = Console(file=io.StringIO(), width=200)
    show_record(record, console)
    return console.file.getvalue()


def rows_of(table):
    return list(csv.DictReader(io.StringIO(csv_text(table))))


def drawn_axes(panel):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    panel.draw(axes)
    return axes


def panels_of(record, name):
    return {panel.name: panel for panel in all_panels(record)[name]}


def test_each_study_has_a_page_of_its_own(study):
    kind, record = study
    assert kind_of(record) == kind
    assert sample_size(record) == 3
    html = page(record)
    found = outline(html)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    for name in ("question", "claims", *(section.id for section in sections(record)), "differences", "settings"):
        assert name in found.ids
    assert "Not measured in this record" not in html
    assert "own function" not in html.lower()
    text = " ".join(" ".join(found.text).split())
    for words in ("n = 3", record.data.digest, "SHA-256 of the data", record.verdicts[0].question, "51 min"):
        assert words in text.replace("\u00a0", " ")
    assert "script" not in found.tags


def test_every_figure_is_in_a_section_and_every_section_has_its_figures(study):
    _, record = study
    asked = {name for section in sections(record) for name in section.figures}
    assert asked == set(all_panels(record))


def test_each_question_is_its_own(removal, grown):
    assert "What does a class own?" in page(removal)
    assert "How alike are two masks for the same pair" in page(make_stability_record(seeds=(0, 1)))
    assert "Are weights of earlier tasks used again?" in page(grown)


def test_the_terminal_tells_each_study(study):
    _, record = study
    text = shown(record)
    assert "claim" in text
    assert record.verdicts[0].name in text
    assert f"data: {record.data.name}" in text


def test_an_unverified_copy_is_named_at_the_head_and_in_the_provenance(removal, grown):
    html = page(removal)
    assert html.index("Unverified copy") < html.index("</header>")
    assert "cifar10, unverified copy" in html
    assert "Unverified copy" in shown(removal)
    assert "unverified" not in page(grown).lower()
    assert "mnist, the published bytes" in page(grown)
    verified = replace(removal, data=DataOrigin("cifar10", "c0" * 32, verified=True))
    assert "unverified" not in (page(verified) + shown(verified)).lower()


def test_tables_and_figures_are_written(study, tmp_path):
    _, record = study
    names = {path.name for path in write_tables(record, tmp_path)}
    assert {f"{table.name}.csv" for table in all_tables(record)} <= names
    written = write_figures(record, tmp_path)
    assert {path.stem for path in written} == set(all_panels(record))


def test_one_network_without_repeats_and_with_nothing_else():
    record = make_removal_record(seeds=(0,), repeats=0)
    html = page(record)
    outline(html)
    assert "no interval" in html
    assert "There is no ceiling" in html
    bare = replace(record, networks=tuple(replace(one, cosines=(), filters=None, half_masks=()) for one in record.networks))
    ids = {section.id for section in sections(bare)}
    assert not ids & {"filters", "cosine", "half-mask"}
    outline(page(make_growth_record(seeds=(0,), tasks=1, new_logits=(2.0,))))
    outline(page(make_growth_record(seeds=(0,), tasks=2)))


def test_drops_are_those_of_the_masks(removal):
    rows = {row["class"]: row for row in rows_of(drops_table(removal))}
    expected = []
    for network in removal.networks:
        full, mask = (next(m for m in network.masks if (m.function, m.repeat) == (name, 0)) for name in ("all", "without-cat"))
        expected.append(1 - mask.sufficiency.accuracy["cat"] / full.sufficiency.accuracy["cat"])
    assert float(rows["cat"]["target drop mean"]) == pytest.approx(np.mean(expected))
    assert float(rows["cat"]["target drop std"]) == pytest.approx(np.std(expected, ddof=1))
    assert rows["cat"]["target drop n"] == "3"
    means = [float(rows[name]["target drop mean"]) for name in ("airplane", "cat", "dog")]
    assert float(rows["mean over classes"]["target drop mean"]) == pytest.approx(np.mean(means))


def test_confusion_differences_are_taken_on_each_network(removal):
    found = confusion_difference(removal, "without-dog")
    expected = []
    for network in removal.networks:
        full, mask = (next(m for m in network.masks if (m.function, m.repeat) == (name, 0)) for name in ("all", "without-dog"))
        expected.append((mask.sufficiency.confusion["dog"]["cat"] - full.sufficiency.confusion["dog"]["cat"]) / 100)
    assert found["dog"]["cat"].values == pytest.approx(expected)
    for answers in found.values():
        assert sum(one.mean for one in answers.values()) == pytest.approx(0, abs=1e-9)
    table = differences_table(removal)
    row = next(row for row in table.rows if row.group == "Found without dog" and row.cells[0] == "dog")
    assert row.cells[1 + CLASSES.index("cat")] == Number(found["dog"]["cat"], "percent")


def test_matrices_carry_their_numbers_and_colours_on_both_sides_of_0(removal):
    panels = panels_of(removal, "class-confusion")
    assert [panel.title for panel in panels.values()] == [
        "Full mask (%)",
        "Without airplane, minus full",
        "Without cat, minus full",
        "Without dog, minus full",
    ]
    axes = drawn_axes(panels["class-confusion-1"])
    found = confusion_difference(removal, "without-cat")
    texts = {(text.get_position()[0], text.get_position()[1]): text.get_text() for text in axes.texts}
    place = CLASSES.index("cat")
    assert texts[place + 0.5, place + 0.5] == f"{100 * found['cat']['cat'].mean:.0f}".replace("-", "−")
    cells = axes.images[0].get_array()
    red, _, blue, _ = cells[place][place]
    assert red > blue
    red, _, blue, alpha = cells[place][CLASSES.index("dog")]
    assert blue > red
    assert alpha < cells[place][place][3] == 1.0


def test_what_classes_own_by_layer(removal):
    order = ["features.0.weight", "features.3.weight", "features.6.weight", "features.10.weight", "output.weight"]
    assert tensor_names(removal) == order
    own = [next(one for one in network.owned if one.function == "dog") for network in removal.networks]
    share = owned_share(removal, "dog", "features.10.weight")
    assert share.values == pytest.approx(
        [one.by_tensor["features.10.weight"].kept / one.by_tensor["features.10.weight"].weights for one in own]
    )
    assert owned_share(removal, "dog", None).values == pytest.approx([one.share for one in own])
    row = next(row for row in owned_table(removal).rows if row.cells[0] == "features.10.weight")
    assert row.cells[-1] == Number(share, "percent")
    axes = drawn_axes(panels_of(removal, "class-layers")["class-layers"])
    assert f"{100 * share.mean:.1f}" in {text.get_text() for text in axes.texts}


def test_a_deep_network_is_drawn_by_groups_of_layers(removal):
    def deep(parts):
        return {f"groups.{place // 20}.{place % 20}.weight": next(iter(parts.values())) for place in range(60)}

    networks = [
        replace(
            network,
            owned=tuple(replace(one, by_tensor=deep(one.by_tensor)) for one in network.owned),
            masks=tuple(replace(one, by_tensor=deep(one.by_tensor)) for one in network.masks),
        )
        for network in removal.networks
    ]
    record = replace(removal, networks=tuple(networks))
    axes = drawn_axes(panels_of(record, "class-layers")["class-layers"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["groups.0", "groups.1", "groups.2", "all tensors"]
    part = owned_share(record, "cat", "groups.1")
    assert part.values == pytest.approx(owned_share(record, "cat", None).values)
    assert len(owned_table(record).rows) == 61


def test_overlap_of_what_classes_own_stands_beside_its_floor(removal):
    rows = {row["classes"]: row for row in rows_of(owned_pairs_table(removal))}
    pairs = [
        [pair for pair in network.pairs if {pair.first[0], pair.second[0]} == {"airplane", "cat"}] for network in removal.networks
    ]
    assert float(rows["airplane, cat"]["Dice mean"]) == pytest.approx(
        np.mean([np.mean([p.total.dice for p in one]) for one in pairs])
    )
    floor = np.mean([np.mean([p.floor_used.dice for p in one]) for one in pairs])
    assert float(rows["airplane, cat"]["floor, full mask mean"]) == pytest.approx(floor)
    assert rows["cat, repeated: the ceiling"]["normalised sharing n"] == ""
    many = make_removal_record(seeds=(0,), removed=CLASSES[:5])
    assert [panel.title for panel in panels_of(many, "owned-overlap").values()] == ["Dice of what two classes own"]


def test_filters_are_images_of_the_weights_with_marks(removal):
    filters = removal.networks[0].filters
    images = as_images(filters)
    assert images.shape == (32, 3, 3, 3)
    weights = np.array(filters.weights).reshape(filters.shape)
    most = np.abs(weights).max()
    assert images[5, 1, 2, 0] == pytest.approx(0.5 + 0.5 * weights[5, 0, 1, 2] / most)
    bits = np.array([bit == "1" for bit in filters.owned["cat"]]).reshape(filters.shape)
    assert marks(filters, filters.owned["cat"])[7, 0, 1] == pytest.approx(bits[7, :, 0, 1].mean())
    sheet = tile_images(images)
    assert sheet.shape == (4 * 14 - 2, 8 * 14 - 2, 4)
    assert sheet[14 + 2, 2 * 14 + 5, :3] == pytest.approx(images[10, 0, 1])
    grey = as_images(replace(filters, shape=(96, 1, 3, 3)))
    assert (grey[..., 0] == grey[..., 2]).all()
    titles = [panel.title for panel in panels_of(removal, "filters").values()]
    assert titles == ["Weights", "Removed by the full mask", "Owned by airplane", "Owned by cat", "Owned by dog"]
    assert len(page(removal)) < 700_000


def test_stability_stands_beside_different_pairs_and_floors():
    record = make_stability_record()
    rows = {row["masks"]: row for row in rows_of(stability_table(record))}
    repeats = [
        next(pair for pair in network.pairs if pair.first[0] == pair.second[0] == "bird-and-dog") for network in record.networks
    ]
    assert float(rows["bird-and-dog"]["IoU mean"]) == pytest.approx(np.mean([pair.total.iou for pair in repeats]))
    assert float(rows["bird-and-dog"]["IoU floor mean"]) == pytest.approx(np.mean([pair.floor.iou for pair in repeats]))
    same, different, beyond = (float(rows[name]["IoU mean"]) for name in ("same pair", "different pairs", "difference"))
    assert beyond == pytest.approx(same - different)
    axes = drawn_axes(panels_of(record, "stability")["stability"])
    assert f"{same:.3f}" in {text.get_text() for text in axes.texts}
    assert record.verdicts[0].verdict == "supported"


def test_sharing_with_earlier_tasks_by_layer(grown):
    rows = rows_of(shared_table(grown))
    assert len(rows) == 3 * 3 * 5
    part = [
        next(task for task in one.tasks if task.function == "T4").by_tensor["layers.2.weight"]
        for one in grown.growths
        if one.new_logit == 0
    ]
    row = next(row for row in rows if row["group"] == "New logits 0: layer 3, layers.2.weight" and row["task"] == "T4")
    assert float(row["shared mean"]) == pytest.approx(np.mean([one.shared / one.kept for one in part]))
    assert float(row["by chance mean"]) == pytest.approx(np.mean([one.used / one.weights for one in part]))
    assert float(row["layer's weights kept mean"]) == pytest.approx(np.mean([one.kept / one.weights for one in part]))
    assert row["shared n"] == "3"
    assert {row.cells[0] for row in growth_summary_table(grown).rows} == {"new logits 2", "new logits 0", "new logits -1"}
    assert earlier_table(grown).rows


def test_the_papers_figure_of_sharing(grown):
    panels = panels_of(grown, "growth-shared")
    assert [panel.title for panel in panels.values()] == [
        "Layer 2 (layers.1.weight)",
        "Layer 3 (layers.2.weight)",
        "Layer 4 (layers.3.weight)",
    ]
    axes = drawn_axes(panels["growth-layers-1-weight"])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["T2", "T3", "T4", "T5", "T6"]
    low, high = axes.get_ylim()
    assert (low, high) == pytest.approx((0, 1), abs=0.05)
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    solid = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(dashed) == len(solid) == 3
    for over, under, start in zip(solid, dashed, ("2", "0", "-1"), strict=True):
        assert over.get_color() == under.get_color()
        shared = grown.quantity("shared", f"T3, new logits {start}", "layers.1.weight").summary.mean
        chance = grown.quantity("shared by chance", f"T3, new logits {start}", "layers.1.weight").summary.mean
        assert over.get_ydata()[1] == pytest.approx(shared)
        assert under.get_ydata()[1] == pytest.approx(chance)
