"""Numbers as digits, least significant first, and the random numbers of the authors' generator."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor, nn

from maskscope.errors import ConfigError, UnknownNameError

# the three parts of the authors' data; each number is added to their seed
TRAIN, TEST, VALIDATION = 0, 1, 2
_PAPER_SEED = 0x12345678


def paper_random(part: int) -> np.random.RandomState:
    """The generator of one part of the authors' data: `TRAIN`, `TEST` or `VALIDATION`."""
    return np.random.RandomState(_PAPER_SEED + part)


def require_digits(digits: int, train_items: int) -> None:
    """Raises `ConfigError` if there are too many digits for a table of all pairs, or no training items."""
    if digits not in (1, 2, 3):
        raise ConfigError(f"digits is {digits}; 1, 2 or 3 was expected.")
    if train_items < 1:
        raise ConfigError(f"train_items is {train_items}; a number of at least 1 was expected.")


def require_known(relabelled: Iterable[str], functions: Sequence[str]) -> None:
    """Raises `UnknownNameError` unless every name is the name of a function."""
    for name in relabelled:
        if name not in functions:
            raise UnknownNameError("function", name, functions)


def digits_of(numbers: Int64[Tensor, " n"], digits: int) -> Int64[Tensor, "n digits"]:
    """The digits of each number, least significant first."""
    return torch.stack([numbers // 10**place % 10 for place in range(digits)], dim=1)


def one_hot_digits(numbers: Int64[Tensor, " n"], digits: int) -> UInt8[Tensor, "n units"]:
    """The digits of each number, each one-hot in 10 units."""
    return nn.functional.one_hot(digits_of(numbers, digits), 10).flatten(1).to(torch.uint8)


def every_pair(digits: int) -> tuple[Int64[Tensor, " pairs"], Int64[Tensor, " pairs"]]:
    """All pairs of numbers below 10^digits, ordered by the first, then by the second."""
    numbers = torch.arange(10**digits)
    return numbers.repeat_interleave(len(numbers)), numbers.repeat(len(numbers))


def shuffled(rows: Tensor, seed: int | None) -> Tensor:
    """The rows in a random order given by the seed; in their own order if it is None."""
    if seed is None:
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
