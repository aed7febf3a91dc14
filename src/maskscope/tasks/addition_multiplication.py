"""Addition and multiplication modulo a power of ten: one network does both, one operation for each input.

Source: Csordás et al. 2021, section 3.1; the generator is that of the authors' code (spec: experiments, 2.1).
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from maskscope.errors import ConfigError
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
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

_ITEMS_AT_ONCE = 4096


class AdditionMultiplication(Task):
    """(a + b) or (a * b) modulo 10^digits, for all a, b below 10^digits.

    Input: the digits of a, then those of b, *least significant first*, each one-hot in 10 units; then the operation one-hot (add,
    mul). Output: the digits of the result, least significant first, 10 scores each. For two digits 42 inputs, 20 outputs.

    Training data are drawn with replacement from a fixed set, generated as the authors do. Evaluation is on all possible inputs
    (20,000 for two digits), once each, so accuracies are exact. All of them occur in the training set: accuracy measures whether
    a function is kept, not whether it generalises.

    Args:
        digits: 1 to 3.
        train_items: size of the training set; 1,000,000 in the paper.
        device: the device of the tables of inputs and targets.
        dtype: the dtype of the inputs.
        relabelled: a seed for each operation whose results are shuffled among its inputs, which makes it an arbitrary function.
    """

    def __init__(
        self,
        digits: int = 2,
        train_items: int = 1_000_000,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        relabelled: Mapping[str, int] | None = None,
    ) -> None:
        require_digits(digits, train_items)
        self.digits, self.modulus, self.train_items = digits, 10**digits, train_items
        self.device, self.dtype = torch.device(device), dtype
        self._inputs, self._targets = (table.to(self.device) for table in self._tables(relabelled or {}))

    @property
    def functions(self) -> tuple[str, ...]:
        """Addition and multiplication."""
        return ("add", "mul")

    @property
    def sizes(self) -> tuple[int, int]:
        """42 and 20 for two digits."""
        return 20 * self.digits + 2, 10 * self.digits

    @property
    def evaluation_items(self) -> int:
        """Every input."""
        return len(self._inputs)

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Part]:
        """See `Task.batches`."""
        self.require(function)
        operations = self._train // self.modulus**2
        pool = self._train if function == self.whole else self._train[operations == self.functions.index(function)]
        if not len(pool):
            raise ConfigError(f"None of the {self.train_items} training items is {function!r}; take more train_items.")
        choose = uniform_choice(items, len(pool), seed)

        def batch(index: int) -> Part:
            chosen = pool[choose(index)].to(self.device)
            return Part(self._inputs[chosen].to(self.dtype), self._targets[chosen])

        return batch

    def loss(self, network: nn.Module, part: Part) -> Float[Tensor, ""]:
        """Cross-entropy, averaged over items and digits."""
        scores = network(part.inputs)
        return nn.functional.cross_entropy(scores.view(-1, 10), part.targets.view(-1))

    def score(self, run: Callable[[Tensor], Tensor]) -> Scores:
        """Accuracy by operation (all digits right), and the confusion of operations; exact, over all inputs.

        Confusion: a row for each true operation says how often, in percent, the answer is a + b, a * b, or neither ("none"). If
        both results are equal (0.40 % of pairs), the answer counts in both columns, so a row may sum to a little over 100.
        """
        pieces = [run(piece.to(self.dtype)) for piece in torch.split(self._inputs, _ITEMS_AT_ONCE)]
        answers = torch.cat(pieces).view(-1, self.digits, 10).argmax(-1)
        pairs = self.modulus**2
        results = dict(zip(self.functions, torch.split(self._targets, pairs), strict=True))
        accuracy, confusion = {}, {}
        for name, answer in zip(self.functions, torch.split(answers, pairs), strict=True):
            hits = {other: (answer == result).all(-1) for other, result in results.items()}
            accuracy[name] = float(hits[name].double().mean())
            none = ~torch.stack(list(hits.values())).any(0)
            confusion[name] = {other: 100 * float(hit.double().mean()) for other, hit in {**hits, "none": none}.items()}
        return Scores(accuracy, confusion)

    def paper_items(self, part: int, items: int) -> Int64[Tensor, " items"]:
        """The items of the authors' generator, as rows of the tables: operation * M^2 + a * M + b.

        Args:
            part: `TRAIN`, `TEST` or `VALIDATION`; added to the authors' seed.
            items: the number of items; the authors use 1,000,000 for training and 10,000 for the others.
        """
        random = paper_random(part)
        arguments = random.randint(0, self.modulus, (items, 2))
        operation = random.randint(0, len(self.functions), items)
        return torch.from_numpy((operation * self.modulus + arguments[:, 0]) * self.modulus + arguments[:, 1])

    @cached_property
    def _train(self) -> Int64[Tensor, " items"]:
        return self.paper_items(TRAIN, self.train_items)

    def _tables(self, relabelled: Mapping[str, int]) -> tuple[UInt8[Tensor, "all inputs"], Int64[Tensor, "all digits"]]:
        """Inputs and target digits of every (operation, a, b), in that order."""
        a, b = every_pair(self.digits)
        hot = torch.cat([one_hot_digits(a, self.digits), one_hot_digits(b, self.digits)], dim=1)
        inputs = []
        for operation in range(len(self.functions)):
            which = torch.zeros(len(a), len(self.functions), dtype=torch.uint8)
            which[:, operation] = 1
            inputs.append(torch.cat([hot, which], dim=1))
        results = [digits_of(result % self.modulus, self.digits) for result in (a + b, a * b)]
        require_known(relabelled, self.functions)
        seeds = [relabelled.get(operation) for operation in self.functions]
        return torch.cat(inputs), torch.cat([shuffled(*each) for each in zip(results, seeds, strict=True)])
