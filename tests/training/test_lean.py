"""The lean state: half the bytes, resumed to the same bits, and still a mask that performs the function."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError
from maskscope.training import needs

LEAN = ms.Compute(state="lean")
CONFIG = ms.MaskConfig(steps=80, learning_rate=0.3, size=ms.Penalty(1e-4))


def _network() -> nn.Module:
    network = nn.Linear(4, 4, bias=False)
    nn.init.ones_(network.weight)
    return network


def _loss(network: Any, x: torch.Tensor) -> torch.Tensor:
    return (network(x) - x.sum(-1, keepdim=True))[:, :2].square().mean()


def _find(compute: ms.Compute = LEAN, config: ms.MaskConfig = CONFIG, **more: Any) -> ms.Discovery:
    return ms.discover(
        _network(), _loss, lambda _index: torch.eye(4), config=config, compute=compute, watch=False, judge=False, **more
    )


@pytest.mark.parametrize("size", [ms.Penalty(1e-4), ms.Penalty(1e-3, "probabilities")])
def test_a_lean_search_finds_the_rows_that_the_function_needs(size: ms.Penalty) -> None:
    found = _find(config=ms.MaskConfig(steps=80, learning_rate=0.3, size=size))
    assert found.mask["weight"].equal(torch.tensor([[True] * 4] * 2 + [[False] * 4] * 2))
    assert found.logits.flat.dtype == torch.float32
    assert found.logits.flat.equal(found.logits.flat.bfloat16().float())


class _Stop(ms.Observer):
    def after_step(self, report: Any) -> None:
        if report.step == 30:
            raise RuntimeError("stopped")


def test_a_stopped_lean_search_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, kept = _find(), ms.Checkpoint(tmp_path / "lean.safetensors", every_seconds=0.0)
    with pytest.raises(RuntimeError, match="stopped"):
        _find(checkpoint=kept, observers=[_Stop()])
    assert _find(checkpoint=kept).logits.flat.equal(whole.logits.flat)
    with pytest.raises(ConfigError, match="compute"):
        _find(ms.Compute(), checkpoint=kept)


def test_a_lean_mask_says_so_and_a_full_one_is_named_as_before() -> None:
    short = ms.MaskConfig(steps=1)
    assert _find(config=short).mask.made_by["compute"]["state"] == "lean"
    assert "state" not in _find(ms.Compute(), config=short).mask.made_by["compute"]


def test_a_density_cannot_be_kept_in_bfloat16() -> None:
    with pytest.raises(ConfigError, match=r"state='full'"):
        _find(config=ms.MaskConfig(steps=1, size=ms.TargetDensity(0.5)))


def test_the_state_takes_half_the_bytes() -> None:
    network = _network()
    names = ("logits", "their gradient", "two moments of Adam", "their second moments")
    sizes = {}
    for compute in (ms.Compute(), LEAN):
        rows = needs(network, ms.select(network), compute, torch.device("cpu"), samples=4, masks=1)
        sizes[compute.state] = sum(need.bytes for need in rows if need.what in names)
    assert sizes == {"full": 16 * 16, "lean": 8 * 16}
