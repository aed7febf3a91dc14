"""Exact selection by a gate with bit operations: on a CPU, `torch.where` takes 3.5 ns for each element, a bitwise AND 0.3 ns.

The bits of a float, ANDed with all ones, are the same float; ANDed with all zeros, they are +0.0. So behind a closed gate,
infinity, NaN and -0.0 become +0.0, as with ``where(gate, value, 0)``, but not with a product.
"""

import torch
from torch import Tensor

_INTEGER_OF_SIZE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def as_integers(tensor: Tensor) -> Tensor:
    """A view of the same memory as signed integers of the same element size."""
    return tensor.view(_INTEGER_OF_SIZE[tensor.element_size()])


def value_if_open(is_open: Tensor, value: Tensor, out: Tensor) -> Tensor:
    """Writes ``where(is_open, value, 0)`` to ``out``. All have one shape; ``value`` and ``out`` have one real dtype."""
    bits = as_integers(value)
    torch.bitwise_and(bits, is_open.to(bits.dtype).neg_(), out=as_integers(out))
    return out


def weight_times_value(weight: Tensor, value: Tensor) -> Tensor:
    """The product of weights and the values of their gates, in the higher precision; +0 where the value is 0, like above."""
    return (weight * value).masked_fill_(value == 0, 0)


def value_or(is_open: Tensor, value: Tensor, off: Tensor, out: Tensor) -> Tensor:
    """Writes ``where(is_open, value, off)`` to ``out``, exactly: off XOR (gate AND (value XOR off)) on the bits."""
    difference = as_integers(difference_to(off, value))
    torch.bitwise_and(difference, is_open.to(difference.dtype).neg_(), out=as_integers(out))
    return xor_into(out, off)


def difference_to(off: Tensor, value: Tensor) -> Tensor:
    """The bits of ``value`` XOR ``off``: no number, but what an open gate has to let through if ``off`` is to be XORed after."""
    return torch.bitwise_xor(as_integers(value), as_integers(off)).view(value.dtype)


def xor_into(out: Tensor, off: Tensor) -> Tensor:
    """XORs the bits of ``off`` into ``out``, of which it may be one row of several."""
    as_integers(out).bitwise_xor_(as_integers(off))
    return out


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device supports bfloat16 in hardware; if not, torch emulates it, many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False
