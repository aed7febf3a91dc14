"""Tasks that map sequences to sequences (questions to answers); tokens are on the device, cut to the width of each part."""

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

# suffixes of names: for the questions of a test that the network was not trained on, and for a test on a mask's training data
UNSEEN, FOUND_WITH = "-unseen", "-train"
_ITEMS_AT_ONCE = 1_000
_COINS = 1 << 20


class SequencePart(NamedTuple):
    """Questions and answers for one call of the network.

    ``tokens`` and ``targets`` are each cut or padded to one width; targets after the end of an answer are `NOT_ASKED`. ``given``
    says whether the network reads the right tokens of the answer (teacher forcing) or its own.
    """

    tokens: Int64[Tensor, "n longest"]
    lengths: Int64[Tensor, " n"]
    targets: Int64[Tensor, "n steps"]
    asked: Int64[Tensor, " n"]
    given: bool


@dataclass(frozen=True)
class EvaluationSet:
    """A test: questions on which the accuracy of networks is measured.

    Args:
        data: the questions with their answers.
        items: the number of questions before a sample was drawn.
        seen: how many of these the network was trained on.
        unseen: for each question in ``data``, whether the network was not trained on it; None if it was trained on none.
        apart: whether the unseen questions are also a function of their own.
    """

    data: Encoded
    items: int
    seen: int = 0
    unseen: Bool[Tensor, " n"] | None = None
    apart: bool = False

    @property
    def judged_unseen(self) -> int:
        """How many questions in ``data`` the network was not trained on."""
        return len(self.data) if self.unseen is None else int(self.unseen.sum())


class Example(NamedTuple):
    """A question of a test as text, with the tokens of its right answer; ``seen`` says if it was a training question."""

    test: str
    question: str
    answer: tuple[str, ...]
    seen: bool


class SequenceTask(Task):
    """A task that answers sequences with sequences; a function is to answer the questions of one test.

    An answer is right if its length and all its tokens are right. Masks are found for sets of training questions. Accuracy is
    measured on tests; if some questions of a test were training questions, also on the others alone (``NAME-unseen``).

    Networks are called as ``network(tokens, lengths, asked, answers)`` (`maskscope.zoo.SequenceLSTM`).

    Args:
        train: training questions by the name of the mask that they are for; those under ``all`` train the network.
        tests: the tests by name.
        read: the vocabulary of questions.
        written: the vocabulary of answers.
        joint: the separator of tokens in a text.
        forcing: share of the parts with teacher forcing; in the others the network reads its own answers.
        even: whether all parts are padded to the same width, so that the samples of a step can be run in one call.
        device: the device of the training questions and the tests.
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
        # tests are sorted by the length of the answers, longest first, so that the answers of one batch have similar lengths
        self._order = {name: test.data.target_lengths.argsort(descending=True, stable=True) for name, test in tests.items()}
        self._sorted = {name: _on(test.data.at(self._order[name]), self.device) for name, test in tests.items()}

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the tests, and ``NAME-unseen`` for each test with ``apart``."""
        return tuple(name for test, one in self.tests.items() for name in ((test, f"{test}{UNSEEN}") if one.apart else (test,)))

    @property
    def mask_targets(self) -> tuple[str, ...]:
        """See `Task.mask_targets`: the names of the sets of training questions."""
        return tuple(name for name in self._train if name != self.whole)

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of the two vocabularies."""
        return self.read.size, self.written.size

    @property
    def longest(self) -> int:
        """The number of tokens of the longest question or answer, the end mark included."""
        return max(self._widths)

    @property
    def evaluation_items(self) -> int:
        """The number of questions of all tests."""
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
        """Cross-entropy, summed over the tokens of an answer and its end mark, averaged over questions."""
        answers = part.targets.masked_fill(part.targets == NOT_ASKED, self.written.end) if part.given else None
        scores = network(part.tokens, part.lengths, part.asked, answers)
        total = nn.functional.cross_entropy(
            scores.reshape(-1, scores.shape[-1]), part.targets.reshape(-1), ignore_index=NOT_ASKED, reduction="sum"
        )
        return total / len(part.targets)

    def score(self, run: Callable[..., Tensor]) -> Scores:
        """The share of right answers on every test and on its unseen questions; the network reads its own answers."""
        accuracy = {}
        for name, test in self.tests.items():
            right = torch.empty(len(test.data), dtype=torch.bool)
            right[self._order[name]] = self._right(run, self._sorted[name]).cpu()
            accuracy[name] = float(right.double().mean())
            if test.apart and test.unseen is not None:
                accuracy[f"{name}{UNSEEN}"] = float(right[test.unseen].double().mean())
        return Scores(accuracy)

    def _right(self, run: Callable[..., Tensor], data: Encoded) -> Tensor:
        """Whether each answer is right. Answers are generated up to the length of the right answer: that is enough to decide."""
        found = []
        for start in range(0, len(data), _ITEMS_AT_ONCE):
            part = self._part(
                data.at(torch.arange(start, min(start + _ITEMS_AT_ONCE, len(data)), device=self.device)), given=False, even=False
            )
            answers = run(part.tokens, part.lengths, part.asked).argmax(-1)
            found.append(((answers == part.targets) | (part.targets == NOT_ASKED)).all(1))
        return torch.cat(found)

    def examples(self, each: int, seed: int) -> list[tuple[Example, Encoded]]:
        """Random questions of every test, ``each`` of them; up to half are training questions if the test has such questions."""
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
        """The tokens of a network's answers, up to its own end mark, at most as many as the longest right answer has."""
        tokens = torch.cat([_cut(one.tokens, self._widths[0], self.read.end) for one in questions]).to(self.device)
        lengths = torch.cat([one.lengths for one in questions]).to(self.device)
        asked = torch.full_like(lengths, self._widths[1])
        written = run(tokens, lengths, asked).argmax(-1)
        return [self.written.words(row) for row in written.tolist()]

    def on_whole(self) -> "SequenceTask":
        """See `Task.on_whole`: only the first test."""
        alone = copy(self)
        alone.tests = {name: test for name, test in self.tests.items() if name == next(iter(self.tests))}
        return alone


def sampled(test: EvaluationSet, items: int, seed: int) -> EvaluationSet:
    """A test with a random sample of ``items`` questions; the same test if ``items`` is 0 or the test has no more questions."""
    if not items or items >= len(test.data):
        return test
    chosen = torch.randperm(len(test.data), generator=torch.Generator().manual_seed(seed))[:items]
    return replace(test, data=test.data.at(chosen), unseen=None if test.unseen is None else test.unseen[chosen])


def _on(data: Encoded, device: torch.device) -> Encoded:
    moved: Any = (one.to(device) for one in (data.tokens, data.lengths, data.targets, data.target_lengths))
    return Encoded(*moved)


def _cut(tokens: Tensor, width: int, end: int) -> Tensor:
    """The tokens as int64, cut to a width or padded to it with end marks."""
    return nn.functional.pad(tokens[:, :width].long(), (0, max(0, width - tokens.shape[1])), value=end)
