"""Weights and masks in the form that executors use: each weight tensor with its logits, for all masks searched together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from maskscope.masks.kernels import SAMPLES_PER_GROUP, Address, GateLaw, Kernels, SignGate, SoftGate
from maskscope.masks.logits import MaskLogits
from maskscope.masks.sample import Noise


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
    """The part of one mask that belongs to one weight tensor."""

    key: tuple[int, int]
    logits: Float32[Tensor, " n"]
    gradient: Float32[Tensor, " n"]
    gates: UInt8[Tensor, " n"]


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

    Attributes:
        law: the law of the gates. It may be replaced between steps: a temperature that changes makes it another one.
    """

    def __init__(
        self,
        weight: Tensor,
        compute: Tensor,
        slices: Sequence[_Slice],
        kernels: Kernels,
        law: GateLaw,
        workspace: Workspace,
        own_gradient: Tensor | None = None,
    ) -> None:
        self.shape = weight.shape
        self.workspace = workspace
        self._weight, self._compute = weight.view(-1), compute.view(-1)
        self._own_gradient = None if own_gradient is None else own_gradient.view(-1)
        self._gated = Workspace()  # not ``workspace``, whose memory may contain the gradient that is being taken
        self._slices, self._kernels, self.law = slices, kernels, law
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
        """Draws the gates of all elements, if they are hard; the values of soft gates are computed where they are used."""
        for mine in self._slices:
            if isinstance(self.law, SignGate):
                self._kernels.open_positive(mine.logits, self._samples, mine.gates)
            elif not isinstance(self.law, SoftGate):
                self._kernels.open_gates(mine.logits, self._address(mine, 0), self._samples, mine.gates)
        self.is_drawn = True

    def copies(self, out: Tensor, start: int = 0) -> Tensor:
        """Writes the masked copies of the elements from ``start`` on to ``out``, ``[rows, elements]``; draws gates if needed.

        A tensor that is copied in pieces must be copied in order the first time: gates are drawn piece by piece, and then reused.
        """
        here = slice(start, start + out.shape[1])
        for mask, mine in enumerate(self._slices):
            into = out[mask * self._samples : (mask + 1) * self._samples]
            at = self._address(mine, start)
            if self.is_drawn or isinstance(self.law, SoftGate):
                self._copy(self._compute[here], mine, at, 0, into)
            elif isinstance(self.law, SignGate):
                self._kernels.open_positive(mine.logits[here], self._samples, mine.gates[here])
                self._copy(self._compute[here], mine, at, 0, into)
            else:
                self._kernels.draw_masked(mine.logits[here], self._compute[here], at, mine.gates[here], into)
        self.is_drawn = self.is_drawn or here.stop == self._weight.numel()
        return out

    def copy_sample(self, mask: int, sample: int, out: Tensor) -> None:
        """Writes the whole masked copy of one sample of one mask to ``out``, ``[n]``; the gates must be drawn."""
        mine = self._slices[mask]
        self._copy(self._compute, mine, self._address(mine, 0), sample, out[None])

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
        self._kernels.add_gradient(
            self.law,
            mine.logits[here],
            self._weight[here],
            mine.gates[here],
            gradients,
            self._address(mine, start),
            first_sample=first_sample,
            scale=self._scale,
            out=mine.gradient[here],
        )
        if self._own_gradient is not None:
            self._add_own(self._own_gradient[here], mine, gradients, start, first_sample)

    def _add_own(self, out: Tensor, mine: _Slice, gradients: Tensor, start: int, first_sample: int) -> None:
        """Adds the gradient of the weight itself: that of its copy, times the value of the gate."""
        gated = self._gated.take(gradients.shape[1], gradients.dtype, gradients.device)
        for row, gradient in enumerate(gradients):
            self._copy(gradient, mine, self._address(mine, start), first_sample + row, gated[None])
            out.add_(gated, alpha=self._scale)

    def _copy(self, values: Tensor, mine: _Slice, at: Address, first_sample: int, out: Tensor) -> None:
        """Writes copies of values under the gates of consecutive elements, from that of the address on."""
        here = slice(at.first, at.first + values.numel())
        if isinstance(self.law, SoftGate):
            self._kernels.copy_soft(self.law, mine.logits[here], values, at, first_sample, out)
        else:
            self._kernels.copy_open(values, mine.gates[here], first_sample, out)

    def _address(self, mine: _Slice, start: int) -> Address:
        return Address(mine.key, self._step, self._group, start)


def gate(
    weights: Mapping[str, Tensor],
    compute: Mapping[str, Tensor],
    masks: Sequence[LearnedMask],
    kernels: Kernels,
    law: GateLaw,
    own_gradients: Mapping[str, Tensor] | None = None,
) -> dict[str, GatedWeight]:
    """Combines weights and masks.

    Args:
        weights: the weights, contiguous, by dotted name; frozen, unless ``own_gradients`` is given.
        compute: the same weights in the dtype of the masked copies.
        masks: at least one mask; all cover these weights.
        kernels: the kernels for the passes over the weights.
        law: the law of the gates.
        own_gradients: if the weights are learned too: contiguous memory to which their gradients are added, the sum over masks of
            the mean over samples of gate times gradient.
    """
    samples: dict[str, list[_Slice]] = {name: [] for name in weights}
    for mask in masks:
        gates = torch.zeros(mask.logits.flat.shape, dtype=torch.uint8, device=mask.logits.flat.device)
        views = [mask.logits.by_tensor(flat) for flat in (mask.logits.flat, mask.gradient, gates)]
        for name, slices in samples.items():
            slices.append(_Slice(mask.noise.key(name), *(view[name].view(-1) for view in views)))
    workspace = Workspace()
    own = own_gradients or {}
    return {
        name: GatedWeight(weight, compute[name], samples[name], kernels, law, workspace, own.get(name))
        for name, weight in weights.items()
    }


def groups(samples: int) -> list[tuple[int, int]]:
    """Divides S samples into groups: returns the number of each group and its number of samples."""
    whole, rest = divmod(samples, SAMPLES_PER_GROUP)
    return [(number, SAMPLES_PER_GROUP) for number in range(whole)] + ([(whole, rest)] if rest else [])
