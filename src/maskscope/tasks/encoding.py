"""Sequences of tokens as numbers: vocabularies, and encoded questions and answers."""

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
    """Tokens by number; one more number, after those of all tokens, marks the end of a sequence.

    Args:
        tokens: the tokens, all different, at most 255.
    """

    tokens: tuple[str, ...]

    @property
    def end(self) -> int:
        """The number that marks the end of a sequence; it also marks the start."""
        return len(self.tokens)

    @property
    def size(self) -> int:
        """How many numbers there are, the end included."""
        return len(self.tokens) + 1

    def words(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The tokens before the first end mark."""
        return tuple(self.tokens[number] for number in takewhile(lambda number: number != self.end, numbers))


@dataclass(frozen=True)
class Encoded:
    """Questions and answers as numbers; each is followed by the end mark and padded with it.

    Args:
        tokens: the tokens of the questions.
        lengths: the lengths of the questions, the end mark included.
        targets: the tokens of the answers.
        target_lengths: the lengths of the answers, the end mark included.
    """

    tokens: UInt8[Tensor, "n longest"]
    lengths: Int64[Tensor, " n"]
    targets: UInt8[Tensor, "n longest_answer"]
    target_lengths: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.lengths)

    def at(self, chosen: Int64[Tensor, " m"]) -> "Encoded":
        """The questions and answers at some indices."""
        return Encoded(self.tokens[chosen], self.lengths[chosen], self.targets[chosen], self.target_lengths[chosen])


def encode(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], read: Vocabulary, written: Vocabulary, what: str = "the data"
) -> Encoded:
    """Encodes questions and answers, which are sequences of tokens.

    Raises:
        DataError: there are no questions, or a token is not in the vocabulary; the message names it and its sequence.
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
