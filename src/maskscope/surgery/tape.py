"""One call of a network, recorded operation by operation: what depends on the inputs, and what is read, element by element.

The problem: a unit may be removed only if nothing reads it, or if it is a constant that its reader can take up. A graph of layers
alone does not tell: a layer norm, a softmax or a mean over the units reads all of them.

The trick: the example inputs run once through the network. Each operation says by its rule (`maskscope.surgery.rules`) which
elements of its outputs vary with the inputs. Afterwards, from the outputs back, each says which elements of its inputs are read.
Both follow from which weights are zero, never from the activations of the examples, so they hold for other inputs too. An
operation without a rule mixes everything with everything.

A constant that its reader can take up into its bias (fold) is needed only until then. What it is made of is needed all the same:
it may have to stay for another reason, and then it has to keep its value.

How it could still fail: branches that the example inputs do not take, and values that leave torch (NumPy, Python lists), are not
seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Layer:
    """One layer that units can be removed from, and what a tape finds out about it.

    Args:
        name: its dotted name.
        module: the layer.
        operation: the operation that its forward pass consists of.
        needed: which of its output units something needs.
        varies: which of its output units vary with the inputs.
        reads: which of its input units it needs, besides the constants that its bias can take up.
        constants: the values of the input units that are constants that its bias can take up; NaN for the others.
        why: what needs those of its output units that do not vary.
        inner_states: whether something reads last states of its inner layers, if it is a recurrent layer of several layers.
        used_by: another operation that uses its weight, if there is one.
        blocked: why all of its units stay, if they do.
    """

    name: str
    module: nn.Module
    operation: str
    needed: Tensor | None = None
    varies: Tensor | None = None
    reads: Tensor | None = None
    constants: Tensor | None = None
    why: str = ""
    inner_states: bool = False
    used_by: str = ""
    blocked: str = ""

    def writes(self, varies: Tensor) -> None:
        """Takes note of a call: which of its output units vary."""
        self.varies = varies if self.varies is None else self.varies | varies

    def is_needed(self, needed: Tensor) -> None:
        """Takes note of which of its output units are needed."""
        self.needed = needed if self.needed is None else self.needed | needed

    def is_given(self, constants: Tensor) -> None:
        """Takes note of the constants among the inputs of a call. They must be the same in all calls."""
        before = constants if self.constants is None else self.constants
        self.constants = torch.where(before == constants, constants, torch.nan)

    def does_read(self, reads: Tensor) -> None:
        """Takes note of which of its input units a call needs."""
        self.reads = reads if self.reads is None else self.reads | reads


@dataclass
class Owners:
    """The layers of a network that units can be removed from, by the identity of their weights.

    Args:
        layers: the layers by dotted name.
        by_weight: the names of the layers, by the identity of their weight. A weight of several layers is not there.
        stateful: the recurrent layers that a caller gives an initial state to, by name.
    """

    layers: dict[str, Layer]
    by_weight: dict[int, str]
    stateful: set[str] = field(default_factory=set)

    def of(self, weight: Tensor, operation: str | None = None) -> Layer | None:
        """The layer of a weight; None if it belongs to several or to another kind of module, or is for another operation."""
        name = self.by_weight.get(id(weight))
        layer = self.layers[name] if name is not None else None
        return layer if layer is not None and operation in (None, layer.operation) else None


Flags = Sequence[Tensor]
Backwards = Callable[[Flags, Flags], tuple[Flags, Flags]]
"""From which elements of the outputs are needed, and which only until they are folded, to the same for the arguments."""


@dataclass
class Call:
    """One operation: what it got, what it gave, and which elements of its arguments vary with the inputs of the network.

    Args:
        name: its name in torch, without what follows the dot.
        function: the operation.
        args: its arguments.
        kwargs: its named arguments.
        tensors: the tensors among its arguments, in order.
        outputs: the tensors that it returned or has written into.
        pointwise: whether torch says that it works element by element.
        varying: which elements of its tensors vary.
        layer: the layer that it is a call of, if any.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: list[Tensor]
    outputs: list[Tensor]
    pointwise: bool = False
    varying: list[Tensor] = field(default_factory=list)
    layer: Layer | None = None


@dataclass(frozen=True)
class Effect:
    """What an operation does.

    Args:
        varies: which elements of its outputs vary with the inputs of the network.
        backwards: which elements of its arguments are needed, by which of its outputs are: see `Backwards`.
        reason: why constants among its arguments stay, if it needs them; empty if only because others need what it makes of them.
    """

    varies: Sequence[Tensor]
    backwards: Backwards
    reason: str = ""


Rule = Callable[[Call, Owners], Effect]


@dataclass(frozen=True)
class _Entry:
    name: str
    inputs: list[int]
    outputs: list[int]
    effect: Effect
    layer: Layer | None


class Tape:
    """The record of one call; see the module.

    Args:
        owners: the layers of the network.
        constant: the tensors that do not depend on the inputs: its parameters and buffers.
        rule: what an operation does.
    """

    def __init__(self, owners: Owners, constant: Sequence[Tensor], rule: Rule) -> None:
        self._owners, self._rule = owners, rule
        self._number: dict[int, int] = {}
        self._varying: list[Tensor] = []
        self._alive: list[Tensor] = []
        self._sharing: dict[int, list[Tensor]] = {}
        self._entries: list[_Entry] = []
        self._left: list[int] = []
        for tensor in constant:
            self._know(tensor, torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device))

    def record(self, call: Call, changed: Sequence[Tensor] = ()) -> None:
        """Adds an operation.

        Args:
            call: the operation; what varies is filled in here.
            changed: the arguments that it has written into.
        """
        sharing = {id(one): one for its in changed for one in self._sharing.get(_memory(its), [])}
        others = [one for number, one in sharing.items() if number not in {id(its) for its in changed}]
        # if a view was written into, all that share its memory are new, and made of all of them
        call.tensors = [*call.tensors, *others]
        call.outputs = list({id(one): one for one in (*call.outputs, *changed, *others)}.values())
        inputs = [self._of(one) for one in call.tensors]
        call.varying = [self._varying[one] for one in inputs]
        if not call.outputs:
            self._left += inputs  # a number or a truth value leaves torch
            return
        effect = mixing(call, self._owners) if others else self._rule(call, self._owners)
        for tensor in call.tensors:
            if (layer := self._owners.of(tensor)) is not None and layer is not call.layer:
                layer.used_by = call.name
        outputs = [self._know(one, its) for one, its in zip(call.outputs, effect.varies, strict=True)]
        self._entries.append(_Entry(call.name, inputs, outputs, effect, call.layer))

    def read_back(self, outputs: Sequence[Tensor]) -> None:
        """From the outputs of the network back to its inputs: fills in what each layer reads and is needed for."""
        needs = {number: torch.ones_like(self._varying[number]) for number in (*map(self._of, outputs), *self._left)}
        unless_folded: dict[int, Tensor] = {}
        why = dict.fromkeys(needs, "it is an output of the network, or decides what is computed")
        for entry in reversed(self._entries):
            reason = next((why[number] for number in entry.outputs if number in why), "")
            if entry.layer is not None:
                entry.layer.why = entry.layer.why or reason
            wanted, foldable = (
                [known.get(number, torch.zeros_like(self._varying[number])) for number in entry.outputs]
                for known in (needs, unless_folded)
            )
            for known, found in zip((needs, unless_folded), entry.effect.backwards(wanted, foldable), strict=True):
                for number, need in zip(entry.inputs, found, strict=True):
                    known[number] = known[number] | need if number in known else need
            for number in entry.inputs:
                if number not in why and bool((needs[number] & ~self._varying[number]).any()):
                    why[number] = entry.effect.reason or reason or f"{entry.name} puts it together with what varies"

    def _of(self, tensor: Tensor) -> int:
        number = self._number.get(id(tensor))
        if number is None:  # an input of the network, or of unknown origin
            number = self._know(tensor, torch.ones(tensor.shape, dtype=torch.bool, device=tensor.device))
        return number

    def _know(self, tensor: Tensor, varies: Tensor) -> int:
        if id(tensor) not in self._number:
            self._alive.append(tensor)  # so that its identity is not used again
            self._sharing.setdefault(_memory(tensor), []).append(tensor)
        self._number[id(tensor)] = number = len(self._varying)
        self._varying.append(varies.broadcast_to(tensor.shape))
        return number


def passing(needed: Callable[[Flags], Flags]) -> Backwards:
    """For an operation that keeps units apart: what it needs for a constant is needed as long as the constant."""
    return lambda needs, unless_folded: (needed(needs), needed(unless_folded))


def whole(call: Call, needed: Callable[[Flags], Flags]) -> Backwards:
    """For an operation that has to stay as it is: what it needs for a constant is needed for good."""

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        every = [one | other for one, other in zip(needs, unless_folded, strict=True)]
        return needed(every), nothing(call)

    return backwards


def nothing(call: Call) -> list[Tensor]:
    """No element of any argument."""
    return [torch.zeros_like(one) for one in call.varying]


def unbroadcast(needs: Tensor, like: Tensor) -> Tensor:
    """The elements of an argument that was broadcast: needed if any of its copies is."""
    extra = needs.dim() - like.dim()
    flags = needs.flatten(0, extra - 1).any(0) if extra > 1 else needs.any(0) if extra == 1 else needs
    for dim, size in enumerate(like.shape):
        if size == 1 and flags.shape[dim] != 1:
            flags = flags.any(dim, keepdim=True)
    return flags.to(like.device)


def mixing(call: Call, owners: Owners) -> Effect:
    """The rule of an operation that nothing is known of: all that it makes depends on all that it gets."""
    varies = any(bool(one.any()) for one in call.varying) or not call.tensors

    def needed(needs: Flags) -> list[Tensor]:
        return [torch.full_like(one, any(bool(need.any()) for need in needs)) for one in call.varying]

    flags = [torch.full(one.shape, varies, dtype=torch.bool, device=one.device) for one in call.outputs]
    return Effect(flags, whole(call, needed), f"{call.name} computes with it together with other units")


def _memory(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (NotImplementedError, RuntimeError):  # a tensor without memory of its own
        return id(tensor)
