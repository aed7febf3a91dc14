"""Parts of data that go into one vmapped call."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from maskscope.masks.parts import is_same

_TENSOR = object()  # stands for the tensors among the leaves of a part


class CannotBatchError(Exception):
    """These parts cannot be run in one call, but one by one."""


def stack_parts(rows: Sequence[Any]) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Any]]:
    """The tensors of parts of equal structure, stacked; and a function that makes a part of the tensors of one row.

    Raises:
        CannotBatchError: the parts differ in structure, in shapes, or in something that is no tensor.
    """
    flattened = [pytree.tree_flatten(row) for row in rows]
    structure = flattened[0][1]
    if any(other != structure for _, other in flattened):
        raise CannotBatchError("the parts of a step are not all of one structure")
    stacked: list[Tensor] = []
    constants: list[Any] = []
    for leaves in zip(*(leaves for leaves, _ in flattened), strict=True):
        if isinstance(leaves[0], Tensor):
            if any(leaf.shape != leaves[0].shape or leaf.dtype != leaves[0].dtype for leaf in leaves):
                raise CannotBatchError("the parts of a step are not all of one shape")
            stacked.append(torch.stack(leaves))
            constants.append(_TENSOR)
        elif any(type(leaf) is not type(leaves[0]) or leaf != leaves[0] or not is_same(leaf, leaves[0]) for leaf in leaves):
            raise CannotBatchError("the parts of a step differ in something that is no tensor")
        else:
            constants.append(leaves[0])
    if not stacked:
        raise CannotBatchError("the parts hold no tensor")

    def part_of(tensors: Sequence[Tensor]) -> Any:
        given = iter(tensors)
        return pytree.tree_unflatten([next(given) if leaf is _TENSOR else leaf for leaf in constants], structure)

    return stacked, part_of
