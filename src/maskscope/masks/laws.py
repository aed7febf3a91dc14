"""What must hold before a search means anything, asked of the network, the loss and the first parts of the data.

    1. with every weight kept, the loss is that of the untouched network
    2. the same call twice gives the same answer
    3. a gradient leads back to every selected tensor, through its masked copy
    4. with every weight off, the loss is that of a network whose selected weights are zero
    5. afterwards the network is what it was: parameters, buffers, gradients, attributes, modes

Most networks obey. One that does not would be given a mask that is wrong without a word: it keeps something from call to call, or
uses a weight where no mask reaches. The cost is that of three steps of the search and of two calls of a copy of the network.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import GuestError
from maskscope.masks.call import call_with
from maskscope.masks.copying import copy_network
from maskscope.masks.executors.executor import Executor
from maskscope.masks.gradient import Loss, scalar_loss
from maskscope.masks.guest import Belongings
from maskscope.masks.kernels import SAMPLES_PER_GROUP
from maskscope.masks.logits import MaskLogits
from maskscope.masks.parts import PartCopies
from maskscope.masks.randomness import Randomness
from maskscope.masks.tensor_state import TensorState
from maskscope.masks.twin import twin_of

# Every gate is open, or closed: beyond the ends of the table of keep probabilities (`kernels.threshold`).
_OPEN, _CLOSED = 100.0, -100.0
# Two ways to the same number differ in their last bits, most where copies of the weights are of low precision.
_ROUNDING = {torch.float64: 1e-5, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}
# Of one way taken twice, a hundredth of that: accelerators add up in changing order.
_AGAIN = 1e-2
_LEAVE_OUT = "check=False leaves this check out."


def check_guest(
    network: nn.Module, loss: Loss, executor: Executor, logits: Sequence[MaskLogits], parts: Sequence[Sequence[Any]]
) -> None:
    """Asks the five laws, on the first group of samples of the first step.

    Args:
        network: the guest, in the mode in which it is searched.
        loss: ``loss(network, part)``.
        executor: that is going to run the steps. The gradients that it adds up are to be thrown away by the caller.
        logits: of its masks; changed meanwhile, and put back.
        parts: of the first step, for each mask as many as a group has samples.

    Raises:
        GuestError: a law is broken; says which, by how much, what the reason may be and what to do.
        LossError: the loss is no scalar.
    """
    inquiry = _Inquiry(network, loss, executor, logits, parts)
    with inquiry.start.kept():
        faults = inquiry.faults()
    if faults:
        raise GuestError(
            f"Under a mask this {type(network).__name__} would not be the network that it is, so a mask would mean nothing:\n  "
            + "\n  ".join(faults)
            + f"\n{_LEAVE_OUT} What a network and a loss may do: docs/guests.md."
        )


class _Inquiry:
    def __init__(
        self, network: nn.Module, loss: Loss, executor: Executor, logits: Sequence[MaskLogits], parts: Sequence[Sequence[Any]]
    ) -> None:
        self._network, self._loss, self._executor, self._logits, self._parts = network, loss, executor, logits, parts
        self.start = Randomness(next(iter(executor.units.values())).device)
        dtypes = {unit.dtype for unit in executor.units.values()}
        self._rounding = max(_ROUNDING.get(dtype, _ROUNDING[torch.bfloat16]) for dtype in dtypes)

    def faults(self) -> list[str]:
        before = _Portrait(self._network)
        whole = self._loss_of(keep=True)
        first, second = self._losses(_OPEN), self._losses(_OPEN)
        unreached = [name for name, unit in self._executor.units.items() if not unit.takes]
        try:
            nothing = self._loss_of(keep=False)
        except Exception:  # a network of zeros need not be fit for the loss, and then is not asked for it
            nothing = []
        closed = self._losses(_CLOSED)[: len(nothing)] if nothing else []
        size = max((abs(value) for value in (*whole, *nothing) if math.isfinite(value)), default=1.0)
        return [
            *_differing(first, whole, self._rounding * size, _FULL),
            *_differing(second, first, _AGAIN * self._rounding * size, _TWICE),
            *([_UNREACHED.format(", ".join(unreached))] if unreached else []),
            *_differing(closed, nothing, self._rounding * size, _EMPTY),
            *before.differences(),
        ]

    def _loss_of(self, keep: bool) -> list[float]:
        """The loss on the first part of each mask, of a copy of the network that is called as it is.

        A network that cannot be copied is called as a guest: a fault of the guest call itself is then not seen. Where random
        numbers are drawn, only the first mask's loss is told: the executor comes to the others with other draws.

        Args:
            keep: whether the copy has the network's weights, or zeros where they are selected.
        """
        found: list[float] = []
        for mine in self._parts:
            self.start.put_back()
            with torch.enable_grad(), self._executor.precision():
                value = self._loss_with(self._weights(keep), _fresh(mine[0]))
            found.append(float(scalar_loss(value).detach()))
            if self.start.has_moved():
                return found[:1]
        return found

    def _loss_with(self, weights: Mapping[str, Tensor], part: Any) -> Any:
        try:
            copied = copy_network(self._network)
        except GuestError:
            return call_with(self._network, weights, lambda guest: self._loss(guest, part))
        with torch.no_grad():
            for name, weight in weights.items():
                copied.get_parameter(name).copy_(weight)
        shared = Belongings(self._network)  # hooks of the copy fill the same lists
        try:
            with twin_of(self._network):  # a loss that calls it, and not what it is given, is told so
                return self._loss(copied, part)
        finally:
            if not shared.changes(self._network):  # else the fifth law has something to say
                shared.restore()

    def _weights(self, keep: bool) -> dict[str, Tensor]:
        parameters = dict(self._network.named_parameters())
        selected = {name: parameters[name].detach() for name in self._executor.units}
        return {name: weight.clone() if keep else torch.zeros_like(weight) for name, weight in selected.items()}

    def _losses(self, logit: float) -> list[float]:
        """The same under masks that keep every weight, or none, as a step computes it."""
        before = [mine.flat.detach().clone() for mine in self._logits]
        self.start.put_back()
        size = min(len(self._parts[0]), SAMPLES_PER_GROUP)
        try:
            with torch.no_grad():
                for mine in self._logits:
                    mine.flat.fill_(logit)
            for unit in self._executor.units.values():
                unit.begin(0, 0, size, 1.0)
            losses = self._executor.run([[_fresh(part) for part in mine[:size]] for mine in self._parts])
        finally:
            with torch.no_grad():
                for mine, value in zip(self._logits, before, strict=True):
                    mine.flat.copy_(value)
        return [float(value) for value in losses[:, 0]]


def _differing(found: Sequence[float], expected: Sequence[float], tolerance: float, words: str) -> list[str]:
    for mine, its in zip(found, expected, strict=False):  # where random numbers are drawn only the first are known
        same = (math.isnan(mine) and math.isnan(its)) or mine == its or abs(mine - its) <= tolerance
        if not same:
            return [words.format(mine, its)]
    return []


_FULL = (
    "With every weight kept the loss is {:.6g}, that of the untouched network {:.6g}. Does the loss use another network than its "
    "first argument, or the network a state that is not in its own attributes?"
)
_TWICE = (
    "The same call twice gives a loss of {:.6g} and of {:.6g}. Something is kept from call to call where it cannot be put back, "
    "in an object that the network or the loss holds, say; or random numbers come from a generator of the loss's own: draw them "
    "from torch's, or put them into the data."
)
_UNREACHED = (
    "No gradient leads from the loss to {}. Are these tensors used in eval mode and on these data? Exclude those that are not: "
    "select(network, exclude=[...]). A tensor that is used, but through a copy made earlier, a compiled or a sharded wrapper, "
    "cannot be masked as it is."
)
_EMPTY = (
    "With every selected weight off the loss is {:.6g}, that of a network whose selected weights are zero {:.6g}. A selected "
    "weight is used where no mask reaches, through another reference, a copy made earlier, a compiled or a sharded wrapper: let "
    "the network read it from its module, or exclude it. Or the loss uses a part of the network itself: let it use that part of "
    "its first argument."
)


class _Portrait:
    """A network as it is before the inquiry."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self._belongings, self._tensors = network, Belongings(network), TensorState(network)
        self._gradients = [(name, parameter, parameter.grad) for name, parameter in network.named_parameters()]

    def differences(self) -> list[str]:
        """What is no longer as it was, in words; it is put back."""
        changed = self._tensors.changed()
        changed += [f"{name}.grad" for name, parameter, gradient in self._gradients if parameter.grad is not gradient]
        changed += self._belongings.changes(self._network)
        if not changed:
            return []
        self._belongings.restore()
        self._tensors.restore()
        for _, parameter, gradient in self._gradients:
            parameter.grad = gradient
        return [
            f"After a call these are not what they were: {', '.join(dict.fromkeys(changed))}. A call writes into them by a way "
            "that is not the module's attributes, such as an object or a function that holds them. They have been put back."
        ]


def _fresh(part: Any) -> Any:
    """A copy of a part, lest what a loss does to its data reach the next call."""
    return PartCopies().copied(part)
