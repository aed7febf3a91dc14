"""What the sizes of two masks give in each tensor and, of a deep network, in each group of tensors: for the record."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from maskscope.analysis import Floor, density_floor
from maskscope.experiments.record import NetworkResult, PairResult
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


def with_floors(networks: Iterable[NetworkResult]) -> tuple[NetworkResult, ...]:
    """Networks whose pairs of masks have their floors by place; those that have them already keep them."""
    return tuple(replace(network, pairs=tuple(_completed(pair) for pair in network.pairs)) for network in networks)


def _completed(pair: PairResult) -> PairResult:
    return pair if pair.floors else replace(pair, floors=_floors(pair))


def _floors(pair: PairResult) -> dict[str, Floor]:
    """The seed is that of reports of format 1, which simulated these floors themselves: pages stay as they were."""
    places = {name: [counts] for name, counts in pair.by_tensor.items()}
    if len(places) > _MOST_TENSORS:
        groups: dict[str, list[OverlapCounts]] = {}
        for name, counts in pair.by_tensor.items():
            groups.setdefault(_group(name), []).append(counts)
        places |= groups
    return {place: density_floor(counts, seed=0) for place, counts in places.items()}


def _group(tensor: str) -> str:
    return ".".join(tensor.split(".")[:2])
