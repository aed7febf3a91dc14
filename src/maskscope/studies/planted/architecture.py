"""Kinds of network in which a small network can be laid: which dimension of which parameter counts which units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask
from maskscope.studies.planted.small_networks import PatchCNN, TokenTransformer
from maskscope.zoo import LSTM, MLP

Sizes = Mapping[str, int]
Places = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Architecture:
    """A kind of network of any size.

    Args:
        build: a network of these sizes, by axis.
        axes: for each parameter, what its dimensions count; one dimension may count two things (head and unit of the head).
        fixed: sizes of axes that are the same in every network.
        small: sizes of the networks that functions are learned in.
        large: sizes of the network that they are planted in, for a number of hidden units.
    """

    build: Callable[[Sizes], nn.Module]
    axes: Mapping[str, tuple[str, ...]]
    fixed: Sizes
    small: Sizes
    large: Callable[[int], Sizes]

    def small_sizes(self, outputs: int) -> dict[str, int]:
        """All sizes of a network that functions are learned in."""
        return {**self.fixed, **self.small, "output": outputs}

    def large_sizes(self, outputs: int, hidden: int) -> dict[str, int]:
        """All sizes of a network that functions are planted in."""
        return {**self.fixed, **self.large(hidden), "output": outputs}

    def used(self, mask: BinaryMask, sizes: Sizes) -> dict[str, list[int]]:
        """For each axis that is not fixed, the units that have a weight in a mask."""
        used: dict[str, set[int]] = {axis: set() for axis in self.small}
        for name, bits in mask.items():
            found = bits.view([sizes[axis] for axis in self.axes[name]]).nonzero()
            for place, axis in enumerate(self.axes[name]):
                if axis in used:
                    used[axis] |= set(found[:, place].tolist())
        return {axis: sorted(units) for axis, units in used.items()}

    def index(self, name: str, sizes: Sizes, places: Places) -> Tensor:
        """The indices, in the flattened parameter, of everything between the units at some places; other axes whole."""
        axes = self.axes[name]
        # an axis may have no place: a function may read no unit of it
        places_of_axes = [torch.tensor(places.get(axis, range(sizes[axis])), dtype=torch.int64) for axis in axes]
        chosen = torch.meshgrid(places_of_axes, indexing="ij")
        strides = [prod(sizes[axis] for axis in axes[place + 1 :]) for place in range(len(axes))]
        return torch.stack([units * stride for units, stride in zip(chosen, strides, strict=True)]).sum(0).flatten()


LEARNED_MLP = Architecture(
    build=lambda size: MLP((size["input"], size["first"], size["second"], size["output"])),
    axes={
        "layers.0.weight": ("first", "input"),
        "layers.0.bias": ("first",),
        "layers.1.weight": ("second", "first"),
        "layers.1.bias": ("second",),
        "layers.2.weight": ("output", "second"),
        "layers.2.bias": ("output",),
    },
    fixed={"input": 8},
    small={"first": 10, "second": 8},
    large=lambda hidden: {"first": hidden, "second": hidden},
)
PATCH_CNN = Architecture(
    build=lambda size: PatchCNN((size["input"], size["first"], size["second"], size["output"])),
    axes={
        "first.weight": ("first", "input", "row", "column"),
        "first.bias": ("first",),
        "second.weight": ("second", "first", "row", "column"),
        "second.bias": ("second",),
        "output.weight": ("output", "second"),
        "output.bias": ("output",),
    },
    fixed={"input": 2, "row": 3, "column": 3},
    small={"first": 10, "second": 8},
    large=lambda hidden: {"first": hidden // 4, "second": 3 * hidden // 8},
)
PAIR_LSTM = Architecture(
    build=lambda size: LSTM(size["input"], size["output"], size["unit"], layers=1),
    axes={
        "core.weight_ih_l0": ("gate", "unit", "input"),
        "core.weight_hh_l0": ("gate", "unit", "unit"),
        "core.bias_ih_l0": ("gate", "unit"),
        "core.bias_hh_l0": ("gate", "unit"),
        "output.weight": ("output", "unit"),
        "output.bias": ("output",),
    },
    fixed={"input": 8, "gate": 4},
    small={"unit": 10},
    large=lambda hidden: {"unit": hidden // 2},
)
TOKEN_TRANSFORMER = Architecture(
    build=lambda size: TokenTransformer(
        size["token"], size["output"], size["head"], size["head width"], size["width"], size["hidden"]
    ),
    axes={
        "embedding.weight": ("width", "input"),
        "positions": ("token", "width"),
        "query.weight": ("head", "head width", "width"),
        "query.bias": ("head", "head width"),
        "key.weight": ("head", "head width", "width"),
        "key.bias": ("head", "head width"),
        "value.weight": ("head", "head width", "width"),
        "value.bias": ("head", "head width"),
        "out.weight": ("width", "head", "head width"),
        "out.bias": ("width",),
        "up.weight": ("hidden", "width"),
        "up.bias": ("hidden",),
        "down.weight": ("width", "hidden"),
        "down.bias": ("width",),
        "output.weight": ("output", "width"),
        "output.bias": ("output",),
    },
    fixed={"input": 1, "token": 8, "head width": 2},
    small={"head": 6, "width": 12, "hidden": 12},
    large=lambda hidden: {"head": hidden // 4, "width": hidden // 2, "hidden": hidden},
)
