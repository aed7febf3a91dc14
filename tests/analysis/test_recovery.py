import builtins
import math

import pytest
import torch

from maskscope.analysis.recovery import average_precision, recovery
from maskscope.errors import MaskMismatchError, MissingExtraError
from maskscope.masks import BinaryMask


def mask(*bits: int) -> BinaryMask:
    return BinaryMask({"w": torch.tensor(bits, dtype=torch.bool)})


def test_precision_recall_and_f1_by_hand():
    found = recovery(mask(1, 1, 1, 0, 0, 0), mask(1, 0, 0, 1, 0, 0))
    assert (found.precision, found.recall) == (1 / 3, 1 / 2)
    assert found.f1 == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert (found.kept, found.true, found.both) == (3, 2, 1)


def test_counts_are_summed_over_tensors_before_they_are_divided():
    found = BinaryMask({"a": torch.tensor([True]), "b": torch.tensor([True, True, True, False])})
    truth = BinaryMask({"a": torch.tensor([True]), "b": torch.tensor([False, False, False, True])})
    assert recovery(found, truth).precision == 1 / 4
    assert recovery(found, truth).recall == 1 / 2


def test_an_empty_mask_has_no_precision_and_recall_zero():
    found = recovery(mask(0, 0), mask(1, 0))
    assert math.isnan(found.precision)
    assert (found.recall, found.f1) == (0, 0)


def test_nothing_true_leaves_recall_undefined():
    assert math.isnan(recovery(mask(1, 0), mask(0, 0)).recall)
    assert math.isnan(average_precision({"w": torch.tensor([1.0, 0.0])}, mask(0, 0)))


def test_recovery_refuses_masks_of_other_weights():
    with pytest.raises(MaskMismatchError, match="w"):
        recovery(mask(1, 0), mask(1, 0, 0))


def test_average_precision_by_hand():
    # by falling score: true, false, true, false; precision at the true ones 1 and 2/3
    scores = {"w": torch.tensor([0.1, 0.9, 0.4, 0.6])}
    assert average_precision(scores, mask(0, 1, 1, 0)) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_is_over_all_tensors_at_once():
    # in each tensor alone the true weight comes first; together a false one of b comes before the true one of a
    scores = {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([3.0, 2.0])}
    truth = BinaryMask({"b": torch.tensor([True, False]), "a": torch.tensor([True, False])})
    assert average_precision(scores, truth) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_names_what_differs():
    with pytest.raises(MaskMismatchError, match=r"other, w|w, other"):
        average_precision({"other": torch.zeros(2)}, mask(1, 0))
    with pytest.raises(MaskMismatchError, match="w"):
        average_precision({"w": torch.zeros(3)}, mask(1, 0))


def test_average_precision_says_which_extra_is_missing(monkeypatch):
    original = builtins.__import__

    def without_sklearn(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_sklearn)
    with pytest.raises(MissingExtraError, match=r"scikit-learn.*maskscope\[all\]"):
        average_precision({"w": torch.zeros(2)}, mask(1, 0))
