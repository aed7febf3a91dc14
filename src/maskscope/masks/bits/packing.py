"""Bits packed eight a byte, in blocks: bit i of a tensor is bit i mod 8, least significant first, of byte i div 8."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskscope.masks.units import Layout
from maskscope.storage import byte_vectors
from maskscope.storage.byte_vectors import Block

_COUNTS = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)


def packed(parts: Iterable[Tensor]) -> Iterator[Block]:
    """Bool tensors, one after the other, as packed bits in blocks of `BLOCK_BYTES`, of which the last may be shorter.

    Args:
        parts: their elements in row-major order are the bits; of any lengths, which need not fill bytes. Padding bits are zero.
    """
    most, filled = 8 * byte_vectors.BLOCK_BYTES, 0
    buffer: NDArray[np.bool_] = np.empty(most, dtype=bool)
    for part in parts:
        flat, start = part.detach().contiguous().reshape(-1), 0
        while start < len(flat):
            stop = min(len(flat), start + most - filled)
            buffer[filled : filled + stop - start] = flat[start:stop].cpu().numpy()
            filled, start = filled + stop - start, stop
            if filled == most:
                yield np.packbits(buffer, bitorder="little")
                filled = 0
    if filled:
        yield np.packbits(buffer[:filled], bitorder="little")


def unpacked(blocks: Iterable[Block], count: int) -> Tensor:
    """The bits of a vector, as a bool tensor.

    Args:
        blocks: packed bits; all but the last one have whole bytes.
        count: of the bits.
    """
    bits = np.empty(count, dtype=bool)
    start = 0
    for block in blocks:
        stop = min(count, start + 8 * len(block))
        bits[start:stop] = np.unpackbits(block, count=stop - start, bitorder="little")
        start = stop
    return torch.from_numpy(bits)


def popcount(block: Block) -> int:
    """How many bits are 1."""
    if not hasattr(np, "bitwise_count"):  # numpy 1
        return int(_COUNTS[block].sum(dtype=np.int64))
    whole = len(block) // 8 * 8
    words = np.bitwise_count(block[:whole].view(np.uint64)).sum(dtype=np.int64)
    return int(words) + int(np.bitwise_count(block[whole:]).sum(dtype=np.int64))


def by_weight(units: Block, layout: Layout) -> Iterator[Block]:
    """The bits of units as bits of the weights of one of their tensors, in blocks of `BLOCK_BYTES`.

    Args:
        units: the bits of all units, packed.
        layout: of the units in the tensor.
    """
    most = 8 * byte_vectors.BLOCK_BYTES
    for start in range(0, layout.count, most):
        index = layout.index(start, min(start + most, layout.count)).numpy()
        yield np.packbits(units[index >> 3] >> (index & 7).astype(np.uint8) & 1, bitorder="little")


def without_padding(block: Block, count: int, start: int) -> Block:
    """A block whose padding bits are zero.

    Args:
        block: packed bits.
        count: the number of bits of the whole vector.
        start: the place of the first bit of the block in it.
    """
    if start + 8 * len(block) > count:
        block = block.copy()
        block[-1] &= (1 << count % 8) - 1
    return block
