"""Stochastic rounding to bfloat16, and the passes for bfloat16 logits."""

import pytest
import torch

from maskscope.masks.estimators import make_estimator
from maskscope.masks.kernels import Address, CpuKernels, ReferenceKernels, TableSlope, WidenedKernels

AT = Address((7, 9), (1 << 33) + 5, first=13)
KERNELS = (CpuKernels, ReferenceKernels)


def _rounded(kernels: object, values: torch.Tensor, at: Address = AT) -> torch.Tensor:
    out = torch.empty(values.shape, dtype=torch.bfloat16)
    kernels.round_by_chance(values.clone(), at, out)  # type: ignore[attr-defined]
    return out


@pytest.mark.parametrize("make", KERNELS)
def test_the_mean_of_rounded_numbers_is_right_also_far_below_the_gap(make: type) -> None:
    values = torch.cat([torch.full((40_000,), 2.003), torch.full((40_000,), -2.003)])
    rounded = _rounded(make(), values).float()
    assert set(rounded.tolist()) == {2.0, 2.015625, -2.0, -2.015625}
    spread = 0.015625 * (0.192 * 0.808 / 40_000) ** 0.5
    assert float(rounded[:40_000].double().mean()) == pytest.approx(2.003, abs=4 * spread)
    assert float(rounded[40_000:].double().mean()) == pytest.approx(-2.003, abs=4 * spread)


@pytest.mark.parametrize("make", KERNELS)
def test_bfloat16_numbers_infinities_and_nan_stay_what_they_are(make: type) -> None:
    values = torch.tensor([0.0, -0.0, 1.5, -100.0, float("inf"), -float("inf"), float("nan")])
    assert _rounded(make(), values).float().equal(values) is False  # NaN is not equal to itself
    assert _rounded(make(), values).view(torch.int16)[:6].equal(values.bfloat16().view(torch.int16)[:6])
    assert _rounded(make(), values)[6].isnan()


@pytest.mark.parametrize("first", [0, 1, 8, 8 * 2048 - 3, (1 << 35) - 64 * 1024])
def test_the_loop_gives_the_bits_of_the_definition(first: int) -> None:
    values, at = torch.randn(5_001, generator=torch.Generator().manual_seed(1)), Address((3, 4), 6, first=first)
    assert _rounded(CpuKernels(), values, at).equal(_rounded(ReferenceKernels(), values, at))


def test_a_piece_is_rounded_as_in_the_whole_tensor() -> None:
    values = torch.randn(5_000, generator=torch.Generator().manual_seed(2))
    whole, piece = _rounded(CpuKernels(), values, AT), _rounded(CpuKernels(), values[1_234:], AT.moved(1_234))
    assert piece.equal(whole[1_234:])


def test_bfloat16_logits_have_the_gates_and_gradients_of_the_same_float32_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskscope.masks.kernels.widened._PIECE", 96)
    logits = torch.randn(301, generator=torch.Generator().manual_seed(3)).bfloat16()
    weights, gradients = torch.randn(5, 301, generator=torch.Generator().manual_seed(4)).split([1, 4])
    law = make_estimator("rao-blackwell", 1.0, None).law()
    assert isinstance(law, TableSlope)
    found = []
    for kernels, given in ((WidenedKernels(CpuKernels()), logits), (CpuKernels(), logits.float())):
        gates, copies, out = torch.empty(301, dtype=torch.uint8), torch.empty(4, 301), torch.zeros(301)
        kernels.draw_masked(given, weights[0], AT, gates, copies)
        kernels.add_gradient(law, given, weights[0], gates, gradients, AT, first_sample=0, scale=0.25, out=out)
        found.append((gates, copies, out))
    assert all(mine.equal(theirs) for mine, theirs in zip(*found, strict=True))
