"""How well a mask recovers the true weights, where these are known: precision, recall, F1, and AUPRC of the scores or logits.

ROC AUC is not used: the true weights are under one percent of all weights, and ROC AUC is 1.00 for every score, even magnitude.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from maskscope.errors import MaskMismatchError, MissingExtraError
from maskscope.masks import BinaryMask, OverlapCounts, overlap_by_tensor


@dataclass(frozen=True)
class Recovery:
    """A mask compared with the true mask.

    Args:
        precision: the share of kept weights that are true; NaN if none is kept.
        recall: the share of true weights that are kept; NaN if none is true.
        f1: 2 |kept and true| / (|kept| + |true|), the Dice coefficient; NaN if both are empty.
        kept: how many weights the mask keeps.
        true: how many weights are true.
        both: how many weights are kept and true.
    """

    precision: float
    recall: float
    f1: float
    kept: int
    true: int
    both: int


def recovery(found: BinaryMask, truth: BinaryMask) -> Recovery:
    """Compares a mask with the true one, over all weights at once.

    Raises:
        MaskMismatchError: the masks cover different weights.
    """
    total = OverlapCounts.total(overlap_by_tensor(found, truth).values())
    precision = total.both / total.first if total.first else float("nan")
    recall = total.both / total.second if total.second else float("nan")
    return Recovery(precision, recall, total.dice, total.first, total.second, total.both)


def average_precision(scores: Mapping[str, Tensor], truth: BinaryMask) -> float:
    """Area under the precision-recall curve over all weights: 1 if the scores of all true weights are above those of the others.

    Args:
        scores: by unit, for each group (for single weights by dotted name, in the weights' shapes); for a mask, its logits
            (``logits.by_unit()``).
        truth: the true units.

    Returns:
        The average precision (no interpolation); NaN if no weight is true.

    Raises:
        MaskMismatchError: scores and truth cover different weights.
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import average_precision_score
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "The area under a precision-recall curve") from error
    true = truth.by_unit()
    differing = [name for name in {**scores, **true} if name not in true or name not in scores]
    differing += [name for name in true if name in scores and scores[name].shape != true[name].shape]
    if differing:
        raise MaskMismatchError(f"Scores and truth differ in their units, tensors or shapes: {', '.join(differing)}.")
    if not truth.kept:
        return float("nan")
    score = torch.cat([scores[name].detach().cpu().flatten() for name in true])
    is_true = torch.cat([bits.cpu().flatten() for bits in true.values()])
    return float(average_precision_score(is_true.numpy(), score.numpy()))
