"""The request for one mask: the data of its function, and the identity of its noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask, MaskLogits, Noise
from maskscope.training.batches import Batches
from maskscope.training.observers import Observer

# whether to check first that masking works, and whether a selected weight may then be without gradient
Check = bool | Literal["but for unused weights"]


@dataclass(frozen=True)
class MaskSearch:
    """One of several masks that `discover_many` finds together.

    Args:
        name: the name of the function; the mask noise depends on it.
        batches: a function ``batches(index) -> part`` or an iterable of parts.
        seed: the root seed of the mask noise.
        repeat: the number of the repeat, if there are several masks for the same function.
        observers: objects that watch the run.
        initial: the initial logits; by default, all are ``initial_logit`` of the settings.
        held_out: parts that the masks of a path are judged on (`BehaviourKept`), not among ``batches``. By default: of a
            function of an index, parts of indices above those of the search; of a list, its last fifth, which is then not
            searched with.
        avoid: masks whose units are to be used as little as possible: what a unit pays is multiplied by 1 + ``repulsion`` times
            the number of these masks that keep it.
        repulsion: see ``avoid``; at least 0.
        network: the network that this mask is over, if it is not that of the call: one of the same layers and shapes with other
            weights. Masks of several networks that are searched together have their samples in one call, where one network's
            could have.
    """

    name: str
    batches: Batches
    seed: int = 0
    repeat: int = 0
    observers: Sequence[Observer] = ()
    initial: MaskLogits | None = None
    held_out: Batches | None = None
    avoid: Sequence[BinaryMask] = ()
    repulsion: float = 10.0
    network: nn.Module | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.repulsion < math.inf:
            raise ConfigError(f"repulsion is {self.repulsion}; a finite number of at least 0 was expected.")

    @property
    def noise(self) -> Noise:
        """The identity of the mask's random stream."""
        return Noise(self.seed, self.name, self.repeat)

    def __str__(self) -> str:
        return f"{self.name} (seed {self.seed}, repeat {self.repeat})"


def require_searches(wanted: Sequence[MaskSearch], *, draws: bool) -> None:
    """Raises `ConfigError` if there is no mask to find, or if two would be the same by construction.

    Args:
        wanted: the masks to find.
        draws: whether the estimator draws its gates. If not, equal data give equal masks, whatever the seed.
    """
    if not wanted:
        raise ConfigError("No mask is wanted; at least one was expected.")
    noises = [(one.noise, id(one.network)) for one in wanted]
    twice = sorted({str(one) for one in wanted if noises.count((one.noise, id(one.network))) > 1})
    if twice:
        raise ConfigError(
            f"Wanted twice with one identity: {', '.join(twice)}. Their noise would be the same at every step; give them "
            "different names, repeats or seeds."
        )
    if draws:
        return
    of_data = [(id(one.network), id(one.batches), id(one.initial), tuple(map(id, one.avoid))) for one in wanted]
    same = sorted({str(one) for one, data in zip(wanted, of_data, strict=True) if of_data.count(data) > 1})
    if same:
        raise ConfigError(
            f"The estimator draws nothing, so these searches of the same batches would find the same mask: {', '.join(same)}. "
            "Give them other batches (another order, or other parts), or take an estimator that draws."
        )
