"""The masked copies of all weights of a small network in one piece of memory, which stays in the cache; gradients overwrite them.

The copies of one tensor are ``[rows, *shape]`` with a distance of all weights between rows; products take them as they lie. So
one call of a pass turns the gradients of all tensors into those of the logits; and where all masks fit in, nothing is copied a
second time for the backward pass. Other masks follow one another, some at a time.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.kernels import SignGate, SoftGate, TableSlope

# Up to this size, in bytes, the copies of one mask or of several are in memory at once: beyond it products are slower.
MOST_BYTES = 8 << 20


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
    def groups(self) -> list[range]:
        """The masks that are in memory at the same time."""
        first = next(iter(self._units.values()))
        together = max(1, MOST_BYTES // (first.samples * self._ends[-1] * first.dtype.itemsize))
        return [range(start, min(start + together, first.masks)) for start in range(0, first.masks, together)]

    @property
    def can_run(self) -> bool:
        """Whether the law of the gates allows it: the gradient needs no draws."""
        law = next(iter(self._units.values())).law
        return isinstance(law, TableSlope | SignGate) or (isinstance(law, SoftGate) and not law.drawn)

    def copies(self, masks: range, *, again: bool = False) -> dict[str, Tensor]:
        """The masked copies of every weight under some masks, ``[rows, *shape]``, for the present step and group of samples.

        Args:
            masks: one of `groups`.
            again: whether they were made before in this step. If all masks fit into memory, they are still there.
        """
        first = next(iter(self._units.values()))
        shape = (len(masks), first.samples, self._ends[-1])
        if self._memory.shape != shape:
            self._memory = torch.empty(shape, dtype=first.dtype, device=first.device)
        if not again or len(masks) < first.masks:
            for mask, out in zip(masks, self._memory, strict=True):
                self._write(mask, out, again=again)
        rows = self._memory.view(-1, shape[2])
        return {
            name: rows[:, begin:end].view(-1, *unit.shape)
            for (name, unit), begin, end in zip(self._units.items(), self._ends, self._ends[1:], strict=False)
        }

    def _write(self, mask: int, out: Float[Tensor, "samples n"], *, again: bool) -> None:
        first = next(iter(self._units.values()))
        mine, kernels, (_, compute, bits) = first.slices[mask], first.kernels, self._values[mask]
        logits, gates = mine.whole.logits, mine.whole.gates
        if isinstance(first.law, SoftGate):
            kernels.copy_soft(first.law, logits, compute, first.address(mine, 0), 0, out)
        elif again:
            kernels.copy_open(bits, gates, 0, out)
        elif isinstance(first.law, SignGate):
            kernels.open_positive(logits, len(out), gates)
            kernels.copy_open(bits, gates, 0, out)
        else:
            for unit, begin, end in zip(self._units.values(), self._ends, self._ends[1:], strict=False):
                own, here = unit.slices[mask], slice(begin, end)
                kernels.draw_masked(own.logits, own.values.bits, unit.address(own, 0), own.gates, out[:, here])

    def take(self, masks: range) -> None:
        """Turns the gradients that were written over the copies into those of the logits, and adds them."""
        first = next(iter(self._units.values()))
        for mask, gradients in zip(masks, self._memory, strict=True):
            mine = first.slices[mask]
            first.kernels.add_gradient(
                first.law,
                mine.whole.logits,
                self._values[mask][0],
                mine.whole.gates,
                gradients,
                first.address(mine, 0),
                first_sample=0,
                scale=first.scale,
                out=mine.whole.gradient,
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
    is_small = first.samples * begin * first.dtype.itemsize <= MOST_BYTES
    same = {unit.dtype for unit in units.values()} == {first.dtype}
    return Whole(units) if is_small and same else None
