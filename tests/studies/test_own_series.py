"""Checkpoints of one network: no replicates, each search started from the mask before, and overlaps over time."""

import dataclasses

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.workers import Share, do_share
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask, MaskLogits, iou, select
from maskscope.procedure.starts import neighbours_logits
from maskscope.report.section import all_figures
from maskscope.storage import read_json
from maskscope.studies.own.page import PAGE, cautions
from maskscope.studies.own.series import BEFORE, BEFORE_OTHER, LAST, series_labels, series_numbers

FEW = ms.MaskConfig(steps=3, samples_per_step=2, learning_rate=0.5)
LABELS = (0, 100, 2500.0)
NAMES = ("checkpoint-0", "checkpoint-100", "trained")
FILES = ("mask.safetensors", "logits.safetensors", "result.json", "weights.safetensors")


def checkpoints(count=3):
    """A network that grows into its function."""
    first = nn.Linear(4, 2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[3.0, 3.0, 0.1, 0.2], [0.2, 0.1, 3.0, 3.0]]))
        first.bias.zero_()
    made = [{"weight": first.weight * (0.2 + place), "bias": torch.zeros(2)} for place in range(count - 1)]
    return [*made, first]


def batches(place):
    inputs = torch.randn(6, 8, 4, generator=torch.Generator().manual_seed(place))
    return [(some, place) for some in inputs]


def wanted(part):
    return part[0][:, 2 * part[1] : 2 * part[1] + 2].sum(1) > 0


def loss(network, part):
    return nn.functional.binary_cross_entropy_with_logits(network(part[0])[:, part[1]], wanted(part).float())


def score(network, part):
    return (network(part[0])[:, part[1]] > 0) == wanted(part)


def study(series=LABELS, **more):
    functions = {"left": batches(0), "right": batches(1)}
    return ms.Study(checkpoints(), functions, loss, score, config=FEW, series=series, **more)


def job(study, folder):
    spec = dataclasses.replace(study.study.preset("quick"), controls=(), random_draws=1)
    return Job(study.study, spec, (0,), str(folder), threads=1)


def artefacts(folder):
    """The bits of what was made, by the name of the stage."""
    found = {}
    for path in (folder / "artefacts").iterdir():
        files = {file.name: file.read_bytes() for file in path.iterdir() if file.name in FILES}
        found[path.name.rpartition("-")[0]] = (path, files)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "run"
    return folder, run_study("quick", job(study(), folder))


def test_a_search_starts_from_the_mask_before(finished):
    made = artefacts(finished[0])
    sources = {name: read_json(path / "made.json")["from"] for name, (path, _) in made.items()}
    first, second = "seed-0-mask-left-1-checkpoint-0", "seed-0-mask-left-1-checkpoint-100"
    assert list(sources[first]) == ["network"]
    assert sources[second]["start of left/1"] == made[first][0].name
    assert sources["seed-0-mask-left-1"]["start of left/1"] == made[second][0].name
    assert sources["seed-0-mask-all-0"]["start of all/0"].startswith("seed-0-mask-all-0-checkpoint-100-")
    assert made["seed-0-mask-left-0"][1] != made["seed-0-mask-left-0-checkpoint-100"][1]


def test_killed_it_goes_on_to_the_same_bits_and_workers_share_it(finished, tmp_path):
    def stop(text):
        if text == "seed-0-mask-right-0-checkpoint-100":
            raise KeyboardInterrupt

    mine = job(study(), tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        run_study("quick", mine, announce=stop)
    do_share(Share(mine.pinned, 0, 1))  # what a worker does with all that is left
    expected, found = artefacts(finished[0]), artefacts(tmp_path / "run")
    assert {name: files for name, (_, files) in found.items()} == {name: files for name, (_, files) in expected.items()}


def test_checkpoints_are_no_replicates(finished):
    record = finished[1]
    assert (record.sample_size, record.seeds, record.checkpoints) == (1, (0,), ("0", "100"))
    assert all(one.summary.n <= 1 for one in record.quantities)
    assert {one.verdict for one in record.verdicts} == {"inconclusive"}
    assert "checkpoints 0, 100 and 2500 are one network at several times" in cautions(record)[0]


def test_overlaps_over_time_are_those_of_the_masks(finished):
    folder, record = finished
    made = artefacts(folder)

    def mask(repeat, name):
        stage = f"seed-0-mask-left-{repeat}" + ("" if name == "trained" else f"-{name}")
        return BinaryMask.load(made[stage][0] / "mask.safetensors")

    def mean(first, second, repeats):
        return sum(iou(mask(a, first), mask(b, second)) for a, b in repeats) / len(repeats)

    def value(measure, name):
        return record.quantity(measure, "left", variant=name).summary.mean

    same, other = [(0, 0), (1, 1)], [(0, 1), (1, 0)]
    assert value(BEFORE, NAMES[1]) == pytest.approx(mean(NAMES[1], NAMES[0], same))
    assert value(BEFORE_OTHER, NAMES[2]) == pytest.approx(mean(NAMES[2], NAMES[1], other))
    assert value(LAST, NAMES[0]) == pytest.approx(mean(NAMES[0], NAMES[2], same))
    assert record.quantity(LAST, "left") is None
    assert record.quantity(BEFORE, "left", variant=NAMES[0]) is None


def test_the_page_has_the_curve(finished):
    section = next(one for one in PAGE.sections(finished[1]) if one.id == "series")
    assert [(row.group, row.cells[0]) for row in section.tables[0].rows][:3] == [("left", "0"), ("left", "100"), ("left", "2500")]
    assert "warm=False" in section.text[1]
    assert {"series-size", "series-before"} <= {panel.name for panel in all_figures([section])["series"]}


def test_cold_searches_owe_nothing_to_each_other(finished, tmp_path):
    mine = job(study(warm=False), tmp_path)
    steps = {step.name: step for step in mine.study.procedure.steps("own", mine.pinned.spec, 0, mine.runtime())}
    assert set(steps["seed-0-mask-left-0"].inputs) == {"network"}
    alone = ms.Study(checkpoints()[-1], {"left": batches(0), "right": batches(1)}, loss, score, config=FEW)
    (same,) = (
        step
        for step in alone.study.procedure.steps("own", job(alone, tmp_path).pinned.spec, 0, mine.runtime())
        if step.name == "seed-0-mask-left-0"
    )
    assert steps["seed-0-mask-left-0"].outputs == same.outputs, "the last checkpoint is searched as a network of its own"


def test_where_a_search_starts():
    selection = select(nn.Linear(2, 2, bias=False))
    logits = MaskLogits(selection, torch.tensor([-100.0, -1.0, 0.5, 9.0]))
    start = neighbours_logits(logits.by_unit(), selection, torch.device("cpu"))
    assert start.flat.tolist() == [-2, -1, 0.5, 2]
    assert neighbours_logits({"weight": -logits.flat.abs()}, selection, torch.device("cpu")) is None


def test_labels():
    assert series_labels([1, 2.5, 4.0, "1e3"], 4) == ("1", "2.5", "4", "1e3")
    assert series_numbers(("1", "1e3")) == [1, 1000]
    assert series_numbers(("early", "2")) == []


@pytest.mark.parametrize(
    ("series", "text"),
    [
        ("123", "series is of the type str; a list"),
        ([1, 2], "series has 2 labels, and there are 3 networks"),
        ([1, 2, "a/b"], "label 'a/b' in series cannot be used"),
        (["a", "b", "A"], "names a checkpoint twice: a, b, A"),
        ([1, 3, 2], "series is 1, 3, 2; the order of training"),
        ([1, "1.0", 2], "the order of training"),
    ],
)
def test_labels_that_are_refused(series, text):
    with pytest.raises(ConfigError, match=text):
        study(series)


def test_a_choice_without_a_series_is_refused():
    with pytest.raises(ConfigError, match="warm is false, which says how a series is searched"):
        study(None, warm=False)
