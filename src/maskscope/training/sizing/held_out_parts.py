"""Which parts a path of masks is judged on, and what a search pays more for."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from maskscope.errors import BatchesError, ConfigError, MaskMismatchError
from maskscope.masks import MaskLogits, Selection
from maskscope.masks.sizes import BehaviourKept, Size
from maskscope.training.batches import Batches, PartSource
from maskscope.training.mask_search import MaskSearch

# of a list of parts, this share is held out
_HELD_OUT = 0.2


def search_and_held_out(wanted: Sequence[MaskSearch], size: Size, first_unused: int) -> tuple[list[Batches], list[list[Any]]]:
    """The batches to search with, and the held-out parts, for each mask; none are held out unless the size needs them.

    Args:
        wanted: the masks to find.
        size: what decides the size of the masks.
        first_unused: the index of the first part that no search asks for.

    Raises:
        BatchesError: there are fewer than two held-out parts, or it is not known which to hold out.
    """
    if not isinstance(size, BehaviourKept):
        return [one.batches for one in wanted], [[] for _ in wanted]
    split = [_split(one, size.parts, first_unused) for one in wanted]
    return [batches for batches, _ in split], [parts for _, parts in split]


def crowding_of(search: MaskSearch, selection: Selection, device: torch.device) -> Tensor | None:
    """What the penalty of each unit is multiplied by: 1 + repulsion times the number of avoided masks that keep it.

    Raises:
        MaskMismatchError: a mask to avoid covers other weights.
    """
    if not search.avoid:
        return None
    crowding = torch.ones(selection.unit_count, device=device)
    for mask in search.avoid:
        if mask.units != selection.units:
            raise MaskMismatchError(
                f"A mask to avoid is over other units than {search.name} is searched in: {mask!r}. Take masks of the same "
                "selection."
            )
        kept = MaskLogits.from_units(selection, {name: bits.to(device, torch.float32) for name, bits in mask.by_unit().items()})
        crowding.add_(kept.flat, alpha=search.repulsion)
    return crowding


def _split(search: MaskSearch, count: int, first_unused: int) -> tuple[Batches, list[Any]]:
    batches, given = search.batches, search.held_out
    if given is not None:
        return batches, _first(PartSource(given), 0, count, search.name)
    if isinstance(batches, list | tuple):
        held = round(_HELD_OUT * len(batches))
        if held < 2:
            raise BatchesError(
                f"BehaviourKept judges masks on held-out parts, and the batches of {search.name} are a list of {len(batches)}: "
                f"its last fifth would be {held}, and at least 2 are needed. Cut the data into more parts, or give "
                "held_out=[...]."
            )
        return batches[: len(batches) - held], list(batches[len(batches) - held :])[:count]
    if callable(batches):
        return batches, _first(PartSource(batches), first_unused, count, search.name)
    raise BatchesError(
        f"BehaviourKept judges masks on held-out parts, and the batches of {search.name} are a {type(batches).__name__}, of "
        "which it is not known which parts can be held out. Give held_out=[...], a list of parts that are not among the "
        "batches."
    )


def _first(source: PartSource, start: int, count: int, name: str) -> list[Any]:
    parts: list[Any] = []
    try:
        for place in range(count):
            parts.append(source.beyond(start + place))  # noqa: PERF401 - what came first is kept
    except BatchesError as error:
        if len(parts) < 2:
            raise BatchesError(f"The held-out parts of {name}: {error} At least 2 were expected.") from error
    if len(parts) < 2:
        raise ConfigError(f"The held-out parts of {name} are {len(parts)}; at least 2 were expected.")
    return parts
