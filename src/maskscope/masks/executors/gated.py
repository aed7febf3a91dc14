"""Weights and masks in the form that executors use: each weight tensor with its logits, for all masks searched together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels import SAMPLES_PER_GROUP, Address, Kernels, SlopeLaw
from maskscope.masks.kernels.exact import difference_to, xor_into
from maskscope.masks.logits import MaskLogits
from maskscope.masks.sample import Noise
from maskscope.masks.units import Layout


@dataclass(frozen=True)
class LearnedMask:
    """One mask that is being learned.

    Args:
        logits: its logits.
        gradient: the vector to which gradients of the logits are added, in the order of ``logits.flat``.
        noise: the identity of its random stream.
    """

    logits: MaskLogits
    gradient: Float32[Tensor, " n"]
    noise: Noise


@dataclass(frozen=True)
class _Slice:
    """The part of one mask that belongs to one weight tensor.

    Args:
        key: of the random stream of its units.
        logits: of its units; the other tensors of these units have the same ones.
        gradient: to which the gradient of these logits is added.
        gates: of its units.
        wide: the gates of its weights; for single weights, these are the same.
    """

    key: tuple[int, int]
    logits: Float32[Tensor, " units"]
    gradient: Float32[Tensor, " units"]
    gates: UInt8[Tensor, " units"]
    wide: UInt8[Tensor, " n"]


class Workspace:
    """Memory for short use, which is reused, because allocating takes as long as the arithmetic."""

    def __init__(self) -> None:
        self._memory: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def take(self, count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """An uninitialised vector of ``count`` elements; the next call may return the same memory."""
        memory = self._memory.get((dtype, device))
        if memory is None or memory.numel() < count:
            memory = self._memory[dtype, device] = torch.empty(count, dtype=dtype, device=device)
        return memory[:count]


class GatedWeight:
    """One weight tensor under the samples of all masks searched together: makes its masked copies, takes their gradients.

    The rows of copies and of gradients are the samples of the first mask, then those of the second, and so on.

    If its units are not single weights, gates are drawn for units and expanded where a copy is made, and the gradient of a unit
    is the sum over its weights of weight times gradient. The passes then run over units whose weights are ones. The tensors of
    one group of units draw the same gates, and each adds to the gradients of the same logits.

    A gate that is closed lets through the off-value. A copy is off XOR (gate AND (weight XOR off)) on the bits, so that an open
    gate gives exactly the weight, with the same pass as for zeros; the gradient of a gate is (weight - off) times gradient.
    """

    def __init__(
        self,
        weight: Tensor,
        compute: Tensor,
        slices: Sequence[_Slice],
        kernels: Kernels,
        law: SlopeLaw,
        workspace: Workspace,
        own_gradient: Tensor | None = None,
        layout: Layout | None = None,
        off: Tensor | None = None,
    ) -> None:
        self.shape = weight.shape
        self.workspace, self.off = workspace, off
        self._weight, self._compute, self._off = weight.view(-1), compute.view(-1), None
        if off is not None:
            self._off = off.to(compute.dtype).view(-1)
            self._weight, self._compute = (weight - off).view(-1), difference_to(self._off, self._compute)
        self._layout = layout
        self._ones = None if layout is None else torch.ones(layout.units, dtype=torch.float32, device=weight.device)
        self._own_gradient = None if own_gradient is None else own_gradient.view(-1)
        self._gated = Workspace()  # not ``workspace``, whose memory may contain the gradient that is being taken
        self._slices, self._kernels, self._law = slices, kernels, law
        self.takes = 0  # the number of gradients taken so far: tells whether a failed backward pass had taken some
        self.listens = False  # whether autograd is in our own backward pass, whose gradients are to be taken
        self.begin(0, 0, 1, 1.0)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the masked copies."""
        return self._compute.dtype

    @property
    def is_reduced(self) -> bool:
        """Whether the copies are of lower precision than the weight."""
        return self._compute.dtype != self._weight.dtype

    @property
    def device(self) -> torch.device:
        """The device of the weight."""
        return self._weight.device

    @property
    def rows(self) -> int:
        """The number of masks times the number of samples."""
        return len(self._slices) * self._samples

    def begin(self, step: int, group: int, samples: int, scale: float) -> None:
        """Starts a group of samples of a step; its gradients are multiplied by ``scale`` when they are added."""
        self._step, self._group, self._samples, self._scale = step, group, samples, scale
        self.is_drawn = False

    def draw(self) -> None:
        """Draws the gates of all units."""
        for mine in self._slices:
            self._kernels.open_gates(mine.logits, self._address(mine, 0), self._samples, mine.gates)
            if self._layout is not None:
                mine.wide.copy_(self._layout.expand(mine.gates))
        self.is_drawn = True

    def copies(self, out: Tensor, start: int = 0) -> Tensor:
        """Writes the masked copies of the elements from ``start`` on to ``out``, ``[rows, elements]``; draws gates if needed.

        A tensor that is copied in pieces must be copied in order the first time: gates are drawn piece by piece, and then reused.
        """
        here = slice(start, start + out.shape[1])
        if self._layout is not None and not self.is_drawn:
            self.draw()
        for mask, mine in enumerate(self._slices):
            into = out[mask * self._samples : (mask + 1) * self._samples]
            if self.is_drawn:
                self._kernels.copy_open(self._compute[here], mine.wide[here], 0, into)
            else:
                at = self._address(mine, start)
                self._kernels.draw_masked(mine.logits[here], self._compute[here], at, mine.gates[here], into)
        self.is_drawn = self.is_drawn or here.stop == self._weight.numel()
        return out if self._off is None else xor_into(out, self._off[here])

    def copy_sample(self, mask: int, sample: int, out: Tensor) -> None:
        """Writes the whole masked copy of one sample of one mask to ``out``, ``[n]``; the gates must be drawn."""
        self._kernels.copy_open(self._compute, self._slices[mask].wide, sample, out[None])
        if self._off is not None:
            xor_into(out, self._off)

    def take(self, gradients: Tensor, start: int = 0) -> None:
        """Turns gradients of masked copies, ``[rows, elements]`` from ``start`` on, into gradients of the logits; adds them."""
        for mask in range(len(self._slices)):
            self._take(mask, gradients[mask * self._samples : (mask + 1) * self._samples], start, 0)

    def take_sample(self, mask: int, sample: int, gradient: Tensor) -> None:
        """The same as `take`, for the whole tensor under one sample of one mask."""
        self._take(mask, gradient.reshape(1, -1), 0, sample)

    def gradients(self) -> list[Tensor]:
        """Copies of the current gradients: one for each mask, and that of the weight if it is learned too."""
        return [gradient.clone() for gradient in self._all_gradients()]

    def restore(self, gradients: Sequence[Tensor]) -> None:
        """Restores gradients that `gradients` returned."""
        for mine, gradient in zip(self._all_gradients(), gradients, strict=True):
            mine.copy_(gradient)

    def _all_gradients(self) -> list[Tensor]:
        own = [] if self._own_gradient is None else [self._own_gradient]
        return [*(mine.gradient for mine in self._slices), *own]

    def _take(self, mask: int, gradients: Tensor, start: int, first_sample: int) -> None:
        self.takes += 1
        mine, here = self._slices[mask], slice(start, start + gradients.shape[1])
        if self._layout is None:
            units, weights, given, at = here, self._weight[here], gradients, self._address(mine, start)
        else:
            assert self._ones is not None
            units, weights, at = slice(None), self._ones, self._address(mine, 0)
            given = self._by_unit(self._layout, gradients, start)
        self._kernels.add_gradient(
            self._law,
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
            self._add_own(self._own_gradient[here], mine.wide[here], gradients, first_sample)

    def _by_unit(self, layout: Layout, gradients: Tensor, start: int) -> Float32[Tensor, "rows units"]:
        """The sum over the weights of each unit of weight times gradient, from the element ``start`` on."""
        end = start + gradients.shape[1]
        exact = torch.float64 if self._weight.dtype == torch.float64 else torch.float32
        weights = self._weight[start:end].to(exact)
        total = torch.zeros(len(gradients), layout.units, dtype=exact, device=gradients.device)
        for row, gradient in enumerate(gradients):  # one at a time: a product takes as much memory as a copy
            product = gradient.to(exact) * weights
            if len(product) == layout.count:
                total[row] = layout.total(product)
            else:
                total[row].index_add_(0, layout.index(start, end, product.device), product)
        return total.to(torch.float32)

    def _add_own(self, out: Tensor, gates: Tensor, gradients: Tensor, first_sample: int) -> None:
        """Adds the gradient of the weight itself: that of its copy if the gate is open, else 0."""
        gated = self._gated.take(gradients.shape[1], gradients.dtype, gradients.device)
        for row, gradient in enumerate(gradients):
            self._kernels.copy_open(gradient, gates, first_sample + row, gated[None])
            out.add_(gated, alpha=self._scale)

    def _address(self, mine: _Slice, start: int) -> Address:
        return Address(mine.key, self._step, self._group, start)


def gate(
    weights: Mapping[str, Tensor],
    compute: Mapping[str, Tensor],
    masks: Sequence[LearnedMask],
    kernels: Kernels,
    law: SlopeLaw,
    own_gradients: Mapping[str, Tensor] | None = None,
    off: Mapping[str, Tensor] | None = None,
) -> dict[str, GatedWeight]:
    """Combines weights and masks.

    Args:
        weights: the weights, contiguous, by dotted name; frozen, unless ``own_gradients`` is given.
        compute: the same weights in the dtype of the masked copies.
        masks: at least one mask; all cover these weights.
        kernels: the kernels for the passes over the weights.
        law: the law of the slope.
        own_gradients: if the weights are learned too: contiguous memory to which their gradients are added, the sum over masks of
            the mean over samples of gate times gradient.
        off: the off-values of the weights, in their shapes and dtypes; zero for those that are not named.
    """
    samples: dict[str, list[_Slice]] = {name: [] for name in weights}
    layouts: dict[str, Layout] = {}
    for mask in masks:
        gates = torch.zeros(mask.logits.flat.shape, dtype=torch.uint8, device=mask.logits.flat.device)
        views = [mask.logits.by_unit(flat) for flat in (mask.logits.flat, mask.gradient, gates)]
        for group in mask.logits.selection.groups:
            key, own = mask.noise.key(group.name), [view[group.name].view(-1) for view in views]
            for name, layout in group.members:
                if group.is_single:
                    wide = own[2]
                else:
                    layouts[name], wide = layout, torch.zeros(layout.count, dtype=torch.uint8, device=gates.device)
                samples[name].append(_Slice(key, own[0], own[1], own[2], wide))
    workspace = Workspace()
    of_weights, instead = own_gradients or {}, off or {}
    return {
        name: GatedWeight(
            weight,
            compute[name],
            samples[name],
            kernels,
            law,
            workspace,
            of_weights.get(name),
            layouts.get(name),
            instead.get(name),
        )
        for name, weight in weights.items()
    }


def groups(samples: int) -> list[tuple[int, int]]:
    """Divides S samples into groups: returns the number of each group and its number of samples."""
    whole, rest = divmod(samples, SAMPLES_PER_GROUP)
    return [(number, SAMPLES_PER_GROUP) for number in range(whole)] + ([(whole, rest)] if rest else [])
