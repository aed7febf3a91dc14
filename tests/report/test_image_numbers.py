"""The tables and figures of the three image studies carry the very numbers of their records."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from maskscope.report.drawing.panel import MARKS
from maskscope.report.numbers import Number
from maskscope.report.over_networks import tensor_names
from maskscope.report.readings.files import csv_text
from maskscope.studies.class_removal.filters import as_images, marks, tile_images
from maskscope.studies.class_removal.tables import differences_table, drops_table, owned_pairs_table, owned_table
from maskscope.studies.class_removal.values import confusion_difference, owned_share
from maskscope.studies.mask_stability.tables import stability_table
from maskscope.studies.permuted_images.tables import earlier_table, growth_summary_table, shared_table
from tests.report.pages import all_panels, page
from tests.report.synthetic_images import CLASSES, make_growth_record, make_removal_record, make_stability_record


@pytest.fixture(scope="module")
def removal():
    return make_removal_record()


@pytest.fixture(scope="module")
def grown():
    return make_growth_record()


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
    own = [next(one for one in network.more.owned if one.function == "dog") for network in removal.networks]
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
            more=replace(network.more, owned=tuple(replace(one, by_tensor=deep(one.by_tensor)) for one in network.more.owned)),
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
    filters = removal.networks[0].more.filters
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
    solid = [line for line in axes.lines if line.get_linestyle() == "-" and line.get_marker() in MARKS.values()]
    assert len(dashed) == len(solid) == 3
    for over, under, start in zip(solid, dashed, ("2", "0", "-1"), strict=True):
        assert over.get_marker() == under.get_marker()
        # drawn above, so that it is seen where both are equal
        assert under.get_color() != over.get_color()
        assert under.get_zorder() > over.get_zorder()
        shared = grown.quantity("shared", f"T3, new logits {start}", "layers.1.weight").summary.mean
        chance = grown.quantity("shared by chance", f"T3, new logits {start}", "layers.1.weight").summary.mean
        assert over.get_ydata()[1] == pytest.approx(shared)
        assert under.get_ydata()[1] == pytest.approx(chance)
