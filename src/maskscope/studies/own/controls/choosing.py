"""Which weights a rule is planted in, and the rule that these weights can be taught."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.analysis.attribution import by_unit
from maskscope.masks import BinaryMask, Off, Selection, evaluation_mode, loss_and_gradient
from maskscope.studies.own.controls.rule import Readout, first_answers, items_of
from maskscope.tasks import Task
from maskscope.training import child_seed

# units to plant: so many single weights, or so many larger units; of small networks this share, or the fewest
_WEIGHTS, _LARGER, _MOST, _FEWEST = 16, 4, 0.05, 4
# a group of so many times these is chosen from alone
_ROOM = 4
# for each of them so many are drawn at random, and those with the largest influence on the answers are taken
_DRAWN = 32
# a nudge is so small, against a usual weight of the tensor, that its effect is nearly linear; and no weight moves by more or less
# than others by so many times to have the same influence
_NUDGE, _EVENED = 0.25, 4.0
# entries of an answer that are read
_READ = 64
# of the variance of the entries that are read: keeps the read-out from entries that hardly vary
_RIDGE = 1e-3
# a rule that holds for fewer or for more items is no rule
_BALANCED = (0.3, 0.7)


@dataclass(frozen=True)
class UnitsOf:
    """The units of a selection, numbered through all groups.

    Args:
        selection: the weights and their units.
        off: what stands in place of units that are off.
    """

    selection: Selection
    off: Off

    def mask(self, numbers: Sequence[int]) -> BinaryMask:
        """The mask of some units."""
        flat = torch.zeros(self.selection.unit_count, dtype=torch.bool)
        flat[torch.tensor(numbers, dtype=torch.int64)] = True
        shapes = self.selection.unit_shapes
        parts = flat.split([torch.Size(shape).numel() for shape in shapes.values()])
        bits = {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return BinaryMask.from_units(self.selection.groups, bits, self.selection.shapes, off=self.off)

    def pool(self, random: torch.Generator) -> Sequence[int]:
        """Numbers of the units of one group, which is drawn in proportion to its size; of all units, where that is small.

        So the chosen weights are in one place, and any place may be it: weights with the most influence of all are often those of
        the last layer.
        """
        counts = [group.count for group in self.selection.groups]
        ends = torch.tensor(counts).cumsum(0)
        drawn = int(torch.randint(int(ends[-1]), (1,), generator=random))
        place = int(torch.searchsorted(ends, drawn, right=True))
        if counts[place] < _ROOM * self.most:
            return self.every
        return range(int(ends[place]) - counts[place], int(ends[place]))

    @property
    def every(self) -> Sequence[int]:
        """The numbers of all units."""
        return range(self.selection.unit_count)

    @property
    def most(self) -> int:
        """How many units are planted at most."""
        total = self.selection.unit_count
        most = _WEIGHTS if all(group.is_single for group in self.selection.groups) else _LARGER
        return max(min(_FEWEST, total // 4), min(most, int(_MOST * total)))

    def draw(self, influence: Mapping[str, Tensor], pool: Sequence[int], random: torch.Generator) -> list[int]:
        """Of units drawn at random from a pool, those with the most influence; fewer where others have none."""
        flat = torch.cat([values.flatten() for values in by_unit(influence, self.selection).values()]).cpu()
        places = torch.randperm(len(pool), generator=random)[: _DRAWN * self.most]
        drawn = torch.tensor([pool[place] for place in places.tolist()])
        taken = drawn[flat[drawn].argsort(descending=True, stable=True)[: self.most]]
        return sorted(int(number) for number in taken if flat[number] > 0)


def influence_of(
    network: nn.Module,
    task: Task,
    parts: Sequence[Any],
    selection: Selection,
    seed: int,
    read: Callable[[Tensor], Tensor] = items_of,
) -> dict[str, Tensor]:
    """How much each weight can change what is read of the answers, by dotted name.

    It is the squared gradient of the sum with random signs: over all signs, its mean is the sum of all squared gradients.

    Args:
        network: it is not changed.
        task: whose loss calls the network.
        parts: of its data.
        selection: the weights.
        seed: of the signs.
        read: what is read of the answers to a part; by default, all.
    """
    weights = selection.of(network)
    total = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()}

    def signed(guest: nn.Module, numbered: tuple[int, Any]) -> Tensor:
        found = read(first_answers(guest, task, numbered[1]))
        random = torch.Generator().manual_seed(child_seed(seed, "signs", numbered[0]))
        signs = 2 * torch.randint(2, found.shape, generator=random) - 1
        return (found * signs.to(found)).sum() / len(found)

    with evaluation_mode(network):
        for numbered in enumerate(parts):
            for name, gradient in loss_and_gradient(network, signed, numbered, weights)[1].items():
                total[name] += gradient.float() ** 2
    return total


@dataclass(frozen=True)
class Change:
    """Some weights of a network, and a way to move them.

    Args:
        places: in each flattened tensor that has some, by dotted name.
        amounts: how far each of these moves, up or down.
    """

    places: Mapping[str, Tensor]
    amounts: Mapping[str, Tensor]

    def tensors(self, network: nn.Module, factor: float = 1.0) -> dict[str, Tensor]:
        """The tensors that change, by dotted name, when every weight moves by its amount times a factor."""
        return {name: self.moved(network, name, factor * amounts) for name, amounts in self.amounts.items()}

    def moved(self, network: nn.Module, name: str, by: Tensor) -> Tensor:
        """A tensor whose weights at the places moved by so much."""
        weight, places = network.get_parameter(name).detach(), self.places[name]
        flat = weight.flatten()
        return flat.index_copy(0, places, (flat[places].float() + by).to(flat.dtype)).view(weight.shape)

    def among(self, chosen: BinaryMask) -> dict[str, Tensor]:
        """Which of the places a mask keeps, by dotted name."""
        return {name: chosen[name].flatten().to(places.device)[places] for name, places in self.places.items()}

    def only(self, chosen: BinaryMask) -> "Change":
        """The same for the weights of a mask."""
        kept = {name: here for name, here in self.among(chosen).items() if here.any()}
        return Change(
            {name: self.places[name][here] for name, here in kept.items()},
            {name: self.amounts[name][here] for name, here in kept.items()},
        )


def nudge_of(network: nn.Module, chosen: BinaryMask, influence: Mapping[str, Tensor], random: torch.Generator) -> Change:
    """A small way to move the chosen weights, each at random up or down, such that all have about the same influence.

    If they had not, most of them would not be needed.
    """
    places, effects, usual = {}, {}, {}
    for name, bits in chosen.items():
        if bits.any():
            weight = network.get_parameter(name).detach().float()
            places[name] = bits.flatten().nonzero().flatten().to(weight.device)
            usual[name] = float(weight.square().mean().sqrt()) or 1.0
            effects[name] = usual[name] * influence[name].flatten()[places[name]].sqrt()
    middle = torch.cat([*effects.values()]).median()
    amounts = {}
    for name, effect in effects.items():
        signs = (2 * torch.randint(2, effect.shape, generator=random) - 1).to(effect)
        amounts[name] = signs * _NUDGE * usual[name] * (middle / effect).nan_to_num(1.0).clamp(1 / _EVENED, _EVENED)
    return Change(places, amounts)


def direction_of(before: Tensor, after: Tensor) -> Readout | None:
    """The read-out in which a nudge shows best against what the answers vary by anyway; None where it does not show.

    Args:
        before: the answers of the network, a row for each item.
        after: those of the nudged network.
    """
    before, moved = before.double(), (after - before).double()
    places = moved.var(0).argsort(descending=True, stable=True)[:_READ].sort().values
    before, moved = before[:, places], moved[:, places]
    if len(before) < 2 or not float(moved.var(0).sum()) > 0:
        return None
    towards = torch.linalg.eigh(moved.T.cov(correction=0).reshape(len(places), len(places))).eigenvectors[:, -1]
    spread = before.T.cov(correction=0).reshape(len(places), len(places))
    ridge = _RIDGE * float(spread.trace()) / len(places) or 1.0
    direction = torch.linalg.solve(spread + ridge * torch.eye(len(places)).to(spread), towards)
    size = float((before @ direction).std()) or float((moved @ direction).std())
    if not 0 < size < float("inf"):
        return None
    return Readout(places, (direction / size).float(), float((before @ direction / size).median()), 0.0)


def with_rule(readout: Readout, before: Tensor, after: Tensor) -> Readout | None:
    """The read-out with the rule that a nudge defines; None where that holds for nearly all items, or for hardly any."""
    changes = readout.values(after) - readout.values(before)
    median = float(changes.median())
    if not _BALANCED[0] <= float((changes > median).double().mean()) <= _BALANCED[1]:
        return None
    return replace(readout, median=median)
