"""The same addition on two pairs of numbers, each with its own inputs and outputs.

Source: Csordás et al. 2021, section 3.1; the generator and the ways of showing the pairs are those of the authors' code.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from maskscope.errors import UnknownNameError
from maskscope.tasks.digits import (
    TRAIN,
    digits_of,
    every_pair,
    one_hot_digits,
    paper_random,
    require_digits,
    require_known,
    shuffled,
)
from maskscope.tasks.task import NOT_ASKED, Part, Scores, Task, uniform_choice

Mode = Literal["two_runs", "together", "only_one_io"]
PAIRS = 2
_STEPS_PER_PAIR = 3
_ITEMS_AT_ONCE = 4096
_MATCHING_SEED = 0


class DoubleAddition(Task):
    """(a + b) and (c + d) modulo 10^digits, for all a, b, c, d below 10^digits.

    Input: the digits of a, b, c, d, least significant first, each one-hot in 10 units. Output: the digits of both sums, 10
    scores each. For two digits these are 80 inputs and 40 outputs, half of them for each pair.

    The pairs are shown to the network in one of three modes:

    * ``two_runs``: the network is run once for each pair, with the inputs of the other pair at 0, and only the outputs of that
      pair are read. The pairs share neither inputs nor outputs nor activations.
    * ``together``: the network is run once with both pairs.
    * ``only_one_io``: the network reads a sequence of six steps; three show the first pair only, three the second. The first sum
      is read at step 3, the second at step 6. For networks that map sequences to sequences.

    A function is one of the two additions. In its training data, the inputs of the other pair are 0, and the loss ignores the
    other sum.

    Training data are drawn with replacement from a fixed set, generated as the authors do. Evaluation shows every value (a, b) of
    the first pair once, each with a random value (c, d) of the second, and every (c, d) once. In the mode ``two_runs``, where the
    pairs do not meet, accuracies are exact. Every value of each pair occurs in training: accuracy measures whether a function is
    kept, not whether it generalises.

    Args:
        digits: 1 to 3.
        train_items: size of the training set; 1,000,000 in the paper.
        mode: how the pairs are shown.
        device: the device of the tables of inputs and targets.
        dtype: the dtype of the inputs.
        relabelled: a seed for each pair whose sums are shuffled among its values, which makes it an arbitrary function. Both
            pairs get the same function if their seeds are equal.
    """

    def __init__(
        self,
        digits: int = 2,
        train_items: int = 1_000_000,
        mode: str = "two_runs",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        relabelled: Mapping[str, int] | None = None,
    ) -> None:
        require_digits(digits, train_items)
        if mode not in get_args(Mode):
            raise UnknownNameError("mode", mode, get_args(Mode))
        self.digits, self.modulus, self.train_items, self.mode = digits, 10**digits, train_items, mode
        self.device, self.dtype = torch.device(device), dtype
        a, b = every_pair(digits)
        self._hot = torch.cat([one_hot_digits(a, digits), one_hot_digits(b, digits)], dim=1).to(self.device)
        require_known(relabelled or {}, self.functions)
        sums, seeds = digits_of((a + b) % self.modulus, digits), [(relabelled or {}).get(name) for name in self.functions]
        self._sums = torch.stack([shuffled(sums, seed) for seed in seeds]).to(self.device)

    @property
    def functions(self) -> tuple[str, ...]:
        """The addition of each pair."""
        return ("pair-1", "pair-2")

    @property
    def sizes(self) -> tuple[int, int]:
        """80 and 40 for two digits."""
        return 40 * self.digits, 20 * self.digits

    @property
    def evaluation_items(self) -> int:
        """The number of values of a pair; twice that for ``two_runs``, where each pair is shown alone."""
        return (PAIRS if self.mode == "two_runs" else 1) * len(self._everything)

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Part]:
        """See `Task.batches`. With ``two_runs``, an item for both functions takes two rows, one for each pair."""
        self.require(function)
        places = self._places(function)
        choose = uniform_choice(items, self.train_items, seed)

        def batch(index: int) -> Part:
            return self._show(self._train[choose(index)].to(self.device), places)

        return batch

    def loss(self, network: nn.Module, part: Part) -> Float[Tensor, ""]:
        """Cross-entropy, averaged over items and over the digits that are not `NOT_ASKED`."""
        scores = network(part.inputs)
        return nn.functional.cross_entropy(scores.reshape(-1, 10), part.targets.reshape(-1), ignore_index=NOT_ASKED)

    def score(self, run: Callable[[Tensor], Tensor]) -> Scores:
        """Accuracy by pair (all digits of its sum right), with both pairs shown, and the confusion of pairs.

        Confusion: a row for each pair says how often, in percent, the answer is its own sum, the sum of the other pair, or
        neither ("none").
        """
        everything = self._everything
        answers = torch.cat([self._answers(run, piece) for piece in torch.split(everything, _ITEMS_AT_ONCE)])
        truth = self._truth(everything)
        accuracy, confusion = {}, {}
        for place, name in enumerate(self.functions):
            hits = {other: (answers[:, place] == truth[:, which]).all(-1) for which, other in enumerate(self.functions)}
            none = ~torch.stack(list(hits.values())).any(0)
            accuracy[name] = float(hits[name].double().mean())
            confusion[name] = {other: 100 * float(hit.double().mean()) for other, hit in {**hits, "none": none}.items()}
        return Scores(accuracy, confusion)

    def paper_items(self, part: int, items: int) -> Int64[Tensor, "items pairs"]:
        """The items of the authors' generator: for each pair, the row a * M + b of the tables. The first pair is drawn first."""
        random = paper_random(part)
        pairs = [torch.from_numpy(random.randint(0, self.modulus, (items, 2))) for _ in range(PAIRS)]
        return torch.stack([pair[:, 0] * self.modulus + pair[:, 1] for pair in pairs], dim=1)

    @cached_property
    def _train(self) -> Int64[Tensor, "items pairs"]:
        return self.paper_items(TRAIN, self.train_items)

    @cached_property
    def _everything(self) -> Int64[Tensor, "items pairs"]:
        values = torch.arange(self.modulus**2)
        return torch.stack([values, shuffled(values, _MATCHING_SEED)], dim=1).to(self.device)

    def _truth(self, chosen: Int64[Tensor, "items pairs"]) -> Int64[Tensor, "items pairs digits"]:
        return torch.stack([self._sums[place, chosen[:, place]] for place in range(PAIRS)], dim=1)

    def _places(self, function: str) -> tuple[int, ...]:
        return tuple(range(PAIRS)) if function == self.whole else (self.functions.index(function),)

    def _answers(
        self, run: Callable[[Tensor], Tensor], chosen: Int64[Tensor, "items pairs"]
    ) -> Int64[Tensor, "items pairs digits"]:
        scores = run(self._show(chosen, tuple(range(PAIRS))).inputs)
        best: Tensor = scores.unflatten(-1, (PAIRS, self.digits, 10)).argmax(-1)
        if self.mode == "two_runs":
            runs = best.unflatten(0, (PAIRS, len(chosen)))
            return torch.stack([runs[place, :, place] for place in range(PAIRS)], dim=1)
        if self.mode == "only_one_io":
            return torch.stack([best[:, _read_at(place), place] for place in range(PAIRS)], dim=1)
        return best

    def _show(self, chosen: Int64[Tensor, "items pairs"], places: tuple[int, ...]) -> Part:
        """Inputs that show only some pairs, and targets that ask only for their sums."""
        items = len(chosen)
        if self.mode == "two_runs":
            each = [self._only(chosen, (place,)) for place in places]
            return Part(torch.cat([part.inputs for part in each]), torch.cat([part.targets for part in each]))
        if self.mode == "together":
            return self._only(chosen, places)
        steps = PAIRS * _STEPS_PER_PAIR
        inputs = torch.zeros(items, steps, self.sizes[0], dtype=self.dtype, device=self.device)
        targets = torch.full((items, steps, PAIRS * self.digits), NOT_ASKED, device=self.device)
        for place in places:
            alone = self._only(chosen, (place,))
            inputs[:, place * _STEPS_PER_PAIR : (place + 1) * _STEPS_PER_PAIR] = alone.inputs[:, None]
            targets[:, _read_at(place)] = alone.targets
        return Part(inputs, targets)

    def _only(self, chosen: Int64[Tensor, "items pairs"], places: tuple[int, ...]) -> Part:
        hot, sums = self._hot[chosen].to(self.dtype), self._truth(chosen)
        asked = torch.zeros(PAIRS, 1, dtype=torch.bool, device=self.device)
        asked[list(places)] = True
        return Part((hot * asked).flatten(1), torch.where(asked, sums, NOT_ASKED).flatten(1))


def _read_at(place: int) -> int:
    """The step at which the sum of a pair is read."""
    return (place + 1) * _STEPS_PER_PAIR - 1
