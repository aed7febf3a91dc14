"""The interface of the kernels: the passes over the weights in a mask step. All kernels give the same bits at different speeds.

Gates are packed: the byte of a weight has a *group* of up to eight samples; bit ``j`` is sample ``8 * group + j``. So the
backward pass reads the gates that the forward pass drew, and for S = 4 a sample of a gate takes a quarter of a byte.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import BFloat16, Float, Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels.gate_laws import GateLaw, SoftGate
from maskscope.masks.kernels.rounding import round_by_chance

SAMPLES_PER_GROUP = 8


@dataclass(frozen=True)
class Address:
    """The position in the random stream (counter.py) of consecutive weights, from element ``first`` of a tensor on.

    Args:
        key: the key of the tensor's stream.
        step: the optimisation step.
        group: the group of eight samples.
        first: the index of the first weight in the whole tensor, row-major; below 2^48.
    """

    key: tuple[int, int]
    step: int
    group: int = 0
    first: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.first < 1 << 48 and 0 <= self.group < 1 << 15 and 0 <= self.step < 1 << 64):
            raise ValueError(f"address outside the layout: element {self.first}, group {self.group}, step {self.step}")

    def moved(self, by: int) -> "Address":
        """The address ``by`` weights further on."""
        return replace(self, first=self.first + by)


class Kernels(ABC):
    """An implementation of the passes, for ``n`` weights of one parameter tensor. All tensors are contiguous, on one device.

    Every implementation gives the same gates, bit for bit, and the same gradient up to rounding; the contract tests compare them.
    """

    name: str

    def prepare(self, law: GateLaw, dtypes: Iterable[tuple[torch.dtype, torch.dtype]], say: Callable[[str], object]) -> None:
        """Compiles the passes for these pairs of dtypes (of weights, of copies); calls ``say`` with a line if that takes long."""
        del law, dtypes, say

    @abstractmethod
    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """Draws a group of 1 to 8 samples: bit j of ``gates`` is 1 if sample j keeps the weight; all other bits are 0."""

    @abstractmethod
    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """Writes masked copies: ``out[k]`` has the weights whose gate in sample ``first_sample + k`` is open, else +0.

        Args:
            weights: ``[n]``, of any real floating dtype.
            gates: from `open_gates`.
            first_sample: the number, in the group, of the sample of the first row.
            out: ``[rows, n]``, with the dtype of the weights.
        """

    def draw_masked(
        self, logits: Float[Tensor, " n"], weights: Tensor, at: Address, gates: UInt8[Tensor, " n"], out: Tensor
    ) -> None:
        """`open_gates` and `copy_open` for all rows of ``out`` in one pass."""
        self.open_gates(logits, at, out.shape[0], gates)
        self.copy_open(weights, gates, 0, out)

    def open_positive(self, logits: Float[Tensor, " n"], samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """The gates of a `SignGate`: what `open_gates` is for drawn gates. All samples are the same."""
        torch.gt(logits, 0, out=gates.view(torch.bool))  # as a bool, because writing the result as a number is slow
        if samples > 1:
            gates.mul_((1 << samples) - 1)

    @abstractmethod
    def copy_soft(
        self, law: SoftGate, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """Writes copies under soft gates: ``out[k]`` is the weights times the value of sample ``first_sample + k``.

        Where the value is exactly 0, the copy is +0, whatever the weight.

        Args:
            law: the law of the gates.
            logits: ``[n]``.
            weights: ``[n]``, of any real floating dtype; or gradients, for the gradient of a weight that is learned too.
            at: the address of the draws; the sample is counted in its group.
            first_sample: the number, in the group, of the sample of the first row.
            out: ``[rows, n]``, with the dtype of the weights.
        """

    @abstractmethod
    def add_gradient(
        self,
        law: GateLaw,
        logits: Float32[Tensor, " n"],
        weights: Tensor,
        gates: UInt8[Tensor, " n"],
        gradients: Tensor,
        at: Address,
        *,
        first_sample: int,
        scale: float,
        out: Float32[Tensor, " n"],
    ) -> None:
        """``out += scale * weight * sum over the rows k of gradients[k] * slope of sample first_sample + k``.

        Args:
            law: the law of the gates.
            logits: the logits that the gates were drawn with.
            weights: ``[n]``, unmasked.
            gates: from `open_gates` or `open_positive`; a `SoftGate` does not use them.
            gradients: ``[rows, n]``, with respect to the masked weights, of any real floating dtype.
            at: the address that the gates were drawn at; laws that need the draws compute them again.
            first_sample: the number, in the group, of the sample of the first row.
            scale: a factor, 1/S for a mean over S samples.
            out: the vector that the gradient is added to.
        """

    def add_open(
        self, gates: UInt8[Tensor, " n"], gradients: Tensor, *, first_sample: int, scale: float, out: Float[Tensor, " n"]
    ) -> None:
        """``out += scale * sum over the rows k of gradients[k]`` where the gate of sample ``first_sample + k`` is open.

        This is the gradient of a weight that is learned too. The arguments are those of `add_gradient`.
        """
        for row, gradient in enumerate(gradients):
            is_open = (gates >> (first_sample + row)).bitwise_and_(1).to(torch.bool)
            out.add_(torch.where(is_open, gradient, gradient.new_zeros(())), alpha=scale)

    def round_by_chance(self, values: Float32[Tensor, " n"], at: Address, out: BFloat16[Tensor, " n"]) -> None:
        """Rounds numbers to bfloat16, each up or down with a probability that makes the mean right.

        Args:
            values: any numbers; infinities and NaN stay what they are, and so do bfloat16 numbers.
            at: of the first element. Its group takes no part. The key must be that of no mask noise.
            out: the rounded numbers.
        """
        round_by_chance(values, at.key, at.step, at.first, out)


def add_straight_gradient(weights: Tensor, gradients: Tensor, scale: float, out: Float32[Tensor, " n"]) -> None:
    """`Kernels.add_gradient` for a `SignGate`, whose slope is 1: torch's own operations are as fast as a loop."""
    total = gradients[0] if gradients.shape[0] == 1 else gradients.sum(0, dtype=torch.float32)
    out.addcmul_(total.to(torch.float32), weights.to(torch.float32), value=scale)
