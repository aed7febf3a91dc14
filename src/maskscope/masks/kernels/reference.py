"""The passes in plain PyTorch, on any device: slow, in chunks that fit into the cache. This is the definition."""

from typing import final

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from maskscope.masks.kernels.counter import SAMPLES_PER_BLOCK, chunks, draw_words
from maskscope.masks.kernels.exact import value_if_open, weight_times_value
from maskscope.masks.kernels.gate_laws import GateLaw, SoftGate
from maskscope.masks.kernels.passes import SAMPLES_PER_GROUP, Address, Kernels
from maskscope.masks.kernels.threshold import keep_threshold, position


@final
class ReferenceKernels(Kernels):
    """The definition of the passes; every faster implementation must give the same results."""

    name = "reference"

    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """See `Kernels.open_gates`."""
        for here, address in _pieces(logits.numel(), at):
            is_open = _draws(address, samples, gates[here]) < keep_threshold(position(logits[here]))
            places = torch.arange(samples, dtype=torch.uint8, device=gates.device)[:, None]
            gates[here] = (is_open.to(torch.uint8) << places).sum(0, dtype=torch.uint8)

    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """See `Kernels.copy_open`."""
        for row, masked in enumerate(out):
            value_if_open(_bit(gates, first_sample + row), weights, out=masked)

    def copy_soft(
        self, law: SoftGate, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """See `Kernels.copy_soft`; the product is made in float32 or in the weights' own higher precision."""
        for here, address in _pieces(logits.numel(), at):
            values = law.value(logits[here], _draws_for(law, address, first_sample, out[:, here]))
            for value, row in zip(values, out[:, here], strict=True):
                row.copy_(weight_times_value(weights[here], value))

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
        """See `Kernels.add_gradient`."""
        samples = slice(first_sample, first_sample + gradients.shape[0])
        for here, address in _pieces(logits.numel(), at):
            is_open = torch.stack([_bit(gates[here], sample) for sample in range(samples.start, samples.stop)])
            slope = law.slope(logits[here], is_open, _draws_for(law, address, first_sample, gradients[:, here]))
            total = (gradients[:, here].to(torch.float32) * slope).sum(0)
            out[here].addcmul_(total, weights[here].to(torch.float32), value=scale)


def _bit(gates: UInt8[Tensor, " n"], sample: int) -> Tensor:
    return gates.bitwise_right_shift(sample).bitwise_and_(1).to(torch.bool)


def _pieces(elements: int, at: Address) -> "list[tuple[slice, Address]]":
    return [
        (slice(first - at.first, first - at.first + count), at.moved(first - at.first))
        for first, count in chunks(elements, at.first)
    ]


def _draws_for(law: GateLaw, at: Address, first_sample: int, like: Tensor) -> Int64[Tensor, "rows n"]:
    """The draws of the samples of the rows of ``like``; zeros that take no memory, if the law uses none."""
    rows, n = like.shape
    if not law.needs_draws:
        return torch.zeros((), dtype=torch.int64, device=like.device).expand(rows, n)
    return _draws(at, first_sample + rows, like[0])[first_sample:]


def _draws(at: Address, samples: int, like: Tensor) -> Int64[Tensor, "samples n"]:
    """The draws of the first ``samples`` samples of the group, for all elements of ``like``, on its device."""
    rows = []
    for block in range(-(-samples // SAMPLES_PER_BLOCK)):
        number = at.group * (SAMPLES_PER_GROUP // SAMPLES_PER_BLOCK) + block
        out = torch.empty(SAMPLES_PER_BLOCK, like.numel(), dtype=torch.int64, device=like.device)
        rows.append(draw_words(at.key, step=at.step, block=number, first=at.first, count=like.numel(), out=out))
    return torch.cat(rows)[:samples]
