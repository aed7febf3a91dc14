"""How much memory the searches of a study take, whether that is there, and what lowers it."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from maskscope.errors import SelectionError
from maskscope.masks import SAMPLES_PER_GROUP, Selection, is_faster_batched, select
from maskscope.procedure.settings import MaskSpec
from maskscope.tasks import Task
from maskscope.training import Compute, PartMemory, available_bytes, measure_part, needs
from maskscope.training.memory import tensors_of

# a cure that saves less than this share is not worth a word
_WORTH = 0.05


@dataclass(frozen=True)
class SearchMemory:
    """What the masks that are found together take of memory, beside the network and whatever the process has already.

    Args:
        network: that they are masks of.
        selection: what the masks are over.
        spec: how they are found.
        compute: how that is computed.
        device: where.
        masks: how many are found together.
        part: what a part of the data takes; None if that is not known.
    """

    network: nn.Module
    selection: Selection
    spec: MaskSpec
    compute: Compute
    device: torch.device
    masks: int
    part: PartMemory | None

    @property
    def at_once(self) -> int:
        """How many parts are in memory at the same time."""
        rows = self.masks * min(self.spec.samples_per_step, SAMPLES_PER_GROUP)
        executor = self.compute.executor
        if executor == "threads":
            return min(rows, torch.get_num_threads()) if self.device.type == "cpu" else 1
        return rows if executor == "batched" or (executor == "auto" and is_faster_batched(self.network)) else 1

    @property
    def bytes(self) -> int:
        """Of logits, gradients, masked copies, and of the parts that are in memory at the same time."""
        return self._without_parts + self.at_once * (self.part.bytes if self.part else 0)

    def cures(self, free: int) -> list[str]:
        """Settings that lower what is needed, a sentence each; first those that would be enough."""
        found = [
            self._smaller_parts(free),
            self._as("executor='sequential'", free, compute=replace(self.compute, executor="sequential")),
            self._fewer_samples(free),
            self._as("compute_dtype='bfloat16'", free, halves=True, compute=replace(self.compute, dtype="bfloat16")),
            self._rows(free),
        ]
        sentences = sorted((one for one in found if one), key=lambda one: not one[0])
        return [text for _, text in sentences] or ["Mask fewer weights (exclude=...), or find fewer masks."]

    @property
    def _without_parts(self) -> int:
        samples = self.spec.samples_per_step
        rows = needs(self.network, self.selection, self.compute, self.device, samples=samples, masks=self.masks)
        return sum(need.bytes for need in rows)

    def _smaller_parts(self, free: int) -> tuple[bool, str] | None:
        part = self.part
        if part is None or part.items < 2:
            return None
        most = part.most_items((free - self._without_parts) / self.at_once)
        if not 0 < most < part.items:
            return None
        times = self.spec.accumulation * math.ceil(part.items / most)
        return True, (
            f"A smaller batch_size: parts of {most:,} items instead of {part.items:,} would fit. With "
            f"accumulation={times} a step still sees as many."
        )

    def _fewer_samples(self, free: int) -> tuple[bool, str] | None:
        fewer = self.spec.samples_per_step // 2
        if not fewer:
            return None
        spec = replace(self.spec, samples_per_step=fewer, batch_size=self.spec.part_size * fewer)
        return self._as(f"samples_per_step={fewer} with accumulation={2 * self.spec.accumulation}", free, spec=spec)

    def _rows(self, free: int) -> tuple[bool, str] | None:
        """Logits by row instead of by weight, where a row fits every tensor."""
        if self.selection.units:
            return None
        try:
            by_row = select(self.network, self.selection.include, self.selection.exclude, units="row")
        except SelectionError:
            return None
        return self._as("units='row'", free, selection=by_row)

    def _as(self, words: str, free: int, *, halves: bool = False, **changes: Any) -> tuple[bool, str] | None:
        """What other settings would take; None if that is hardly less."""
        other = replace(self, **changes)
        if halves and other.part:
            part = other.part
            other = replace(other, part=replace(part, fixed=part.fixed / 2, each=part.each / 2))
        if other.bytes > (1 - _WORTH) * self.bytes:
            return None
        enough = other.bytes <= free
        return enough, f"{words}: {_gib(other.bytes)} instead of {_gib(self.bytes)}{'' if enough else ', not enough alone'}."


def search_memory(
    network: nn.Module, task: Task, spec: MaskSpec, compute: Compute, selection: Selection, masks: int
) -> SearchMemory:
    """What a search takes, with the memory of a part measured on the largest of the functions' first parts."""
    device = next(network.parameters()).device
    part = _largest_first_part(task, spec)
    measured = None if part is None else measure_part(network, task.loss, part, selection, compute, available_bytes(device))
    return SearchMemory(network, selection, spec, compute, device, masks, measured)


def _largest_first_part(task: Task, spec: MaskSpec) -> Any:
    """None if there is none to be had: the run then says what is wrong with the data."""
    parts = []
    for function in task.functions:
        try:
            parts.append(task.batches(function, spec.part_size, 0)(0))
        except Exception:
            return None
    return max(parts, key=lambda part: sum(one.nbytes for one in tensors_of(part)), default=None)


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
