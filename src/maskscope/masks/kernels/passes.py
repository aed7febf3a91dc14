"""The passes over the weights that a mask step is made of, and who makes them: one interface, same bits, other speeds.

Gates are packed: one byte a weight holds a *group* of up to eight samples, bit ``j`` the sample ``8 * group + j``. So the
backward pass reads what the forward pass drew, at a quarter of a byte a sample for S = 4, instead of storing masks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels.slopes import SlopeLaw

SAMPLES_PER_GROUP = 8


@dataclass(frozen=True)
class Address:
    """Where in the random stream a run of weights draws (counter.py): element ``first`` on, of one tensor, step and group.

    Args:
        key: the tensor's stream.
        step: the optimisation step.
        group: of eight samples.
        first: index of the first weight in the whole tensor, row-major; below 2^48.
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
    """A way to make the passes. All tensors are contiguous vectors on one device; ``n`` weights of one parameter tensor.

    Every implementation gives the same gates, bit for bit, and the same gradient to rounding; the contract tests compare.
    """

    name: str

    def prepare(self, law: SlopeLaw, dtypes: Iterable[tuple[torch.dtype, torch.dtype]], say: Callable[[str], object]) -> None:
        """Compiles what will be needed for these dtypes of weights and of their copies, and tells if that takes long."""
        del law, dtypes, say

    @abstractmethod
    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """Draws a group of 1 to 8 samples: bit j of ``gates`` is set where sample j keeps the weight; the other bits are 0."""

    @abstractmethod
    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """Writes masked copies: ``out[k]`` is each weight where the gate of sample ``first_sample + k`` is open, else +0.

        Args:
            weights: ``[n]``, of any real floating dtype.
            gates: from `open_gates`.
            first_sample: the sample of the first row, within the group.
            out: ``[rows, n]``, of the weights' dtype.
        """

    def draw_masked(
        self, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, gates: UInt8[Tensor, " n"], out: Tensor
    ) -> None:
        """`open_gates` and `copy_open` for all rows of ``out`` in one pass."""
        self.open_gates(logits, at, out.shape[0], gates)
        self.copy_open(weights, gates, 0, out)

    @abstractmethod
    def add_gradient(
        self,
        law: SlopeLaw,
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
            law: of the slope.
            logits: as they were when the gates were drawn.
            weights: ``[n]``, unmasked.
            gates: from `open_gates`.
            gradients: ``[rows, n]``, with respect to the masked weights, of any real floating dtype.
            at: what the gates were drawn at; laws that need the draws make them again.
            first_sample: the sample of the first row, within the group.
            scale: a factor, 1/S for a mean over S samples.
            out: what is added to.
        """
