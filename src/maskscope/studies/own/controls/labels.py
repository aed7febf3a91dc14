"""Shuffled labels: the labels of each part permuted among its items, so that nothing connects them with the inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import BatchesError
from maskscope.masks import call_with, evaluation_mode
from maskscope.tasks import Task
from maskscope.tasks.calling import LABELS
from maskscope.tasks.functions import FunctionData, PartOf
from maskscope.training import child_seed, isolated_random

_NEEDED = (
    "For shuffled labels, parts have to be pairs (inputs, labels), or mappings with labels under labels, label, targets, target "
    "or y, and labels a tensor with an entry for each of at least 2 items. Give them so, or leave shuffled-labels out of the "
    "controls."
)


def labels_in(part: Any) -> Tensor | None:
    """The labels of a part, as `with_labels` would replace them; None where there are none that could be permuted."""
    if isinstance(part, Mapping):
        found = next((part[key] for key in LABELS if key in part), None)
    else:
        found = part[-1] if isinstance(part, tuple | list) and len(part) > 1 else None
    return found if isinstance(found, Tensor) and found.dim() and len(found) > 1 else None


def with_labels(part: Any, labels: Tensor) -> Any:
    """A part with other labels; everything else is the same object."""
    if isinstance(part, Mapping):
        key = next(key for key in LABELS if key in part)
        changed = {**part, key: labels}
        return changed if type(part) is dict else _of_type(part, changed)
    items = [*part[:-1], labels]
    return type(part)(*items) if hasattr(part, "_fields") else type(part)(items)


def shuffled(part: Any, seed: int) -> Any:
    """A part with its labels permuted.

    Raises:
        BatchesError: it has none.
    """
    labels = labels_in(part)
    if labels is None:
        raise BatchesError(f"A part of the type {type(part).__name__} has no labels that could be shuffled. {_NEEDED}")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed % (1 << 62)))
    return with_labels(part, labels[order.to(labels.device)])


def with_shuffled_labels(data: FunctionData, seed: int) -> FunctionData:
    """The data of a function, in all its uses, with the labels of each part permuted: each part in an order of its own."""

    def all_of(use: str, parts: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(shuffled(part, child_seed(seed, use, place)) for place, part in enumerate(parts))

    def part_of(function: PartOf, index: int) -> Any:
        return shuffled(function(index), child_seed(seed, "search", index))

    parts = partial(part_of, data.parts) if callable(data.parts) else all_of("search", data.parts)
    return replace(data, parts=parts, scored=all_of("scored", data.scored), held_out=all_of("held out", data.held_out))


def have_labels(data: FunctionData) -> bool:
    """Whether the first part has labels that could be permuted."""
    return labels_in(data.parts(0) if callable(data.parts) else data.parts[0]) is not None


def depends_on_labels(network: nn.Module, task: Task, others: Sequence[Task], function: str) -> bool:
    """Whether the loss of a part is another when its labels are permuted. If not, shuffling them changes nothing.

    Args:
        network: it is not changed.
        task: with the labels as they are.
        others: with shuffled ones, in several orders.
        function: of the task.
    """
    values = []
    with evaluation_mode(network), torch.no_grad():
        for one in (task, *others):
            part = one.batches(function, 1, 0)(0)
            with isolated_random(0, one.device):
                values.append(float(call_with(network, {}, partial(one.loss, part=part))))
    return any(value != values[0] for value in values[1:])


def _of_type(part: Mapping[str, Any], changed: dict[str, Any]) -> Any:
    """The same kind of mapping, as of transformers' BatchEncoding, which takes its data as the first argument."""
    try:
        return type(part)(changed)  # type: ignore[call-arg]
    except TypeError:
        return changed
