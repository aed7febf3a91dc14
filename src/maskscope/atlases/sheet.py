"""How a tensor of any shape lies on a flat sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# a vector is broken into lines of at least so many weights
_LINE = 64


@dataclass(frozen=True)
class Sheet:
    """Rows and columns of blocks: of one weight, or of the kernel between two channels.

    The weight at row r, column c and place (y, x) of its block has the row-major index ((r * columns + c) * high + y) * wide + x.

    Args:
        rows: how many; of a linear layer or a convolution, its outputs.
        columns: how many; its inputs.
        high: how many weights a block is high.
        wide: how many it is wide.
        count: of weights; less than rows * columns if the sheet is a broken line.
        is_line: whether the tensor is a vector, whose rows are pieces of it.
    """

    rows: int
    columns: int
    high: int
    wide: int
    count: int
    is_line: bool


def sheet_of(shape: Sequence[int]) -> Sheet:
    """A matrix as it is, a convolution with a kernel for each output and input, a vector in lines.

    Example:
        >>> sheet_of((64, 3, 5, 5))
        Sheet(rows=64, columns=3, high=5, wide=5, count=4800, is_line=False)
        >>> sheet_of((100,))
        Sheet(rows=2, columns=64, high=1, wide=1, count=100, is_line=True)
    """
    count = math.prod(shape)
    if len(shape) < 2:
        # about four times as wide as high
        columns = min(count, max(_LINE, 2 ** math.ceil(math.log2(max(1, 2 * math.sqrt(count))))))
        return Sheet(math.ceil(count / columns), columns, 1, 1, count, True)
    return Sheet(shape[0], shape[1], math.prod(shape[2:-1]), shape[-1] if len(shape) > 2 else 1, count, False)
