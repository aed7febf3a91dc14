"""The masked copies of all weights of a small network in one piece of memory: made once a step, overwritten by their gradients.

The copies of one tensor are ``[rows, *shape]`` with a distance of all weights between rows; products take them as they lie. So
nothing is copied a second time for the backward pass, and one call of a pass turns the gradients of all tensors into those of
the logits.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.kernels import SignGate, SoftGate, TableSlope

# Above this size, in bytes, blocks of copies that are made twice and used from the cache are faster.
MOST_BYTES = 64 << 20


class Whole:
    """All weights under the samples of all masks.

    Args:
        units: the weights, in the order of the masks' vectors.
    """

    def __init__(self, units: Mapping[str, GatedWeight]) -> None:
        self._units = units
        first = next(iter(units.values()))
        self._ends = [0]
        for unit in units.values():
            self._ends.append(self._ends[-1] + unit.shape.numel())
        known: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # those of one network are made once
        self._values = []
        for mask, mine in enumerate(first.slices):
            if id(mine.values) not in known:
                its = [unit.slices[mask].values for unit in units.values()]
                pairs = zip(*((one.weight, one.compute, one.bits) for one in its), strict=True)
                weight, compute, bits = (torch.cat(one) for one in pairs)
                known[id(mine.values)] = weight, compute, bits
            self._values.append(known[id(mine.values)])
        self._memory: Float[Tensor, "masks samples n"] = torch.empty(0, 0, 0, dtype=first.dtype, device=first.device)

    @property
    def can_run(self) -> bool:
        """Whether the law of the gates allows it: the gradient needs no draws."""
        law = next(iter(self._units.values())).law
        return isinstance(law, TableSlope | SignGate) or (isinstance(law, SoftGate) and not law.drawn)

    def copies(self) -> dict[str, Tensor]:
        """The masked copies of every weight, ``[rows, *shape]``, for the present step and group."""
        first = next(iter(self._units.values()))
        masks, samples, count = first.masks, first.samples, self._ends[-1]
        if self._memory.shape != (masks, samples, count):
            self._memory = torch.empty(masks, samples, count, dtype=first.dtype, device=first.device)
        for mask, out in enumerate(self._memory):
            self._write(mask, out)
        rows = self._memory.view(masks * samples, count)
        return {
            name: rows[:, begin:end].view(-1, *unit.shape)
            for (name, unit), begin, end in zip(self._units.items(), self._ends, self._ends[1:], strict=False)
        }

    def _write(self, mask: int, out: Float[Tensor, "samples n"]) -> None:
        first = next(iter(self._units.values()))
        mine, kernels, (_, compute, bits) = first.slices[mask], first.kernels, self._values[mask]
        logits, gates = mine.whole.logits, mine.whole.gates
        if isinstance(first.law, SoftGate):
            kernels.copy_soft(first.law, logits, compute, first.address(mine, 0), 0, out)
        elif isinstance(first.law, SignGate):
            kernels.open_positive(logits, len(out), gates)
            kernels.copy_open(bits, gates, 0, out)
        else:
            for unit, begin, end in zip(self._units.values(), self._ends, self._ends[1:], strict=False):
                own, here = unit.slices[mask], slice(begin, end)
                kernels.draw_masked(own.logits, own.values.bits, unit.address(own, 0), own.gates, out[:, here])

    def take(self) -> None:
        """Turns the gradients that were written over the copies into those of the logits, and adds them."""
        first = next(iter(self._units.values()))
        for mask, gradients in enumerate(self._memory):
            mine, whole = first.slices[mask], first.slices[mask].whole
            first.kernels.add_gradient(
                first.law,
                whole.logits,
                self._values[mask][0],
                whole.gates,
                gradients,
                first.address(mine, 0),
                first_sample=0,
                scale=first.scale,
                out=whole.gradient,
            )
        for unit in self._units.values():
            unit.takes += 1


def whole_of(units: Mapping[str, GatedWeight], names: list[str]) -> Whole | None:
    """All weights together, if they are small, plain, and in the order of the masks' vectors.

    Args:
        units: the weights.
        names: those that a call of the network uses, each as often as it does.
    """
    if sorted(names) != sorted(units) or not all(unit.is_plain for unit in units.values()):
        return None
    begin, first = 0, next(iter(units.values()))
    for unit in units.values():
        mine = unit.slices[0]
        if mine.logits.data_ptr() != mine.whole.logits[begin:].data_ptr():
            return None
        begin += unit.shape.numel()
    is_small = first.rows * begin * first.dtype.itemsize <= MOST_BYTES
    same = {unit.dtype for unit in units.values()} == {first.dtype}
    return Whole(units) if is_small and same else None
