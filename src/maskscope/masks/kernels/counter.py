"""The random bits of the masks: which draw belongs to which weight, sample and step. This file is the specification.

A counter-based generator computes a draw from its *address* alone. So any draw can be computed again, anywhere and in any order:
after a crash, in a backward pass, in another chunk, process, shard or type of device.

Generator: Philox-4x32 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

Layout, version 1 (every faster kernel gives the same bits):

==========  ====================================================================================
key         64 bits: the first 8 bytes, little-endian, of the SHA-256 of the canonical JSON list
            ["maskscope/draws", LAYOUT_VERSION, *identity]; word 0 is the low half
counter 0   element, low 32 bits (row-major index in the *whole* tensor, also when it is sharded)
counter 1   element, bits 32 to 47, then 16 bits: the block of four samples
counter 2   step, low 32 bits
counter 3   step, high 32 bits
output      word j is the draw of sample 4 * block + j
rounds      7: the fewest that passed all of the authors' tests; 7 cost 5.2 ns a draw here, 10 cost 7.9
==========  ====================================================================================

The identity contains the root seed, the purpose, *the name of the mask*, the repeat and the dotted parameter name. With one key
for all masks, two functions would share their noise at every step, and this alone would make their masks overlap.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache

import torch
from jaxtyping import Int64
from torch import Tensor

LAYOUT_VERSION = 1
ROUNDS = 7
SAMPLES_PER_BLOCK = 4

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF
# Elements that are processed at a time: a few buffers of this length fit into the second-level cache.
CHUNK = 1 << 16

Word = int | Tensor
Words = tuple[Word, Word, Word, Word]


def stream_key(*identity: str | int) -> tuple[int, int]:
    """The two key words of a stream of draws: a digest of its identity.

    Args:
        identity: values that together distinguish this stream from all others, in a fixed order.
    """
    name = json.dumps(["maskscope/draws", LAYOUT_VERSION, *identity], ensure_ascii=True, separators=(",", ":"))
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return key & _LOW, key >> 32


def philox(counter: Words, key: tuple[int, int], rounds: int = ROUNDS, spare: list[Tensor] | None = None) -> Words:
    """Philox-4x32: four words of 32 random bits from a counter of four words and a key of two.

    Each counter word is an ``int`` or an int64 tensor with values in [0, 2^32); tensors are overwritten. Words that are constant
    over a chunk stay an ``int`` for the first rounds, which saves work. Source: Salmon et al. 2011, section 3; the tests compare
    with the vectors published with Random123, for 7 and for 10 rounds.

    Args:
        counter: the four words.
        key: the two words of the key.
        rounds: 7 in the layout.
        spare: up to five int64 tensors of the chunk's length as scratch memory; allocating takes as long as the arithmetic.
    """
    x0, x1, x2, x3 = counter
    k0, k1 = key
    spare = [] if spare is None else spare
    for _ in range(rounds):
        high0, low0 = _multiply(x0, MULTIPLIERS[0], spare)
        high1, low1 = _multiply(x2, MULTIPLIERS[1], spare)
        x0, x1, x2, x3 = _xor(high1, x1, k0, spare), low1, _xor(high0, x3, k1, spare), low0
        k0, k1 = (k0 + WEYL[0]) & _LOW, (k1 + WEYL[1]) & _LOW
    return x0, x1, x2, x3


def draw_words(
    key: tuple[int, int], *, step: int, block: int, first: int, count: int, out: Tensor | None = None
) -> Int64[Tensor, "4 count"]:
    """The draws of four samples for the elements ``first`` to ``first + count - 1`` of a tensor, each in [0, 2^32).

    They are written to ``out`` if it is given, on its device.
    """
    high = first >> 32
    if not 0 <= block < 1 << 16 or first + count > 1 << 48 or (first + count - 1) >> 32 != high:
        raise ValueError(f"address outside the layout: block {block}, elements {first} to {first + count - 1}")
    out = torch.empty(SAMPLES_PER_BLOCK, count, dtype=torch.int64) if out is None else out
    buffers = _buffers(count, out.device)
    low = torch.arange(first & _LOW, (first & _LOW) + count, out=buffers[0])
    words = philox((low, high | block << 16, step & _LOW, step >> 32 & _LOW), key, spare=list(buffers[1:]))
    for row, word in zip(out, words, strict=True):
        row.copy_(word) if isinstance(word, Tensor) else row.fill_(word)
    return out


def chunks(elements: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Divides ``elements`` elements from global index ``first`` on into (start, count); no chunk crosses a multiple of 2^32."""
    end = first + elements
    while first < end:
        count = min(CHUNK, end - first, ((first >> 32) + 1 << 32) - first)
        yield first, count
        first += count


@lru_cache(maxsize=4)
def _buffers(count: int, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(torch.empty(count, dtype=torch.int64, device=device) for _ in range(6))


def _multiply(x: Word, multiplier: int, spare: list[Tensor]) -> tuple[Word, Word]:
    """High and low half of the 64-bit product. The int64 product may wrap, but has the right bits; the shift copies the sign."""
    if isinstance(x, int):
        return x * multiplier >> 32, x * multiplier & _LOW
    product = torch.mul(x, multiplier, out=spare.pop() if spare else None)
    return torch.bitwise_right_shift(product, 32, out=x).bitwise_and_(_LOW), product.bitwise_and_(_LOW)


def _xor(fresh: Word, other: Word, key: int, spare: list[Tensor]) -> Word:
    if isinstance(fresh, Tensor):
        if isinstance(other, int):
            return fresh.bitwise_xor_(other ^ key)
        spare.append(other)
        return fresh.bitwise_xor_(other).bitwise_xor_(key)
    return other.bitwise_xor_(fresh ^ key) if isinstance(other, Tensor) else other ^ fresh ^ key
