"""The density floor of two masks in each tensor and, of a deep network, in each group of tensors."""

from collections.abc import Mapping, Sequence

from maskscope.analysis import Floor, density_floor
from maskscope.masks import OverlapCounts

# with more tensors, layers are shown as groups of them
_MOST_TENSORS = 32


def layers_of(tensors: Sequence[str]) -> list[str]:
    """The tensors, or of a deep network their groups: the first two parts of a dotted name stand for all under it."""
    if len(tensors) <= _MOST_TENSORS:
        return list(tensors)
    return list(dict.fromkeys(map(_group, tensors)))


def belongs(name: str, place: str | None) -> bool:
    """Whether a tensor is in a place: a tensor, a group of tensors, or (None) the network."""
    return place is None or name == place or name.startswith(f"{place}.")


def floors_by_place(by_tensor: Mapping[str, OverlapCounts]) -> dict[str, Floor]:
    """The density floor in each tensor and, of a deep network, in each group of tensors.

    The seed is that of reports of format 1, which simulated these floors themselves: pages stay as they were.
    """
    places = {name: [counts] for name, counts in by_tensor.items()}
    if len(places) > _MOST_TENSORS:
        groups: dict[str, list[OverlapCounts]] = {}
        for name, counts in by_tensor.items():
            groups.setdefault(_group(name), []).append(counts)
        places |= groups
    return {place: density_floor(counts, seed=0) for place, counts in places.items()}


def _group(tensor: str) -> str:
    return ".".join(tensor.split(".")[:2])
