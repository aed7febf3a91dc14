"""The passes for logits in bfloat16: piece by piece, the logits become float32 in the cache and go to the other kernels."""

from collections.abc import Callable, Iterable
from typing import final

import torch
from jaxtyping import BFloat16, Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels.gate_laws import GateLaw, SoftGate
from maskscope.masks.kernels.passes import Address, Kernels

# elements at a time: in the second-level cache of a processor; enough for all multiprocessors of an accelerator
_PIECE, _LARGE_PIECE = 1 << 17, 1 << 24


@final
class WidenedKernels(Kernels):
    """Gives the results of other kernels for the same logits in float32, without a float32 copy of all logits.

    Args:
        kernels: for float32.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.name, self._kernels = kernels.name, kernels

    def prepare(self, law: GateLaw, dtypes: Iterable[tuple[torch.dtype, torch.dtype]], say: Callable[[str], object]) -> None:
        """See `Kernels.prepare`."""
        self._kernels.prepare(law, dtypes, say)

    def open_gates(self, logits: BFloat16[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """See `Kernels.open_gates`."""
        for here in _pieces(logits):
            self._kernels.open_gates(logits[here].float(), at.moved(here.start), samples, gates[here])

    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """See `Kernels.copy_open`."""
        self._kernels.copy_open(weights, gates, first_sample, out)

    def copy_soft(
        self, law: SoftGate, logits: BFloat16[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """See `Kernels.copy_soft`."""
        for here in _pieces(logits):
            values = torch.empty(out.shape[0], weights[here].numel(), dtype=out.dtype, device=out.device)
            self._kernels.copy_soft(law, logits[here].float(), weights[here], at.moved(here.start), first_sample, values)
            out[:, here].copy_(values)

    def add_gradient(
        self,
        law: GateLaw,
        logits: BFloat16[Tensor, " n"],
        weights: Tensor,
        gates: UInt8[Tensor, " n"],
        gradients: Tensor,
        at: Address,
        *,
        first_sample: int,
        scale: float,
        out: Float32[Tensor, " n"],
    ) -> None:
        """See `Kernels.add_gradient`."""
        for here in _pieces(logits):
            # contiguous: the compiled passes are made for one layout
            mine = (logits[here].float(), weights[here], gates[here], gradients[:, here].contiguous(), at.moved(here.start))
            self._kernels.add_gradient(law, *mine, first_sample=first_sample, scale=scale, out=out[here])

    def round_by_chance(self, values: Float32[Tensor, " n"], at: Address, out: BFloat16[Tensor, " n"]) -> None:
        """See `Kernels.round_by_chance`."""
        self._kernels.round_by_chance(values, at, out)


def _pieces(logits: Tensor) -> Iterable[slice]:
    size = _PIECE if logits.device.type == "cpu" else _LARGE_PIECE
    return (slice(start, start + size) for start in range(0, logits.numel(), size))
