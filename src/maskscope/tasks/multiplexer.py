"""Multiplexers: Boolean functions so small that a network for them can be built by hand, with known (planted) modules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.tasks.bit_forms import Form, as_vector
from maskscope.tasks.task import NOT_ASKED, Part, Scores, Task, uniform_choice

_MOST_INPUTS = 16


@dataclass(frozen=True)
class Switch:
    """One function of bits: (x[p] xor x[q]) ? x[if_different] : x[if_equal].

    Args:
        selectors: the indices p and q of the two selector bits.
        if_different: the index of the bit that is the result if the selectors differ.
        if_equal: the index of the bit that is the result if they are equal.
    """

    selectors: tuple[int, int]
    if_different: int
    if_equal: int

    @property
    def places(self) -> tuple[int, int, int, int]:
        """The indices of all bits that the function depends on."""
        return (*self.selectors, self.if_different, self.if_equal)


# A and B share their selectors, C shares nothing with them; six inputs are not used.
SHARED_TRUNK = {"A": Switch((0, 1), 2, 3), "B": Switch((0, 1), 4, 5), "C": Switch((6, 7), 8, 9)}
# Each function depends on its own half of the inputs.
HALVES = {"left": Switch((0, 1), 2, 3), "right": Switch((8, 9), 10, 11)}
# Of eight bits: A and B share their selectors and one of their two results; C shares only a bit of the input with A.
SHARED_TRUNK_OF_8 = {"A": Switch((0, 1), 2, 3), "B": Switch((0, 1), 2, 4), "C": Switch((5, 6), 7, 3)}


class Multiplexers(Task):
    """Several multiplexers over the same bits, each with two output units of its own.

    Input: the bits, -1 or +1, in the form that the network reads. Output: for each function, in order, the scores of 0 and of 1;
    of a network that answers at every step of a sequence, those of the last step. Evaluation is on all possible inputs (65,536
    for 16 bits), so accuracies are exact.

    Args:
        switches: the functions by name.
        inputs: the number of bits, at most 16.
        form: how bits are shown; by default as a vector, one unit for each bit.

    Raises:
        ConfigError: no function, an index that is out of range or used twice in one function, or too many inputs.
    """

    whole = "all"

    def __init__(self, switches: Mapping[str, Switch], inputs: int = 16, form: Form = as_vector) -> None:
        faults = [] if switches else ["no function was given"]
        if not 1 <= inputs <= _MOST_INPUTS:
            faults.append(f"inputs is {inputs}; a number from 1 to {_MOST_INPUTS} was expected, for every input is tried")
        for name, switch in switches.items():
            if len(set(switch.places)) < 4 or not all(0 <= place < inputs for place in switch.places):
                faults.append(f"{name} looks at {switch.places}; four different places below {inputs} were expected")
        if faults:
            raise ConfigError("These multiplexers cannot be made:\n  " + "\n  ".join(faults))
        self.switches, self.inputs, self.form = dict(switches), inputs, form
        bits = torch.arange(1 << inputs).unsqueeze(1) >> torch.arange(inputs) & 1
        shown = form((2 * bits - 1).to(torch.float32))
        self._inputs = shown.flatten(0, 1)
        self._targets = torch.stack([_targets(switch, bits) for switch in self.switches.values()], dim=1).repeat(len(shown), 1)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the multiplexers."""
        return tuple(self.switches)

    @property
    def sizes(self) -> tuple[int, int]:
        """One input for each bit; two outputs for each function."""
        return self.inputs, 2 * len(self.switches)

    @property
    def evaluation_items(self) -> int:
        """Every input."""
        return len(self._inputs)

    def batches(self, function: str, items: int, seed: int) -> Callable[[int], Part]:
        """See `Task.batches`; the bits are uniform."""
        self.require(function)
        choose = uniform_choice(items, len(self._inputs), seed)

        def batch(index: int) -> Part:
            chosen = choose(index)
            return self.only(function, Part(self._inputs[chosen], self._targets[chosen]))

        return batch

    def among(self, functions: Iterable[str]) -> "Multiplexers":
        """The task of some of the functions alone."""
        return Multiplexers({name: self.switches[name] for name in functions}, self.inputs, self.form)

    def every_input(self, function: str) -> Part:
        """All possible inputs, once each, with the targets of one function or of all."""
        return self.only(function, Part(self._inputs, self._targets))

    def relevant_inputs(self, function: str) -> Part:
        """The inputs with all values of the bits that the function depends on, shown in every way; all other bits are -1.

        They can only show that a network computes the function if the network depends on no other bits.
        """
        self.require(function)
        places = [
            1 << place for name, switch in self.switches.items() if function in (name, self.whole) for place in switch.places
        ]
        rows = torch.arange(len(self._inputs))
        rows = rows[rows % (1 << self.inputs) & ~sum(set(places)) == 0]
        return self.only(function, Part(self._inputs[rows], self._targets[rows]))

    def only(self, function: str, part: Part) -> Part:
        """The same part, but with the targets of one function only."""
        self.require(function)
        if function == self.whole:
            return part
        column = self.functions.index(function)
        targets = torch.full_like(part.targets, NOT_ASKED)
        targets[:, column] = part.targets[:, column]
        return Part(part.inputs, targets)

    def loss(self, network: nn.Module, part: Part) -> Float[Tensor, ""]:
        """Cross-entropy over the two scores of each function that the part asks for."""
        scores = _at_the_end(network(part.inputs)).reshape(-1, 2)
        return nn.functional.cross_entropy(scores, part.targets.reshape(-1), ignore_index=NOT_ASKED)

    def score(self, run: Callable[[Tensor], Tensor]) -> Scores:
        """Accuracy by function, exact, over all inputs."""
        right = self.right(run(self._inputs), self._targets)
        return Scores(dict(zip(self.functions, right.double().mean(0).tolist(), strict=True)))

    def right(self, scores: Float[Tensor, "items *steps outputs"], targets: Int64[Tensor, "items functions"]) -> Tensor:
        """For each item and function, whether the score of the target is above the other score; a tie is wrong."""
        zero, one = _at_the_end(scores).reshape(len(scores), -1, 2).unbind(2)
        return torch.where(targets == 1, one > zero, zero > one)


def _at_the_end(scores: Float[Tensor, "items *steps outputs"]) -> Float[Tensor, "items outputs"]:
    return scores[:, -1] if scores.dim() == 3 else scores


def _targets(switch: Switch, bits: Int64[Tensor, "items inputs"]) -> Int64[Tensor, " items"]:
    p, q = switch.selectors
    return torch.where(bits[:, p] != bits[:, q], bits[:, switch.if_different], bits[:, switch.if_equal])
