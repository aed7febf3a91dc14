"""Sequences that are answered with sequences; tokens on the device, cut to what a part needs."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.tasks.encoding import Encoded, Vocabulary
from maskscope.tasks.task import NOT_ASKED, Scores, Task, uniform_choice

# ends the name of the part of a test that the network was not trained on, and of a test of what a mask is sought with
UNSEEN, FOUND_WITH = "-unseen", "-train"
_ITEMS_AT_ONCE = 1_000
_COINS = 1 << 20


class SequencePart(NamedTuple):
    """Questions and answers of one call of the network.

    ``tokens`` and ``targets`` are cut or padded to one width each; targets behind an answer's end are `NOT_ASKED`. ``given`` says
    whether the network is shown the right answers so far, or reads its own.
    """

    tokens: Int64[Tensor, "n longest"]
    lengths: Int64[Tensor, " n"]
    targets: Int64[Tensor, "n steps"]
    asked: Int64[Tensor, " n"]
    given: bool


@dataclass(frozen=True)
class EvaluationSet:
    """Questions that networks are judged by.

    Args:
        data: the questions with their answers.
        items: how many there were before a sample was drawn.
        seen: how many of those the network was trained on.
        unseen: which of ``data`` it was not trained on; None where that is all of them.
        apart: whether the unseen ones are a function of their own.
    """

    data: Encoded
    items: int
    seen: int = 0
    unseen: Bool[Tensor, " n"] | None = None
    apart: bool = False

    @property
    def judged_unseen(self) -> int:
        """How many of ``data`` the network was not trained on."""
        return len(self.data) if self.unseen is None else int(self.unseen.sum())


class Example(NamedTuple):
    """A question of a test as a text, and the tokens of its answer."""

    test: str
    question: str
    answer: tuple[str, ...]
    seen: bool


class SequenceTask(Task):
    """Answering sequences with sequences; a function is the right answer to one set of questions.

    An answer is right when every token and the length are. Masks are sought for sets of training questions; accuracy is measured
    on tests, and where the network was trained on some of a test, also on the others alone (``NAME-unseen``).

    Networks are called as ``network(tokens, lengths, asked, answers)`` (`maskscope.zoo.SequenceLSTM`).

    Args:
        train: training questions by the name of the mask they are for; ``all``: what the network is trained on.
        tests: by name.
        read: the vocabulary of questions.
        written: the vocabulary of answers.
        joint: what stands between two tokens in a text.
        forcing: share of the parts in which the network is shown the right answers so far; in the others it reads its own.
        even: whether all parts are padded to the same width, so that the samples of a step can go in one call.
        device: where everything is.
    """

    def __init__(
        self,
        train: Mapping[str, Encoded],
        tests: Mapping[str, EvaluationSet],
        read: Vocabulary,
        written: Vocabulary,
        *,
        joint: str = "",
        forcing: float = 1.0,
        even: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        if self.whole not in train:
            raise ConfigError(f"Training questions under the name {self.whole!r} were expected; found {', '.join(train)}.")
        self.device, self.forcing, self.even = torch.device(device), forcing, even
        self.read, self.written, self.joint = read, written, joint
        self._train = {name: _on(data, self.device) for name, data in train.items()}
        self.tests = dict(tests)
        every = [*train.values(), *(test.data for test in tests.values())]
        self._widths = max(data.tokens.shape[1] for data in every), max(data.targets.shape[1] for data in every)
        # tests are gone through from the longest answer to the shortest, so that what is decided together ends together
        self._order = {name: test.data.target_lengths.argsort(descending=True, stable=True) for name, test in tests.items()}
        self._sorted = {name: _on(test.data.at(self._order[name]), self.device) for name, test in tests.items()}

    @property
    def functions(self) -> tuple[str, ...]:
        """The tests, and the unseen part of each that has one."""
        return tuple(name for test, one in self.tests.items() for name in ((test, f"{test}{UNSEEN}") if one.apart else (test,)))

    @property
    def sought(self) -> tuple[str, ...]:
        """See `Task.sought`: the sets of training questions."""
        return tuple(name for name in self._train if name != self.whole)

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of the two vocabularies."""
        return self.read.size, self.written.size

    @property
    def longest(self) -> int:
        """Tokens of the longest question or answer, the end included."""
        return max(self._widths)

    @property
    def evaluation_items(self) -> int:
        """How many questions an accuracy of all tests is over."""
        return sum(len(test.data) for test in self.tests.values())

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], SequencePart]:
        """See `Task.batches`."""
        self.require(function)
        data = self._train[function]
        choose, toss = uniform_choice(items, len(data), seed), uniform_choice(1, _COINS, seed + 1)

        def batch(index: int) -> SequencePart:
            given = bool(toss(index)[0] < self.forcing * _COINS)
            return self._part(data.at(choose(index).to(self.device)), given, self.even)

        return batch

    def _part(self, data: Encoded, given: bool, even: bool) -> SequencePart:
        longest, steps = self._widths if even else (int(data.lengths.max()), int(data.target_lengths.max()))
        tokens = _cut(data.tokens, longest, self.read.end)
        targets = _cut(data.targets, steps, self.written.end)
        ended = torch.arange(steps, device=self.device) >= data.target_lengths[:, None]
        return SequencePart(tokens, data.lengths, targets.masked_fill(ended, NOT_ASKED), data.target_lengths, given)

    def loss(self, network: nn.Module, part: SequencePart) -> Float[Tensor, ""]:
        """Cross-entropy, summed over the tokens of an answer and its end, averaged over questions."""
        answers = part.targets.masked_fill(part.targets == NOT_ASKED, self.written.end) if part.given else None
        scores = network(part.tokens, part.lengths, part.asked, answers)
        total = nn.functional.cross_entropy(
            scores.reshape(-1, scores.shape[-1]), part.targets.reshape(-1), ignore_index=NOT_ASKED, reduction="sum"
        )
        return total / len(part.targets)

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """Share of right answers on every test, the network reading its own answers; and on the unseen part of each."""
        accuracy = {}
        for name, test in self.tests.items():
            right = torch.empty(len(test.data), dtype=torch.bool)
            right[self._order[name]] = self._right(run, self._sorted[name]).cpu()
            accuracy[name] = float(right.double().mean())
            if test.apart and test.unseen is not None:
                accuracy[f"{name}{UNSEEN}"] = float(right[test.unseen].double().mean())
        return Scores(accuracy)

    def _right(self, run: Callable[..., Tensor], data: Encoded) -> Tensor:
        """Answers are asked for up to the end of the right one: whether they are equal is decided by then."""
        found = []
        for start in range(0, len(data), _ITEMS_AT_ONCE):
            part = self._part(
                data.at(torch.arange(start, min(start + _ITEMS_AT_ONCE, len(data)), device=self.device)), given=False, even=False
            )
            answers = run(part.tokens, part.lengths, part.asked).argmax(-1)
            found.append(((answers == part.targets) | (part.targets == NOT_ASKED)).all(1))
        return torch.cat(found)

    def examples(self, each: int, seed: int) -> list[tuple[Example, Encoded]]:
        """Some questions of every test, drawn at random; where part of a test was seen in training, half of them are unseen."""
        found = []
        for name, test in self.tests.items():
            random = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(test.data), generator=random)
            seen = torch.zeros(len(test.data), dtype=torch.bool) if test.unseen is None else ~test.unseen
            known, new = order[seen[order]], order[~seen[order]]
            few = min(len(known), each // 2)
            for place in [*new[: each - few].tolist(), *known[:few].tolist()]:
                one = test.data.at(torch.tensor([place]))
                question = self.joint.join(self.read.words(one.tokens[0].tolist()))
                found.append((Example(name, question, self.written.words(one.targets[0].tolist()), bool(seen[place])), one))
        return found

    def answers(self, run: Callable[..., Tensor], questions: Sequence[Encoded]) -> list[tuple[str, ...]]:
        """The tokens that a network answers, up to its own end or as many as the longest right answer has."""
        tokens = torch.cat([_cut(one.tokens, self._widths[0], self.read.end) for one in questions]).to(self.device)
        lengths = torch.cat([one.lengths for one in questions]).to(self.device)
        asked = torch.full_like(lengths, self._widths[1])
        written = run(tokens, lengths, asked).argmax(-1)
        return [self.written.words(row) for row in written.tolist()]

    def on_whole(self) -> "SequenceTask":
        """See `Task.on_whole`: the first test alone."""
        alone = copy(self)
        alone.tests = {name: test for name, test in self.tests.items() if name == next(iter(self.tests))}
        return alone


def sampled(test: EvaluationSet, items: int, seed: int) -> EvaluationSet:
    """A test of fewer questions, drawn without replacement; 0 or more than there are: the same test."""
    if not items or items >= len(test.data):
        return test
    chosen = torch.randperm(len(test.data), generator=torch.Generator().manual_seed(seed))[:items]
    return replace(test, data=test.data.at(chosen), unseen=None if test.unseen is None else test.unseen[chosen])


def _on(data: Encoded, device: torch.device) -> Encoded:
    moved: Any = (one.to(device) for one in (data.tokens, data.lengths, data.targets, data.target_lengths))
    return Encoded(*moved)


def _cut(tokens: Tensor, width: int, end: int) -> Tensor:
    """As int64, to a width: cut, or padded with ends."""
    return nn.functional.pad(tokens[:, :width].long(), (0, max(0, width - tokens.shape[1])), value=end)
