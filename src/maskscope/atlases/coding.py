"""How bits and numbers lie in the file: deflated, in base64.

The bits of a tensor are written in one of two forms, whichever is smaller:

* ``bits``: eight weights a byte, least significant bit first, as in a mask file. Whole empty or full rows shrink to nothing.
* ``gaps``: one byte for each kept weight, the number of weights that are not kept since the last one; 255 says that 255 of them
  passed and none was kept. Of bits without a pattern, Huffman's code of these bytes comes within about 1 % of their entropy,
  and the code of packed bits does not: it spends a whole bit at least on each eight weights.
"""

import base64
import zlib
from typing import NamedTuple

import numpy as np
from torch import Tensor

_STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY)
_NO_WEIGHT = 255


class Coded(NamedTuple):
    """Something that a browser can unpack: the form of its bytes, and these, deflated and in base64."""

    form: str
    text: str


def coded_bits(bits: Tensor) -> Coded:
    """A mask's bits on one tensor, in row-major order."""
    flat = bits.cpu().numpy().reshape(-1)
    forms = {"bits": np.packbits(flat, bitorder="little").tobytes()}
    if 2 * np.count_nonzero(flat) < len(flat):  # else a byte for each is more than a bit for all
        forms["gaps"] = _gaps(flat)
    tried = [(form, _deflated(content, strategy)) for form, content in forms.items() for strategy in _STRATEGIES]
    form, smallest = min(tried, key=lambda one: len(one[1]))
    return Coded(form, _text(smallest))


def coded_numbers(values: Tensor) -> Coded:
    """The values of weights as float16 in row-major order: all high bytes, which are much alike, then all low ones."""
    largest = float(np.finfo(np.float16).max)
    halves = values.detach().cpu().float().numpy().reshape(-1).clip(-largest, largest).astype("<f2")
    return Coded("float16", _text(_deflated(halves.view(np.uint8).reshape(-1, 2).T[::-1].tobytes(), zlib.Z_DEFAULT_STRATEGY)))


def _gaps(flat: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> bytes:
    passed = np.diff(np.flatnonzero(flat), prepend=-1) - 1
    longer, rest = np.divmod(passed, _NO_WEIGHT)
    content = np.full(int(longer.sum()) + len(rest), _NO_WEIGHT, np.uint8)
    content[np.cumsum(longer + 1) - 1] = rest
    return content.tobytes()


def _deflated(content: bytes, strategy: int) -> bytes:
    # a window of 2^15 bytes without a header: what DecompressionStream calls "deflate-raw"
    pressing = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
    return pressing.compress(content) + pressing.flush()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
