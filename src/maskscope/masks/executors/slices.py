"""What a mask has for one weight tensor, and for all of them."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels.exact import difference_to


@dataclass(frozen=True)
class Values:
    """What a gate lets through: the weights, or what they add to their off-values. Vectors in row-major order.

    Args:
        weight: in numbers.
        compute: in the dtype of the masked copies.
        bits: such that off XOR bits is ``compute`` plus off.
        off: in the dtype of the masked copies; None for zeros.
    """

    weight: Float[Tensor, " n"]
    compute: Float[Tensor, " n"]
    bits: Tensor
    off: Float[Tensor, " n"] | None = None

    @classmethod
    def of(cls, weight: Tensor, compute: Tensor, off: Tensor | None) -> Self:
        """Those of a weight, of its copy in the dtype of the masked copies, and of its off-values."""
        flat = compute.view(-1)
        if off is None:
            return cls(weight.view(-1), flat, flat)
        zero = off.to(compute.dtype).view(-1)
        return cls((weight - off).view(-1), flat - zero, difference_to(zero, flat), zero)


@dataclass(frozen=True)
class Vectors:
    """What one mask has for all of its units, in the order of its selection.

    Args:
        logits: the logits.
        gradient: to which their gradients are added.
        gates: of a group of samples.
    """

    logits: Float[Tensor, " units"]
    gradient: Float32[Tensor, " units"]
    gates: UInt8[Tensor, " units"]


@dataclass(frozen=True)
class Slice:
    """The part of one mask that belongs to one weight tensor.

    Args:
        whole: the vectors of which its logits, gradient and gates are views.
        values: of the weights; masks of one network share them.
        key: of the random stream of its units.
        logits: of its units; the other tensors of these units have the same ones.
        gradient: to which the gradient of these logits is added.
        gates: of its units.
        wide: the gates of its weights; for single weights, these are the same.
    """

    whole: Vectors
    values: Values
    key: tuple[int, int]
    logits: Float[Tensor, " units"]
    gradient: Float32[Tensor, " units"]
    gates: UInt8[Tensor, " units"]
    wide: UInt8[Tensor, " n"]


class Workspace:
    """Memory for short use, which is reused, because allocating takes as long as the arithmetic."""

    def __init__(self) -> None:
        self._memory: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def take(self, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """An uninitialised vector of ``count`` elements; the next call may return the same memory."""
        memory = self._memory.get((dtype, device))
        if memory is None or memory.numel() < count:
            memory = self._memory[dtype, device] = torch.empty(count, dtype=dtype, device=device)
        return memory[:count]
