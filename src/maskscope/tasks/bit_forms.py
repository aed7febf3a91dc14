"""Ways to show the same bits to different kinds of network: as a vector, as images, as a sequence of pairs, as tokens.

A form is a function from bits, -1 or +1, to the inputs of a network. It may show the same bits in several ways, all of which have
the same answers; the first dimension of its result counts them.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Form = Callable[[Tensor], Tensor]

_IMAGE, _PATCH = 4, 3
# the pixels around the centre of a patch
_RING = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))


def as_vector(bits: Float[Tensor, "n bits"]) -> Float[Tensor, "1 n bits"]:
    """One input for each bit."""
    return bits[None]


def as_images(bits: Float[Tensor, "n 8"]) -> Float[Tensor, "4 n 2 4 4"]:
    """Eight bits as the ring of a patch of 3 x 3 pixels that lies at any of the four positions in an image of 4 x 4.

    The first channel has the bits, and 0 elsewhere; the second has a 1 at the centre of the patch. The same weights of a
    convolution read the patch wherever it lies, and must not answer where they see only a part of it.
    """
    free = _IMAGE - _PATCH + 1
    images = torch.zeros(free * free, len(bits), 2, _IMAGE, _IMAGE)
    for way in range(free * free):
        top, left = divmod(way, free)
        for bit, (row, column) in enumerate(_RING):
            images[way, :, 0, top + row, left + column] = bits[:, bit]
        images[way, :, 1, top + 1, left + 1] = 1
    return images


def as_pairs(bits: Float[Tensor, "n bits"]) -> Float[Tensor, "1 n steps bits"]:
    """A sequence that shows bits 0 and 1 first, then 2 and 3, and so on; each bit is a feature that is 0 at all other steps.

    A network that answers after the last step must remember the first ones.
    """
    steps = bits.shape[1] // 2
    when = torch.arange(bits.shape[1]) // 2 == torch.arange(steps)[:, None]
    return (bits[:, None] * when)[None]


def as_tokens(bits: Float[Tensor, "n bits"]) -> Float[Tensor, "1 n bits 1"]:
    """A sequence of tokens with one feature, one token for each bit; only its position says which bit a token is."""
    return bits[None, :, :, None]
