"""The accuracy of every function under every mask and under its inverse: sufficiency and necessity."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from maskscope.analysis.one_network import require_one_network
from maskscope.analysis.score import score
from maskscope.masks import BinaryMask, check_mask
from maskscope.tasks import Task


@dataclass(frozen=True)
class CrossMatrix:
    """Accuracy of every function under every mask, and under its inverse.

    Args:
        functions: the functions of the task, in its order: the columns.
        masks: the names of the masks: the rows.
        sufficiency: by mask and function, the accuracy under the mask.
        necessity: by mask and function, the accuracy under its inverse: low where the function needs the mask.
    """

    functions: tuple[str, ...]
    masks: tuple[str, ...]
    sufficiency: Mapping[str, Mapping[str, float]]
    necessity: Mapping[str, Mapping[str, float]]


def cross_matrix(network: nn.Module, task: Task, masks: Mapping[str, BinaryMask]) -> CrossMatrix:
    """sufficiency[f][g] = accuracy of g under mask f; necessity[f][g] = accuracy of g under ~f.

    The network runs in eval mode on the task's evaluation data and is not changed. Empty masks are allowed: the necessity of an
    empty mask is the accuracy of the unmasked network.

    Args:
        network: the one that the masks were found on.
        task: gives functions and data.
        masks: by name, often the name of the function that the mask was found for.

    Raises:
        MaskMismatchError: a mask was found on another network, or the masks cover different weights.
    """
    require_one_network(masks, "cross matrix")
    for mask in masks.values():
        check_mask(network, mask)
    return CrossMatrix(
        functions=task.functions,
        masks=tuple(masks),
        sufficiency={name: score(network, task, mask).accuracy for name, mask in masks.items()},
        necessity={name: score(network, task, ~mask).accuracy for name, mask in masks.items()},
    )
