"""Everything about a network that could change under a call: which objects it holds, where, and what is in them."""

import copy
from collections import deque

import numpy as np
import torch
from torch import nn

import maskscope as ms


def portrait(network: nn.Module):
    """Attributes, hooks, modes, parameters and buffers by identity, what lies in containers, values of tensors, gradients."""
    kept, seen = [], set()

    def look(one):
        kept.append(one)  # lest another object gets its identity
        mark = (type(one).__name__, id(one))
        if isinstance(one, bool | int | float | str | bytes | None):
            return one
        if id(one) in seen:
            return mark
        seen.add(id(one))
        if isinstance(one, torch.Tensor):
            content = (list(one.shape), str(one.dtype), one.requires_grad, look(one.grad) if one.is_leaf else None)
            return (*mark, content, one.detach().tolist(), one.untyped_storage().data_ptr())
        if isinstance(one, np.ndarray):
            return (*mark, one.tolist())
        if isinstance(one, torch.Generator):
            return (*mark, one.get_state().tolist())
        if isinstance(one, nn.Module):
            return (*mark, look(vars(one)))
        if isinstance(one, dict):
            return (*mark, {key: look(value) for key, value in one.items()})
        if isinstance(one, list | tuple | deque):
            return (*mark, [look(value) for value in one])
        if isinstance(one, set):
            return (*mark, sorted(map(repr, one)))
        return mark

    return {"network": look(network), "generator": torch.get_rng_state().tolist()}, kept


def assert_same(before, after):
    assert before[0] == after[0]


def batched_tensors(network: nn.Module) -> list[str]:
    """Where tensors of a vmapped call are left, which are dead."""
    return [
        f"{name}.{key}"
        for name, module in network.named_modules()
        for key, value in vars(module).items()
        for one in (value if isinstance(value, list | tuple | deque) else [value])
        if isinstance(one, torch.Tensor) and torch._C._functorch.is_batchedtensor(one)
    ]


def full_mask(network: nn.Module) -> ms.BinaryMask:
    return ms.BinaryMask({name: torch.ones(p.shape, dtype=torch.bool) for name, p in network.named_parameters()})


def duplicate(network: nn.Module, guest) -> nn.Module:
    """A copy by torch's means; of a network that torch cannot copy, by ours."""
    if guest.deepcopies:
        return copy.deepcopy(network)
    return ms.bake(network, full_mask(network))
