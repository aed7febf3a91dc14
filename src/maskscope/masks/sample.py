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
    """The identity of a mask's random stream; masks that should be independent need different identities.

    Args:
        seed: the root seed.
        mask: the name of the mask: that of its function.
        repeat: the number of the repeat, if there are several masks for the same function.
        purpose: the use of the stream.
    """

    seed: int
    mask: str
    repeat: int = 0
    purpose: str = "mask-noise"

    def key(self, name: str) -> tuple[int, int]:
        """The key of the stream of one group of units: for single weights, of one parameter tensor."""
        return stream_key(self.seed, self.purpose, self.mask, self.repeat, name)


def sample(logits: MaskLogits, noise: Noise, *, step: int, index: int = 0) -> BinaryMask:
    """The binary mask of sample ``index`` in step ``step``: each unit is kept with probability sigmoid(logit)."""
    group, place = divmod(index, SAMPLES_PER_GROUP)
    kernels = make_kernels(logits.flat.device)
    gates = torch.empty(logits.flat.shape, dtype=torch.uint8, device=logits.flat.device)
    drawn = logits.by_unit(gates)
    for name, own in logits.by_unit().items():
        kernels.open_gates(own.view(-1), Address(noise.key(name), step, group), place + 1, drawn[name].view(-1))
    selection = logits.selection
    bits = {name: (own >> place & 1).to(torch.bool) for name, own in drawn.items()}
    return BinaryMask.from_units(selection.groups, bits, selection.shapes)


def masked_weights(weights: Mapping[str, Tensor], is_open: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights where their gates are open, and exactly 0 elsewhere. A product would keep -0.0 and turn inf into NaN."""
    return {name: value_if_open(is_open[name], weight, out=torch.empty_like(weight)) for name, weight in weights.items()}
