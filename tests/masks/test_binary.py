import math
import warnings

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import MaskMismatchError, MaskscopeError
from maskscope.masks import MaskLogits, SharedNoiseWarning, iou_from_dice, overlap_by_tensor


def mask(*rows, **kwargs):
    return ms.BinaryMask({f"w{i}": torch.tensor(row, dtype=torch.bool) for i, row in enumerate(rows)}, **kwargs)


A = mask([1, 1, 0, 0], [[1, 0], [0, 0]])
B = mask([1, 0, 1, 0], [[0, 0], [0, 0]])


def test_algebra():
    assert mask([1, 0, 0, 0], [[0, 0], [0, 0]]) == (A & B)
    assert mask([1, 1, 1, 0], [[1, 0], [0, 0]]) == (A | B)
    assert mask([0, 1, 0, 0], [[1, 0], [0, 0]]) == (A - B)
    assert ~~A == A
    assert (A & ~A).kept == 0
    assert (A | ~A).density == 1
    assert ~(A | B) == ~A & ~B
    assert A != B
    with pytest.raises(TypeError):
        hash(A)


def test_density_and_mapping():
    assert A.density == 3 / 8
    assert A.density_by_tensor == {"w0": 0.5, "w1": 0.25}
    assert dict(A.items()).keys() == {"w0", "w1"}
    assert A.only("w1").count == 4
    assert "3 of 8 weights" in repr(A)
    with pytest.raises(MaskMismatchError, match="no tensor w9"):
        A.only("w9")


def test_overlap_totals_are_ratios_of_sums():
    assert ms.iou(A, B) == 1 / 4
    assert ms.iomin(A, B) == 1 / 2
    assert ms.dice(A, B) == 2 / 5
    assert ms.iou(A, A) == ms.dice(A, A) == ms.iomin(A, A) == 1
    parts = overlap_by_tensor(A, B)
    assert (parts["w0"].first, parts["w0"].second, parts["w0"].both, parts["w0"].weights) == (2, 2, 1, 4)
    assert parts["w1"].iou == 0
    assert ms.iou(A, B) == pytest.approx(iou_from_dice(ms.dice(A, B)))


def test_what_has_no_value_is_nan():
    empty = A - A
    assert math.isnan(ms.iou(empty, empty))
    assert math.isnan(ms.dice(empty, empty))
    assert math.isnan(ms.iomin(A, empty))
    assert ms.iou(A, empty) == 0
    assert math.isnan(ms.BinaryMask({}).density)
    with pytest.raises(MaskscopeError, match=r"lies in \[0, 1\]"):
        iou_from_dice(1.5)


def test_mismatched_masks_name_every_difference():
    other = ms.BinaryMask({"w0": torch.ones(3, dtype=torch.bool), "w2": torch.ones(1, dtype=torch.bool)})
    for combine in (lambda: A & other, lambda: A | other, lambda: A - other, lambda: ms.iou(A, other)):
        with pytest.raises(MaskMismatchError) as error:
            combine()
        text = str(error.value)
        assert "w1: only in the first" in text
        assert "w2: only in the second" in text
        assert "w0: shape [4] in the first, [3] in the second" in text


def test_not_bool_is_refused():
    with pytest.raises(MaskMismatchError, match="expected a bool tensor, found torch.float32"):
        ms.BinaryMask({"w": torch.ones(2)})


def test_threshold_is_above_zero():
    network = nn.Linear(3, 1, bias=False)
    logits = MaskLogits(ms.select(network), torch.tensor([-1e-9, 0.0, 1e-9]))
    found = ms.BinaryMask.from_logits(logits)
    assert found["weight"].tolist() == [[False, False, True]]
    assert logits.density() == found.density


def test_masks_that_shared_their_noise_are_told_apart():
    noise = {"noise": {"seed": 0, "mask": "mask", "repeat": 0, "purpose": "mask-noise"}}
    first, second = mask([1, 0], made_by=noise), mask([0, 1], made_by=noise)
    with pytest.warns(SharedNoiseWarning, match="give `discover` another name="):
        ms.iou(first, second)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ms.iou(first, first)
        ms.iou(first, mask([0, 1], made_by={"noise": noise["noise"] | {"mask": "other"}}))


def test_where_a_mask_does_not_fit():
    network = nn.Linear(2, 2)
    wrong = ms.BinaryMask({"weight": torch.ones(2, 3, dtype=torch.bool), "wieght": torch.ones(1, dtype=torch.bool)})
    for use in (lambda: ms.call_masked(network, wrong, torch.ones(1, 2)), lambda: ms.bake(network, wrong)):
        with pytest.raises(MaskMismatchError) as error:
            use()
        assert "weight: the mask has shape [2, 3], the network [2, 2]" in str(error.value)
        assert "wieght: the network has no such parameter. Did you mean 'weight'" in str(error.value)


def test_infinite_and_negative_weights_are_zeroed_exactly():
    network = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[math.inf, -2.0, 3.0]]))
    keep_last = ms.BinaryMask({"weight": torch.tensor([[False, False, True]])})
    assert ms.call_masked(network, keep_last, torch.ones(1, 3)).tolist() == [[3.0]]
    assert torch.signbit(ms.bake(network, keep_last).weight).sum() == 0


def test_gradients_reach_the_inputs_but_not_the_weights():
    network = nn.Linear(2, 1)
    x = torch.ones(1, 2, requires_grad=True)
    full = ms.BinaryMask({"weight": torch.tensor([[True, False]])})
    ms.call_masked(network, full, x).sum().backward()
    assert x.grad[0, 1] == 0
    assert x.grad[0, 0] == network.weight[0, 0]
    assert network.weight.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_choosing_by_bits_is_where(dtype):
    from maskscope.masks.kernels.exact import value_if_open

    values = torch.tensor([1.5, -2.0, math.inf, -math.inf, math.nan, -0.0, 0.0, 1e-40], dtype=dtype)
    for gate in (torch.tensor([1, 0] * 4), torch.tensor([0, 1] * 4), torch.zeros(8), torch.ones(8)):
        is_open = gate.bool()
        found = value_if_open(is_open, values, torch.empty_like(values))
        wanted = torch.where(is_open, values, 0)
        assert torch.equal(found.view(torch.uint8), wanted.view(torch.uint8))
