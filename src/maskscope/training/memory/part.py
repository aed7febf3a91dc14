"""What one part of the data takes of memory: measured by calling the network on a few items of it, then on more."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskscope.masks import Loss, Selection, call_with, evaluation_mode, is_faster_batched
from maskscope.training.mask_config import Compute
from maskscope.training.seeds import isolated_random
from maskscope.training.surroundings import usual_mode

# each try has so many times the items of the last one, if it is expected to take at most this share of what is free
_GROWTH, _DARES = 4, 0.5


@dataclass(frozen=True)
class PartMemory:
    """What one part takes of memory in a step: what its forward pass keeps for the backward pass, and what that needs.

    The first is measured, the second reckoned as twice the largest tensor that is kept: the gradients before and behind it.

    Args:
        items: how many items the part has, along the first dimension of its tensors; 0 if it has no such dimension.
        tried: the items of the largest piece that was tried: the whole part, unless it was expected to be too large.
        fixed: bytes whatever the number of items.
        each: bytes of an item.
    """

    items: int
    tried: int
    fixed: float
    each: float

    @property
    def bytes(self) -> int:
        """Of the whole part."""
        return round(self.fixed + self.each * max(1, self.items))

    def most_items(self, free: float) -> int:
        """How many items a part can have in so much memory; 0 if not even one."""
        return max(0, int((free - self.fixed) / self.each)) if self.each > 0 else self.items


def measure_part(
    network: nn.Module, loss: Loss, part: Any, selection: Selection, compute: Compute, free: int | None
) -> PartMemory | None:
    """What a part takes of memory, by calling the loss on a few of its items, then on four times as many, and so on.

    What it takes is linear in the items, as far as items do not depend on each other. So nothing is called that is expected to
    take more than half of what is free; what it would take is then said from the smaller pieces.

    Args:
        network: the network; it is not changed.
        loss: of the network on a part.
        part: of the data.
        selection: what masks are over.
        compute: how a search computes.
        free: bytes; None if it is not known.

    Returns:
        None if the loss cannot be computed for the part or any piece of it.
    """
    items = items_of(part)
    tried: list[tuple[int, int]] = []
    for count in _sizes(items):
        expected = tried[-1][1] * count / tried[-1][0] if tried else 0.0
        if free is not None and expected > _DARES * free:
            break
        piece = first_items(part, items, count) if count < items else part
        kept = _taken_bytes(network, partial(_of_part, loss, piece), piece, selection, compute)
        if kept is not None:
            tried.append((max(1, count), kept))
    if not tried:
        return None
    (few, least), (many, most) = tried[0], tried[-1]
    each = (most - least) / (many - few) if many > few else most / many
    return PartMemory(items, many, max(0.0, most - each * many), max(0.0, each))


def items_of(part: Any) -> int:
    """The items of a part: the first dimension that most of its tensors have; 0 if none has one."""
    counts = Counter(tensor.shape[0] for tensor in tensors_of(part) if tensor.dim())
    return counts.most_common(1)[0][0] if counts else 0


def first_items(part: Any, items: int, count: int) -> Any:
    """A part with only the first ``count`` of its ``items`` items; whatever has another first dimension is as it was."""
    if isinstance(part, Tensor):
        return part[:count] if part.dim() and part.shape[0] == items else part
    if type(part) in (list, tuple):
        return type(part)(first_items(one, items, count) for one in part)
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return type(part)(*(first_items(one, items, count) for one in part))
    if isinstance(part, Mapping):
        return {key: first_items(one, items, count) for key, one in part.items()}
    return part


def tensors_of(part: Any) -> Iterator[Tensor]:
    """The tensors in a part that is made of the usual containers."""
    if isinstance(part, Tensor):
        yield part
    elif isinstance(part, list | tuple):
        for one in part:
            yield from tensors_of(one)
    elif isinstance(part, Mapping):
        yield from tensors_of(list(part.values()))


def _sizes(items: int) -> list[int]:
    """1, 4, 16 and so on, and at last all."""
    sizes = []
    count = 1
    while count < items:
        sizes.append(count)
        count *= _GROWTH
    return [*sizes, items]


def _of_part(loss: Loss, part: Any, guest: nn.Module) -> Tensor:
    return loss(guest, part)


def _taken_bytes(network: nn.Module, use: Any, part: Any, selection: Selection, compute: Compute) -> int | None:
    """The bytes that a call takes besides weights and data; None if it fails, as a network may on a single item."""
    leaves = {name: weight.clone().requires_grad_() for name, weight in selection.of(network).items()}
    device = next(iter(leaves.values())).device
    there = {tensor.untyped_storage().data_ptr() for tensor in (*leaves.values(), *tensors_of(part))}
    kept: dict[int, tuple[int, bool]] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes(), tensor.is_floating_point()
        return tensor.detach()  # the output of an operation, kept by it as it is, would keep the operation: neither is ever freed

    reduced = torch.autocast(device.type, dtype=torch.bfloat16, enabled=compute.dtype == "bfloat16")
    batched = compute.executor in ("auto", "batched") and is_faster_batched(network)
    # the plain form of attention is the only one that can be batched, and keeps more
    attention = sdpa_kernel(SDPBackend.MATH) if batched else nullcontext()
    try:
        with (
            usual_mode(),
            evaluation_mode(network),
            isolated_random(0, device),
            saved_tensors_hooks(note, lambda tensor: tensor),
            reduced,
            attention,
        ):
            value = call_with(network, leaves, use)
        del value  # only now may what was kept be freed, and its memory be used again
    except Exception:
        return None  # whoever runs the loss on whole parts says what is wrong with it
    found = [size for place, size in kept.items() if place not in there]
    # what is not floating-point, such as the workspace of a recurrent layer, has no gradient
    return sum(size for size, _ in found) + 2 * max((size for size, has_gradient in found if has_gradient), default=0)
