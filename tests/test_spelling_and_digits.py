"""The examples on the networks of g2p-en and ccexam. Each needs its package (extra `examples`), and is skipped without."""

import importlib
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

import maskscope as ms
from maskscope.data import dataset_named, find_files, place_named
from maskscope.engine.records.file import load_record

# of each record, the page that tells it and how that tells what a mask keeps
RECORDS = {
    "spelling/row": ("spelling", lambda mask: f"{mask.density:.3f}".lstrip("0")),
    "spelling/weight": ("spelling", lambda mask: f"{mask.density:.3f}".lstrip("0")),
    "digit-groups/filter": ("digit-groups", lambda mask: str(sum(one.kept for one in mask.by_tensor.values()))),
    "digit-groups/weight": ("digit-groups", lambda mask: f"{sum(one.kept for one in mask.by_tensor.values()):,}"),
}
ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def needs(package):
    try:
        return distribution(package)
    except PackageNotFoundError:
        pytest.skip(f"the package {package} is not installed: extra 'examples'")


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@pytest.fixture
def network(example):
    needs("g2p-en")
    return example("spelling_network").load()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the package leaves a file open
def test_the_spelling_network_writes_what_its_package_writes(network, example, monkeypatch):
    # what the package wants besides, among it a dictionary, is not needed for `predict`
    for name in ("nltk", "nltk.corpus", "nltk.tokenize", "inflect"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    theirs, ours = importlib.import_module("g2p_en.g2p").G2p(), example("spelling_network")
    assert ours.SOUNDS[2:] == theirs.phonemes[2:]
    words = [*ours.REAL_WORDS[::6], *ours.invented_words()[:10], "cat", "city", "chalk", "activationist"]
    _, sounds = network.spell(words)
    for word, found in zip(words, sounds[:, 1:].tolist(), strict=True):
        assert [ours.SOUNDS[one] for one in found[: [*found, 3].index(3)]] == theirs.predict(word), word


def test_each_question_is_asked_about_a_c_and_another_sound(network, example):
    script, ours = example("spelling"), example("spelling_network")
    words = ours.REAL_WORDS[::3]
    asked = script.ask(network, words, parts=4, size=8)
    assert len({len(parts) for parts in asked.values()}) == 1
    answered = {name: [] for name in asked}
    for name, parts in asked.items():
        for part in parts:
            assert part["attention_mask"].sum(1).tolist() == [2] * 8
            answered[name].append((network(**part)[..., 0] > 0)[part["attention_mask"] > 0].view(8, 2))
    k, s, vowel = (torch.cat(answered[name]) for name in ("c as K", "c as S", "vowels"))
    assert (k | s).sum(1).tolist() == [1] * len(k)
    assert k.any(1).view(-1, 2, 4).tolist() == [[[True] * 4, [False] * 4]] * 4
    assert not (vowel & (k | s)).any()
    assert 0 < vowel.any(1).float().mean() < 1


def test_words_have_one_c_and_nothing_else_that_may_become_k_or_s(example):
    words = example("spelling_network").invented_words()
    assert 2_500 < len({*words}) == len(words)
    assert all(word.count("c") == 1 and not {*word} & {*"kqxsz"} for word in words)
    assert all("c" in word and not {*word} & {*"kqxsz"} for word in example("spelling_network").REAL_WORDS)


def test_the_digit_classifier_is_the_packages(example):
    folder = needs("ccexam").locate_file("ccexam/samples")
    network = example("digit_groups").load()
    shown = {int(file.stem[-1]): imread(file) for file in Path(folder).glob("mnist_test_*.png")}
    pixels = torch.tensor(np.stack([image if image.ndim == 2 else image[..., 0] for image in shown.values()]))[:, None]
    assert network((pixels - 0.1307) / 0.3081).argmax(1).tolist() == [*shown]
    assert len(shown) == 3


def test_a_frame_says_which_masks_keep_a_filter(example, tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3))
    selection = ms.select(network, exclude=["*bias*"], units="filter")
    bits = {"0.weight": torch.tensor([True, True, False, False]), "1.weight": torch.tensor([True, False])}
    one = ms.BinaryMask.from_units(selection.groups, bits, selection.shapes)
    other = ms.BinaryMask.from_units(
        selection.groups, {"0.weight": bits["0.weight"].roll(1), "1.weight": ~bits["1.weight"]}, selection.shapes
    )
    figure = example("filter_picture").draw(network, {"a": one, "b": other}, str(tmp_path / "filters.png"))
    assert (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG")
    frames = [axes.spines["top"].get_edgecolor() for axes in figure.axes if axes.images]
    colours = {"only a": (0.0, 0.45, 0.7), "both": (0, 0, 0), "only b": (0.84, 0.37, 0), "neither": (0.89, 0.9, 0.92)}
    expected = ["only a", "both", "only b", "neither", "only a", "only b"]
    assert [frame[:3] for frame in frames] == [pytest.approx(colours[name], abs=0.01) for name in expected]


@pytest.mark.parametrize("name", ["spelling", "digit_groups"])
def test_a_notebook_is_its_script(name, example):
    pytest.importorskip("nbformat", reason="nbformat is not installed")
    made = example("notebook").notebook_of((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    kept = json.loads((EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8"))
    told = [(one["cell_type"], one["id"], "".join(one["source"])) for one in kept["cells"]]
    assert told == [(one.cell_type, one["id"], one.source) for one in made.cells]
    assert all(not one.get("outputs") for one in kept["cells"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "package", "expected"),
    [
        ("spelling", "g2p-en", ["c as K and c as S share", "c as S and vowels share"]),
        ("digit_groups", "ccexam", ["0 to 4 and 5 to 9 share"]),
    ],
)
def test_a_notebook_runs(name, package, expected, tmp_path, monkeypatch):
    needs(package)
    needs("ipykernel")
    if name == "digit_groups" and find_files(dataset_named("mnist"), place_named(None)) is None:
        pytest.skip("MNIST is not there: name its folder by MASKSCOPE_DATA")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = importlib.import_module("nbformat")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), str(ROOT / "src")]))
    read = nbformat.read(EXAMPLES / f"{name}.ipynb", 4)
    client.NotebookClient(read, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(one.get("text", "") for one in read.cells[-1].outputs)
    assert all(words in shown for words in expected)
    assert {*tmp_path.glob("runs/*/report.html")}


@pytest.mark.parametrize("name", RECORDS)
def test_a_page_tells_what_its_record_has(name):
    page, size = RECORDS[name]
    text = (ROOT / "docs" / "examples" / f"{page}.md").read_text(encoding="utf-8")
    trained, *controls = load_record(ROOT / "reproduction" / "examples" / name).networks
    assert {one.variant for one in controls} == {"untrained", "shuffled-weights"}
    assert {mask.repeat for mask in trained.masks} == {0, 1}
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for mask in trained.masks:
        own = f"{mask.sufficiency.accuracy[mask.own]:.3f}".removeprefix("0") if mask.function != "all" else ""
        assert any(size(mask) in row and own in row and (mask.function in row or mask.function == "all") for row in rows), (
            mask.label
        )
