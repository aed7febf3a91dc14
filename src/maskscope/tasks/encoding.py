"""Sequences of tokens as numbers: vocabularies, and questions with their answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from maskscope.errors import DataError

_SHOWN = 5


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by number; the last number, behind all of them, is that of the end.

    Args:
        tokens: each once, at most 255.
    """

    tokens: tuple[str, ...]

    @property
    def end(self) -> int:
        """The number of the end, which stands for the start as well."""
        return len(self.tokens)

    @property
    def size(self) -> int:
        """How many numbers there are, the end among them."""
        return len(self.tokens) + 1

    def words(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The tokens before the first end."""
        return tuple(self.tokens[number] for number in takewhile(lambda number: number != self.end, numbers))


@dataclass(frozen=True)
class Encoded:
    """Questions and answers as numbers, each with an end, and padded with ends.

    Args:
        tokens: of the questions.
        lengths: of the questions, the end included.
        targets: tokens of the answers.
        target_lengths: of the answers, the end included.
    """

    tokens: UInt8[Tensor, "n longest"]
    lengths: Int64[Tensor, " n"]
    targets: UInt8[Tensor, "n longest_answer"]
    target_lengths: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.lengths)

    def at(self, chosen: Int64[Tensor, " m"]) -> "Encoded":
        """Some of them."""
        return Encoded(self.tokens[chosen], self.lengths[chosen], self.targets[chosen], self.target_lengths[chosen])


def encode(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], read: Vocabulary, written: Vocabulary, what: str = "the data"
) -> Encoded:
    """Questions and answers, as sequences of tokens, in numbers.

    Raises:
        DataError: there are none; or a token is not in the vocabulary: it is named, with where it stands.
    """
    if not pairs:
        raise DataError(f"There are no questions in {what}; at least one was expected.")
    tokens, lengths = _numbers([question for question, _ in pairs], read, what)
    targets, target_lengths = _numbers([answer for _, answer in pairs], written, what)
    return Encoded(tokens, lengths, targets, target_lengths)


def _numbers(rows: Sequence[Sequence[str]], vocabulary: Vocabulary, what: str) -> tuple[Tensor, Tensor]:
    known = {token: number for number, token in enumerate(vocabulary.tokens)}
    lengths = torch.tensor([len(row) + 1 for row in rows])
    flat = bytearray()
    longest = int(lengths.max())
    end = vocabulary.end
    try:
        for row in rows:
            flat.extend(known[token] for token in row)
            flat.extend([end] * (longest - len(row)))
    except KeyError as error:
        row = next(row for row in rows if not known.keys() >= set(row))
        raise DataError(
            f"{error.args[0]!r} in {what} is not in the vocabulary of {len(known)} tokens ({' '.join(sorted(known)[:_SHOWN])} "
            f"...); it stands in {row if isinstance(row, str) else ' '.join(row)!r}. These data are of another kind, or damaged."
        ) from None
    return torch.frombuffer(flat, dtype=torch.uint8).view(len(rows), longest), lengths
