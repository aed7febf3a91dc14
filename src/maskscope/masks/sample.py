"""Random masks from logits, and weights under a mask."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from maskscope.masks.binary import BinaryMask
from maskscope.masks.kernels import SAMPLES_PER_GROUP, Address, make_kernels
from maskscope.masks.kernels.counter import stream_key
from maskscope.masks.kernels.exact import value_if_open, value_or
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


def sample(logits: MaskLogits, noise: Noise, *, step: int, index: int = 0, begins: Mapping[str, int] | None = None) -> BinaryMask:
    """The binary mask of sample ``index`` in step ``step``: each unit is kept with probability sigmoid(logit).

    Args:
        logits: the logits.
        noise: the identity of the random stream.
        step: the step.
        index: the number of the sample in the step.
        begins: if the logits are those of one process's parts of sharded weights, the index of the first element of each part in
            the whole weight; the mask is then that part of the whole mask.

    Examples:
        >>> import torch, maskscope as ms
        >>> selection = ms.select(torch.nn.Linear(100, 10), include=["weight"])
        >>> mask = ms.sample(ms.MaskLogits.full(selection, 0.0), ms.Noise(seed=0, mask="add"), step=0)
        >>> 0.4 < mask.density < 0.6
        True
    """
    group, place = divmod(index, SAMPLES_PER_GROUP)
    kernels = make_kernels(logits.flat.device, logits=logits.flat.dtype)
    gates = torch.empty(logits.flat.shape, dtype=torch.uint8, device=logits.flat.device)
    drawn = logits.by_unit(gates)
    for name, own in logits.by_unit().items():
        at = Address(noise.key(name), step, group, (begins or {}).get(name, 0))
        kernels.open_gates(own.view(-1), at, place + 1, drawn[name].view(-1))
    selection = logits.selection
    bits = {name: (own >> place & 1).to(torch.bool) for name, own in drawn.items()}
    return BinaryMask.from_units(selection.groups, bits, selection.shapes)


def masked_weights(
    weights: Mapping[str, Tensor], is_open: Mapping[str, Tensor], off: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The weights where their gates are open, and elsewhere exactly their off-values.

    A product would keep -0.0 and turn inf into NaN.

    Args:
        weights: by dotted name.
        is_open: the gates, by dotted name.
        off: the off-values (`Off.of`); exactly 0 for tensors that are not named.
    """
    found = {}
    for name, weight in weights.items():
        out, instead = torch.empty_like(weight), (off or {}).get(name)
        is_mine = is_open[name]
        found[name] = value_if_open(is_mine, weight, out) if instead is None else value_or(is_mine, weight, instead, out)
    return found
