"""Random masks from logits, and weights under a mask."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from maskscope.masks.binary import BinaryMask
from maskscope.masks.kernels import SAMPLES_PER_GROUP, Address, make_kernels
from maskscope.masks.kernels.counter import stream_key
from maskscope.masks.kernels.exact import value_if_open
from maskscope.masks.logits import MaskLogits


@dataclass(frozen=True)
class Noise:
    """The identity of a mask's random stream; two masks that are to be independent differ in it.

    Args:
        seed: the root seed.
        mask: which mask this is: the function's name.
        repeat: which of several masks for the same function.
        purpose: what the stream is for.
    """

    seed: int
    mask: str
    repeat: int = 0
    purpose: str = "mask-noise"

    def key(self, name: str) -> tuple[int, int]:
        """The key of one parameter tensor's stream."""
        return stream_key(self.seed, self.purpose, self.mask, self.repeat, name)


def sample(logits: MaskLogits, noise: Noise, *, step: int, index: int = 0) -> BinaryMask:
    """The binary mask that sample ``index`` of step ``step`` uses: each weight kept with probability sigmoid(logit)."""
    group, place = divmod(index, SAMPLES_PER_GROUP)
    kernels = make_kernels(logits.flat.device)
    gates = torch.empty(logits.flat.shape, dtype=torch.uint8, device=logits.flat.device)
    drawn = logits.by_tensor(gates)
    for name, own in logits.by_tensor().items():
        kernels.open_gates(own.view(-1), Address(noise.key(name), step, group), place + 1, drawn[name].view(-1))
    return BinaryMask({name: (own >> place & 1).to(torch.bool) for name, own in drawn.items()})


def masked_weights(weights: Mapping[str, Tensor], is_open: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each weight where its gate is open, exact zero elsewhere (not a product: that keeps -0.0 and turns inf into NaN)."""
    return {name: value_if_open(is_open[name], weight, out=torch.empty_like(weight)) for name, weight in weights.items()}
