"""Stochastic rounding to bfloat16 (`rounding.py`) as a loop over plain arrays, like those of `loops.py`.

Danger: numba stores a compiled function under the date of its *own* file. If you change a function here that is imported from
`loops.py`, empty the cache (`make clean`).
"""

import numpy as np
from numba import njit, prange

from maskscope.masks.kernels.compiler import compiled
from maskscope.masks.kernels.loops import CHUNK, philox

u16, u32, u64 = np.uint16, np.uint32, np.uint64
_HALF = u32(0xFFFF)


@njit(inline="always")
def _put(word, halves, place):
    halves[place] = word & _HALF
    halves[place + 1] = word >> u32(16)


@compiled()
def round_by_chance(values, key0, key1, step0, step1, first, out):
    """`Kernels.round_by_chance`, with float32 numbers as 32-bit integers and bfloat16 ones as 16-bit integers."""
    for chunk in prange((values.size + CHUNK - 1) // CHUNK):
        begin = chunk * CHUNK
        bits, into = values[begin : begin + CHUNK], out[begin : begin + CHUNK]
        start = u64(first) + u64(begin)
        before, counter = np.int64(start & u64(7)), start >> u64(3)
        halves = np.empty(CHUNK + 16, np.uint32)
        for j in range((before + bits.size + 7) // 8):
            at = counter + u64(j)
            x0, x1, x2, x3 = philox(u32(at), u32(at >> u64(32)), step0, step1, key0, key1)
            _put(x0, halves, 8 * j)
            _put(x1, halves, 8 * j + 2)
            _put(x2, halves, 8 * j + 4)
            _put(x3, halves, 8 * j + 6)
        mine = halves[before:]
        for i in range(bits.size):
            into[i] = u16((bits[i] + mine[i]) >> u32(16))
