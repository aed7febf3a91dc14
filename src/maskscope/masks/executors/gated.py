"""A weight tensor in the form that executors use: with its logits, for all masks searched together."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor

from maskscope.masks.executors.slices import Slice, Workspace
from maskscope.masks.kernels import SAMPLES_PER_GROUP, Address, GateLaw, Kernels, SignGate, SoftGate
from maskscope.masks.kernels.exact import xor_into
from maskscope.masks.units import Layout


class GatedWeight:
    """One weight tensor under the samples of all masks searched together: makes its masked copies, takes their gradients.

    The masks are of one network, or of several of one shape: then it stands for the tensor of this name in each of them.

    The rows of copies and of gradients are the samples of the first mask, then those of the second, and so on.

    If its units are not single weights, gates are drawn for units and expanded where a copy is made, and the gradient of a unit
    is the sum over its weights of weight times gradient. The passes then run over units whose weights are ones. The tensors of
    one group of units draw the same gates, and each adds to the gradients of the same logits.

    A gate that is closed lets through the off-value. A copy is off XOR (gate AND (weight XOR off)) on the bits, so that an open
    gate gives exactly the weight, with the same pass as for zeros; under a soft gate it is off + value * (weight - off). The
    gradient of a gate is (weight - off) times gradient.

    The weight may be one range of a larger tensor, which processes share (`maskscope.masks.shards`): its gates are then those
    that the whole tensor would have there.

    Attributes:
        dtype: that of the masked copies.
        device: where the weight is.
        is_reduced: whether the copies are of lower precision than the weight.
        law: the law of the gates. It may be replaced between steps: a temperature that changes makes it another one.
    """

    def __init__(
        self,
        shape: torch.Size,
        slices: Sequence[Slice],
        kernels: Kernels,
        law: GateLaw,
        workspace: Workspace,
        own_gradient: Tensor | None = None,
        layout: Layout | None = None,
        begin: int = 0,
    ) -> None:
        self.shape = shape
        self._begin = begin  # the index of the first element in the whole tensor
        self.workspace = workspace
        first = slices[0].values
        self.dtype, self.device = first.compute.dtype, first.compute.device
        self.is_reduced = first.compute.dtype != first.weight.dtype
        self._layout = layout
        self._ones = None if layout is None else torch.ones(layout.units, dtype=torch.float32, device=self.device)
        self._own_gradient = None if own_gradient is None else own_gradient.view(-1)
        self._gated = Workspace()  # not ``workspace``, whose memory may contain the gradient that is being taken
        self.slices, self.kernels, self.law = slices, kernels, law
        self.takes = 0  # the number of gradients taken so far: tells whether a failed backward pass had taken some
        self.listens = False  # whether autograd is in our own backward pass, whose gradients are to be taken
        self.begin(0, 0, 1, 1.0)

    @property
    def masks(self) -> int:
        """The number of masks."""
        return len(self.slices)

    def off_of(self, mask: int) -> Tensor | None:
        """The off-values of the network of a mask, in the dtype of the masked copies; None for zeros."""
        off = self.slices[mask].values.off
        return None if off is None else off.view(self.shape)

    @property
    def samples(self) -> int:
        """The number of samples of the group that is being run."""
        return self._samples

    @property
    def scale(self) -> float:
        """The factor of the gradients of the present step."""
        return self._scale

    @property
    def is_plain(self) -> bool:
        """Whether its units are single weights that are frozen, whole tensors with zeros for off-values, under all samples."""
        off = any(mine.values.off is not None for mine in self.slices)
        return not off and self._layout is None and self._own_gradient is None and self._begin == self._first == 0

    @property
    def rows(self) -> int:
        """The number of masks times the number of samples."""
        return len(self.slices) * self._samples

    def begin(self, step: int, group: int, samples: int, scale: float, first: int = 0) -> None:
        """Starts a group of samples of a step; its gradients are multiplied by ``scale`` when they are added.

        Args:
            step: the number of the step.
            group: the number of the group.
            samples: how many samples of the group are run.
            scale: the factor.
            first: the first of these samples, in the group; above 0 where another process runs those before it.
        """
        self._step, self._group, self._samples, self._scale, self._first = step, group, samples, scale, first
        self._drawn = [False for _ in self.slices]

    def draw(self) -> None:
        """Draws the gates of all units, if they are hard; the values of soft gates are computed where they are used."""
        for mine in self.slices:
            if isinstance(self.law, SignGate):
                self.kernels.open_positive(mine.logits, self._first + self._samples, mine.gates)
            elif not isinstance(self.law, SoftGate):
                self.kernels.open_gates(mine.logits, self.address(mine, 0), self._first + self._samples, mine.gates)
            if self._layout is not None:
                mine.wide.copy_(self._layout.expand(mine.gates))
        self._drawn = [True for _ in self.slices]

    def copies(self, out: Tensor, start: int = 0, masks: range | None = None) -> Tensor:
        """Writes the masked copies of the elements from ``start`` on to ``out``, ``[rows, elements]``; draws gates if needed.

        A tensor that is copied in pieces must be copied in order the first time: gates are drawn piece by piece, and then reused.

        Args:
            out: the memory of the copies.
            start: the first element.
            masks: under these masks only; all by default.
        """
        here = slice(start, start + out.shape[1])
        if (self._layout is not None or self._first) and not all(self._drawn):
            self.draw()
        for place, mask in enumerate(range(self.masks) if masks is None else masks):
            mine, into = self.slices[mask], out[place * self._samples : (place + 1) * self._samples]
            at = self.address(mine, start)
            if self._drawn[mask] or isinstance(self.law, SoftGate):
                self._copy_weight(mine, at, self._first, into)
            elif isinstance(self.law, SignGate):
                self.kernels.open_positive(mine.logits[here], self._samples, mine.gates[here])
                self._copy_weight(mine, at, self._first, into)
            else:
                self.kernels.draw_masked(mine.logits[here], mine.values.bits[here], at, mine.gates[here], into)
                self._add_off(mine, into, here)
            self._drawn[mask] = self._drawn[mask] or here.stop == self.shape.numel()
        return out

    def copy_sample(self, mask: int, sample: int, out: Tensor) -> None:
        """Writes the whole masked copy of one sample of one mask to ``out``, ``[n]``; the gates must be drawn."""
        mine = self.slices[mask]
        self._copy_weight(mine, self.address(mine, 0), self._first + sample, out[None])

    def take(self, gradients: Tensor, start: int = 0, masks: range | None = None) -> None:
        """Turns gradients of masked copies, ``[rows, elements]`` from ``start`` on, into gradients of the logits; adds them.

        Args:
            gradients: the gradients.
            start: the first element.
            masks: the masks whose samples these are; all by default.
        """
        for place, mask in enumerate(range(self.masks) if masks is None else masks):
            self._take(mask, gradients[place * self._samples : (place + 1) * self._samples], start, self._first)

    def take_sample(self, mask: int, sample: int, gradient: Tensor) -> None:
        """The same as `take`, for the whole tensor under one sample of one mask."""
        self._take(mask, gradient.reshape(1, -1), 0, self._first + sample)

    def gradients(self) -> list[Tensor]:
        """Copies of the current gradients: one for each mask, and that of the weight if it is learned too."""
        return [gradient.clone() for gradient in self._all_gradients()]

    def restore(self, gradients: Sequence[Tensor]) -> None:
        """Restores gradients that `gradients` returned."""
        for mine, gradient in zip(self._all_gradients(), gradients, strict=True):
            mine.copy_(gradient)

    def _all_gradients(self) -> list[Tensor]:
        own = [] if self._own_gradient is None else [self._own_gradient]
        return [*(mine.gradient for mine in self.slices), *own]

    def _take(self, mask: int, gradients: Tensor, start: int, first_sample: int) -> None:
        self.takes += 1
        mine, here = self.slices[mask], slice(start, start + gradients.shape[1])
        if self._layout is None:
            units, weights, given, at = here, mine.values.weight[here], gradients, self.address(mine, start)
        else:
            assert self._ones is not None
            units, weights, at = slice(None), self._ones, self.address(mine, 0)
            given = self._by_unit(mine, gradients, start, self._layout)
        self.kernels.add_gradient(
            self.law,
            mine.logits[units],
            weights,
            mine.gates[units],
            given,
            at,
            first_sample=first_sample,
            scale=self._scale,
            out=mine.gradient[units],
        )
        if self._own_gradient is not None:
            self._add_own(self._own_gradient[here], mine, gradients, start, first_sample)

    def _add_own(self, out: Tensor, mine: Slice, gradients: Tensor, start: int, first_sample: int) -> None:
        """Adds the gradient of the weight itself: that of its copy, times the value of the gate."""
        if not isinstance(self.law, SoftGate):
            wide = mine.wide[start : start + gradients.shape[1]]
            self.kernels.add_open(wide, gradients, first_sample=first_sample, scale=self._scale, out=out)
            return
        gated = self._gated.take(gradients.shape[1], gradients.dtype, gradients.device)
        for row, gradient in enumerate(gradients):
            self._copy(gradient, mine, self.address(mine, start), first_sample + row, gated[None])
            out.add_(gated, alpha=self._scale)

    def _by_unit(self, mine: Slice, gradients: Tensor, start: int, layout: Layout) -> Float32[Tensor, "rows units"]:
        """The sum over the weights of each unit of weight times gradient, from the element ``start`` on."""
        exact = torch.float64 if mine.values.weight.dtype == torch.float64 else torch.float32
        weights = mine.values.weight[start : start + gradients.shape[1]].to(exact)
        # row by row: the product takes as much memory as a masked copy
        return torch.stack([layout.total(row.to(exact) * weights, start) for row in gradients]).to(torch.float32)

    def _copy_weight(self, mine: Slice, at: Address, first_sample: int, out: Tensor) -> None:
        """Writes masked copies of consecutive elements, from that of the address on."""
        here = slice(at.first - self._begin, at.first - self._begin + out.shape[1])
        is_soft = isinstance(self.law, SoftGate)
        self._copy((mine.values.compute if is_soft else mine.values.bits)[here], mine, at, first_sample, out)
        self._add_off(mine, out, here)

    def _add_off(self, mine: Slice, out: Tensor, here: slice) -> None:
        if mine.values.off is not None:
            if isinstance(self.law, SoftGate):
                out.add_(mine.values.off[here])
            else:
                xor_into(out, mine.values.off[here])

    def _copy(self, values: Tensor, mine: Slice, at: Address, first_sample: int, out: Tensor) -> None:
        """Writes copies of values under the gates of consecutive elements, from that of the address on."""
        here = slice(at.first - self._begin, at.first - self._begin + values.numel())
        if not isinstance(self.law, SoftGate):
            self.kernels.copy_open(values, mine.wide[here], first_sample, out)
        elif self._layout is None:
            self.kernels.copy_soft(self.law, mine.logits[here], values, at, first_sample, out)
        else:
            assert self._ones is not None
            open_share = torch.empty(len(out), self._layout.units, dtype=torch.float32, device=out.device)
            self.kernels.copy_soft(self.law, mine.logits, self._ones, self.address(mine, 0), first_sample, open_share)
            wide = open_share[:, self._layout.index(here.start, here.stop, out.device)]
            torch.mul(wide.to(out.dtype), values, out=out)
            out.masked_fill_(wide == 0, 0)  # where the weight is infinite, too

    def address(self, mine: Slice, start: int) -> Address:
        """The position in the random stream of the elements of a mask from ``start`` on, in the present step and group."""
        return Address(mine.key, self._step, self._group, self._begin + start)


def groups(samples: int) -> list[tuple[int, int]]:
    """Divides S samples into groups: returns the number of each group and its number of samples."""
    whole, rest = divmod(samples, SAMPLES_PER_GROUP)
    return [(number, SAMPLES_PER_GROUP) for number in range(whole)] + ([(whole, rest)] if rest else [])
