"""What is to run on a GPU when one is at hand: that it passes without one, and that the recorded step is a step of a search."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import maskscope as ms
from benchmarks.cases import Case
from benchmarks.graphs import ALPHA, StaticStep
from maskscope.masks import make_kernels
from maskscope.zoo import MLP

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "device.sh"


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would measure for eight minutes")
def test_without_a_gpu_the_script_says_so_and_ends_well(tmp_path):
    environment = os.environ | {"PYTHON": sys.executable, "OUT": str(tmp_path / "results")}
    run = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert "Skipped: " in run.stdout
    assert run.stdout == (tmp_path / "results" / "device.txt").read_text()
    assert (tmp_path / "results" / "steps.jsonl").read_text() == '{"step": "all", "outcome": "skipped", "seconds": 0}\n'


def test_the_whole_script_can_be_read():
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True, timeout=60)


def test_the_recorded_step_is_the_step_of_a_search():
    """With weights that are copied whole and one whose copies are made block by block; the gradient is clipped."""
    case = Case("small", lambda: MLP([42, 300, 300, 20]), samples=4, inputs=(42,), batch=32)
    network = case.make().eval()
    step = StaticStep(network, case, make_kernels(torch.device("cpu")))
    for number in range(3):
        step.feed(number)
        step.run()
    config = ms.MaskConfig(steps=3, samples_per_step=4, size=ms.Penalty(ALPHA))
    selection = ms.select(network, exclude=case.exclude)
    found = ms.discover(
        *(network, case.loss, lambda index: case.part(index, 8)),
        selection=selection,
        config=config,
        name="benchmark",
        judge=False,
    )
    torch.testing.assert_close(step.logits, found.logits.flat, rtol=1e-5, atol=1e-5)
    assert float((found.logits.flat - 2).abs().mean()) > 1e-2


def test_parts_for_a_device_are_kept_there():
    case = Case("small", lambda: MLP([42, 20]), samples=4, inputs=(42,), device="meta")
    x, target = case.part(3, 8)
    assert (x.shape, x.device.type, target.shape, target.device.type) == ((8, 42), "meta", (8, 2), "meta")
    assert case.part(19, 8)[0] is x
