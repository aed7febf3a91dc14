"""Random masks from logits: the definition of a mask sample, drawn chunk by chunk so that the work stays in cache."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from maskscope.masks.binary import BinaryMask
from maskscope.masks.estimators import Estimator, Gates, make_estimator
from maskscope.masks.kernels.choose import value_if_open
from maskscope.masks.kernels.counter import CHUNK, SAMPLES_PER_BLOCK, chunks, draw_words, stream_key
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


class GateBuffers:
    """The gates of four samples of every selected weight, in memory that is used again at every step."""

    def __init__(self, logits: MaskLogits) -> None:
        shape = (SAMPLES_PER_BLOCK, logits.selection.count)
        device = logits.flat.device
        self._logits = logits
        self.is_open: Bool[Tensor, "4 n"] = torch.empty(shape, dtype=torch.bool, device=device)
        self.slope: Float32[Tensor, "4 n"] = torch.empty(shape, dtype=torch.float32, device=device)
        longest = min(CHUNK, max(weight.count for weight in logits.selection.weights))
        self._draws = torch.empty(SAMPLES_PER_BLOCK, longest, dtype=torch.int64, device=device)

    def draw(self, estimator: Estimator, noise: Noise, step: int, block: int) -> None:
        """Fills the buffers with the samples ``4 * block`` to ``4 * block + 3`` of a step."""
        offset = 0
        for weight in self._logits.selection.weights:
            key = noise.key(weight.name)
            for first, count in chunks(weight.count):
                here = slice(offset + first, offset + first + count)
                draws = self._draws[:, :count]
                draw_words(key, step=step, block=block, first=first, count=count, out=draws)
                estimator.sample(self._logits.flat[here], draws, Gates(self.is_open[:, here], self.slope[:, here]))
            offset += weight.count


def sample(logits: MaskLogits, noise: Noise, *, step: int, index: int = 0) -> BinaryMask:
    """The binary mask that sample ``index`` of step ``step`` uses: each weight kept with probability sigmoid(logit)."""
    block, place = divmod(index, SAMPLES_PER_BLOCK)
    buffers = GateBuffers(logits)
    buffers.draw(make_estimator("rao-blackwell"), noise, step, block)
    return BinaryMask({name: gate.clone() for name, gate in logits.by_tensor(buffers.is_open[place]).items()})


def masked_weights(
    weights: Mapping[str, Tensor], is_open: Mapping[str, Tensor], into: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Each weight where its gate is open, exact zero elsewhere (not a product: that keeps -0.0 and turns inf into NaN).

    Args:
        weights: by dotted name.
        is_open: gates, by the same names.
        into: memory to use again, by the same names; fresh memory unless given.
    """
    into = {name: torch.empty_like(weight) for name, weight in weights.items()} if into is None else into
    return {name: value_if_open(is_open[name], weight, out=into[name]) for name, weight in weights.items()}
