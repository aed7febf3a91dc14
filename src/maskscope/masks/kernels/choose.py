"""Exact selection by a gate, as bit operations: `torch.where` costs 3.5 ns an element on a CPU, a bitwise AND 0.3.

A float's bits ANDed with all ones are the float, ANDed with all zeros +0.0; so infinities and NaN behind a closed gate vanish,
and no -0.0 stays, exactly as with ``where(gate, value, 0)`` and unlike with a product.
"""

import torch
from torch import Tensor

_INTEGER_OF_SIZE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def value_if_open(is_open: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """``where(is_open, value, 0)``, written to ``out``; all of one shape, value and out of one real dtype."""
    bits = _INTEGER_OF_SIZE[value.element_size()]
    torch.bitwise_and(value.view(bits), is_open.to(bits).neg_(), out=out.view(bits))
    return out


def choose(is_open: Tensor, if_open: Tensor, if_closed: Tensor, out: Tensor) -> Tensor:
    """``where(is_open, if_open, if_closed)``, written to ``out``; shapes broadcast, one real dtype."""
    bits = _INTEGER_OF_SIZE[out.element_size()]
    gate = is_open.to(bits).neg_()
    torch.bitwise_and(if_open.view(bits), gate, out=out.view(bits))
    out.view(bits).bitwise_or_(gate.bitwise_not_().bitwise_and_(if_closed.view(bits)))
    return out
