"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest
import torch

from tests.undrawn import undrawn

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", README, re.S)


def test_it_is_short():
    assert len(README.split()) <= 1000


@pytest.mark.filterwarnings("ignore::maskscope.training.observers.LossWarning")  # of fewer steps than the README's
def test_a_study_of_ones_own_network_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = CODE
    assert len(code.strip().splitlines()) <= 15
    few = ', config=ms.MaskConfig(steps=100, learning_rate=0.3, size=ms.Penalty(2e-4)), controls=["shuffled-weights"])'
    fewer = code.replace('loss="labels")', f'loss="labels"{few}').replace("range(3)", "range(1)")
    assert fewer.count(few) == 1
    assert "range(1)" in fewer
    variables = {}
    with torch.random.fork_rng(), undrawn():
        exec(compile(fewer, "README.md", "exec"), variables)
    record = variables["record"]
    for name, other in (("0 to 4", "5 to 9"), ("5 to 9", "0 to 4")):
        assert record.quantity("sufficiency", name, name).summary.mean > 0.9
        assert record.quantity("sufficiency", name, other).summary.mean < 0.3
    assert (tmp_path / "runs" / "digits" / "report.html").exists()
    assert "report" in capsys.readouterr().err


def test_what_it_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert not [link for link in links if not (Path(__file__).parent.parent / link).exists()]
