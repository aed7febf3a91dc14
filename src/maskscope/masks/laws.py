"""Checks before a search that masking works on this network, with this loss, on the first parts of the data: five laws.

    1. if every weight is kept, the loss is that of the unmasked network
    2. the same call twice gives the same loss
    3. every selected tensor gets a gradient from the loss, through its masked copy
    4. if no selected weight is kept, the loss is that of a network whose selected weights are off: zero, or their off-values
    5. after a call the network is unchanged: parameters, buffers, gradients, attributes, modes

Most networks obey them. If one does not, because it keeps state between calls or uses a weight that the mask does not reach, the
search would return a wrong mask without an error. The check costs three steps of the search and two calls of a copy of the
network.
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
from maskscope.masks.gradient import scalar_loss
from maskscope.masks.guest import Belongings
from maskscope.masks.kernels import SAMPLES_PER_GROUP
from maskscope.masks.logits import MaskLogits
from maskscope.masks.parts import PartCopies
from maskscope.masks.randomness import Randomness
from maskscope.masks.tensor_state import TensorState
from maskscope.masks.twin import twin_of

# Logits that open, or close, every gate: they are beyond the ends of the table of keep probabilities (`kernels.threshold`), and
# far out at any temperature of a soft gate.
_OPEN, _CLOSED = 1e30, -1e30
# The relative difference allowed between two ways to compute the same loss, by the dtype of the masked copies.
_ROUNDING = {torch.float64: 1e-5, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}
# The same computation twice may differ by a hundredth of that: accelerators add numbers in varying order.
_AGAIN = 1e-2
_LEAVE_OUT = "check=False leaves this check out."


def check_guest(
    executor: Executor,
    logits: Sequence[MaskLogits],
    parts: Sequence[Sequence[Any]],
    *,
    may_be_unused: bool = False,
) -> None:
    """Checks the five laws on the first group of samples of the first step.

    Args:
        executor: the executor that will run the steps, with the networks in the mode of the search. The caller must discard the
            gradients that it adds up here.
        logits: the logits of its masks; they are changed during the check and restored.
        parts: the data of the first step: for each mask, one part for each sample of a group.
        may_be_unused: whether a selected tensor may be without gradient, so that law 3 is not asked.

    Raises:
        GuestError: a law is broken; the message says which one, by how much, the possible reasons and what to do.
        LossError: the loss is not a scalar.
    """
    check = _Check(executor, logits, parts, may_be_unused)
    with check.start.kept():
        faults = check.faults()
    if faults:
        raise GuestError(
            f"Masking does not work with this {type(executor.networks[0]).__name__}, so a mask would have no meaning:\n  "
            + "\n  ".join(faults)
            + f"\n{_LEAVE_OUT} What a network and a loss may do: docs/guests.md."
        )


class _Check:
    def __init__(
        self,
        executor: Executor,
        logits: Sequence[MaskLogits],
        parts: Sequence[Sequence[Any]],
        may_be_unused: bool,
    ) -> None:
        self._executor, self._logits, self._parts = executor, logits, parts
        self._may_be_unused = may_be_unused
        self.start = Randomness(next(iter(executor.units.values())).device)
        dtypes = {unit.dtype for unit in executor.units.values()}
        self._rounding = max(_ROUNDING.get(dtype, _ROUNDING[torch.bfloat16]) for dtype in dtypes)

    def faults(self) -> list[str]:
        before = [_Snapshot(network) for network in self._executor.distinct]
        whole = self._loss_of(keep=True)
        first, second = self._losses(_OPEN), self._losses(_OPEN)
        unreached = [name for name, unit in self._executor.units.items() if not unit.takes]
        try:
            nothing = self._loss_of(keep=False)
        except Exception:  # the loss may fail for a network of zeros; then law 4 is not checked
            nothing = []
        closed = self._losses(_CLOSED)[: len(nothing)] if nothing else []
        size = max((abs(value) for value in (*whole, *nothing) if math.isfinite(value)), default=1.0)
        return [
            *_differing(first, whole, self._rounding * size, _FULL),
            *_differing(second, first, _AGAIN * self._rounding * size, _TWICE),
            *([_UNREACHED.format(", ".join(unreached))] if unreached and not self._may_be_unused else []),
            *_differing(closed, nothing, self._rounding * size, _EMPTY),
            *(difference for one in before for difference in one.differences()),
        ]

    def _loss_of(self, keep: bool) -> list[float]:
        """The loss of a plain call of a copy of the network, on the first part of each mask.

        If the network cannot be copied, it is called by `call_with`, and faults of that call are not noticed. If the loss draws
        random numbers, only the loss of the first mask is returned: the executor uses other draws for the other masks.

        Args:
            keep: whether the copy has the network's weights; else its selected weights are off.
        """
        found: list[float] = []
        for mask, mine in enumerate(self._parts):
            self.start.put_back()
            with torch.enable_grad(), self._executor.precision():
                value = self._loss_with(self._executor.networks[mask], self._weights(mask, keep), _fresh(mine[0]))
            found.append(float(scalar_loss(value).detach()))
            if self.start.has_moved():
                return found[:1]
        return found

    def _loss_with(self, network: nn.Module, weights: Mapping[str, Tensor], part: Any) -> Any:
        loss = self._executor.loss
        try:
            copied = copy_network(network)
        except GuestError:
            own = {name: weight.clone() for name, weight in weights.items()}
            return call_with(network, own, lambda guest: loss(guest, part))
        with torch.no_grad():
            for name, weight in weights.items():
                copied.get_parameter(name).copy_(weight)
        shared = Belongings(network)  # hooks of the copy write into the lists of the network
        try:
            with twin_of(network):  # a loss that calls the network instead of its argument raises an error
                return loss(copied, part)
        finally:
            if not shared.changes(network):  # if there are changes, law 5 reports them
                shared.restore()

    def _weights(self, mask: int, keep: bool) -> dict[str, Tensor]:
        parameters = dict(self._executor.networks[mask].named_parameters())
        selected = {name: parameters[name].detach() for name in self._executor.units}
        if keep:
            return selected
        zero = {name: weight.new_zeros(()).expand_as(weight) for name, weight in selected.items()}  # takes no memory
        off = {name: unit.off_of(mask) for name, unit in self._executor.units.items()}
        return {name: zero[name] if (one := off[name]) is None else one for name in selected}

    def _losses(self, logit: float) -> list[float]:
        """The losses that the executor computes in a step whose logits all have one value."""
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
    for mine, its in zip(found, expected, strict=False):  # if random numbers are drawn, only the first expected loss is known
        same = (math.isnan(mine) and math.isnan(its)) or mine == its or abs(mine - its) <= tolerance
        if not same:
            return [words.format(mine, its)]
    return []


_FULL = (
    "With every weight kept the loss is {:.6g}, without a mask it is {:.6g}. Does the loss use another network than its first "
    "argument? Does the network use state that is not in its own attributes?"
)
_TWICE = (
    "The same call twice gives a loss of {:.6g} and of {:.6g}. State is kept between calls where it cannot be restored, for "
    "example in an object that the network or the loss uses; or the loss has its own random generator: draw from torch's "
    "generator, or put the random numbers into the data."
)
_UNREACHED = (
    "No gradient leads from the loss to {}. Are these tensors used in eval mode and on these data? Exclude those that are not: "
    "select(network, exclude=[...]). A tensor that is used through a copy made earlier, or through a compiled or sharded "
    "wrapper, cannot be masked."
)
_EMPTY = (
    "With every selected weight off the loss is {:.6g}; of a network that has these weights it is {:.6g}. A selected weight is "
    "used without its mask, through another reference, a copy made earlier, or a compiled or sharded wrapper: let the network "
    "read it from its module, or exclude it. Or the loss uses a part of the network itself: let it use that part of its first "
    "argument."
)


class _Snapshot:
    """The state of a network before the check."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self._belongings, self._tensors = network, Belongings(network), TensorState(network)
        self._gradients = [(name, parameter, parameter.grad) for name, parameter in network.named_parameters()]

    def differences(self) -> list[str]:
        """Describes what has changed since, and restores it."""
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
            f"After a call these are not what they were: {', '.join(dict.fromkeys(changed))}. A call changes them not by the "
            "module's attributes, but for example through an object or a function that refers to them. They have been restored."
        ]


def _fresh(part: Any) -> Any:
    """A copy of a part, so that a loss that changes its data does not affect the next call."""
    return PartCopies().copied(part)
