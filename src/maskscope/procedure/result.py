"""What is measured on networks and their masks: typed results, one for each network."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from maskscope.analysis import Floor, NullTest, Sharing
from maskscope.masks import OverlapCounts
from maskscope.tasks import Scores

More = TypeVar("More")


@dataclass(frozen=True)
class Kept:
    """Weights kept in one tensor, of how many."""

    kept: int
    weights: int


def share_kept(parts: Iterable[Kept]) -> float:
    """The share of the weights that is kept; NaN if there are none."""
    parts = list(parts)
    whole = sum(part.weights for part in parts)
    return sum(part.kept for part in parts) / whole if whole else math.nan


@dataclass(frozen=True)
class MaskResult:
    """One mask on one network.

    Args:
        function: what it was found for: a function's name, or ``all`` for the full mask.
        repeat: 0, or the number of the repeat.
        by_tensor: weights kept, by dotted name.
        undecided: share of logits with a keep probability between .05 and .95.
        final_loss: mean loss of the last 100 steps, under sampled masks.
        unmasked_loss: loss without masks, at the first step's data.
        sufficiency: scores under the mask.
        necessity: scores under its inverse.
        necessity_full_io: the same, but input and output tensors under the full mask (the paper's first-full-mask control).
        top_weights: scores under the weights of largest |weight x gradient|, as many in each tensor as the mask keeps.
        random_removed: scores without random weights, as many in each tensor as the mask keeps; one for each draw.
        histogram: counts of keep probabilities in equal bins of [0, 1].
        in_full: how many weights of the full mask the mask keeps, of how many, by dotted name; empty without a full mask.
        judged_by: the function that the mask is for, where it has another name than the mask; empty elsewhere.
    """

    function: str
    repeat: int
    by_tensor: Mapping[str, Kept]
    undecided: float
    final_loss: float
    unmasked_loss: float
    sufficiency: Scores
    necessity: Scores
    necessity_full_io: Scores | None
    top_weights: Scores
    random_removed: tuple[Scores, ...]
    histogram: tuple[int, ...]
    in_full: Mapping[str, Kept] = field(default_factory=dict)
    judged_by: str = ""

    @property
    def own(self) -> str:
        """The function whose score is that of what the mask is for."""
        return self.judged_by or self.function

    @property
    def label(self) -> str:
        """The function, with the number of the repeat if it is one."""
        return self.function if self.repeat == 0 else f"{self.function}, repeat {self.repeat}"

    @property
    def density(self) -> float:
        """Share of weights kept."""
        return share_kept(self.by_tensor.values())


@dataclass(frozen=True)
class PairResult:
    """The overlap of two masks on one network.

    Args:
        first: function and repeat of A.
        second: function and repeat of B.
        by_tensor: counts, by dotted name.
        floor: what the sizes alone give, over all maskable weights.
        floor_used: the same inside the union of the full mask and all masks of functions: the weights in use.
        floors: the floor in each tensor, by dotted name, and in each group of tensors of a deep network; empty until the results
            of all networks are put together.
    """

    first: tuple[str, int]
    second: tuple[str, int]
    by_tensor: Mapping[str, OverlapCounts]
    floor: Floor
    floor_used: Floor
    floors: Mapping[str, Floor] = field(default_factory=dict)

    @property
    def total(self) -> OverlapCounts:
        """The sum over tensors."""
        return OverlapCounts.total(self.by_tensor.values())


@dataclass(frozen=True)
class SharingResult:
    """What two functions share on one network.

    Args:
        functions: their names.
        all_weights: normalised sharing with the floor over all maskable weights.
        used_weights: the same with the floor inside the weights in use.
        hidden_weights: without input and output tensors, which two places cannot share; None where the functions have the same.
        null: the overlap of the two masks among overlaps with arbitrary functions, on networks trained for that; None without.
        null_accuracy: how well each of those networks does its arbitrary function; the test is valid where that is like this
            network's accuracy.
    """

    functions: tuple[str, str]
    all_weights: Sharing
    used_weights: Sharing
    hidden_weights: Sharing | None
    null: NullTest | None
    null_accuracy: tuple[float, ...] = ()


@dataclass(frozen=True)
class CoreResult:
    """The stable core of a function: the weights that most of its repeats keep.

    Args:
        function: its name.
        repeats: masks of it.
        needed: masks that a weight of the core is in, at least.
        kept: size of the core.
        share: of all maskable weights.
        share_by_chance: what independent masks of those sizes would have in common so.
    """

    function: str
    repeats: int
    needed: int
    kept: int
    share: float
    share_by_chance: float


@dataclass(frozen=True)
class HalfMask:
    """The half-mask test of the full mask: accuracies over all functions, with the mask on some tensors only.

    Args:
        early: the early tensors.
        full: accuracy with the mask everywhere.
        early_masked: with the mask on the early tensors.
        late_masked: with the mask on the others.
    """

    early: tuple[str, ...]
    full: float
    early_masked: float
    late_masked: float


@dataclass(frozen=True)
class NetworkResult(Generic[More]):
    """Everything measured on one network.

    Args:
        seed: the network's root seed.
        variant: the trained network, or which control.
        unmasked: scores without a mask.
        masks: every mask.
        pairs: every pair of masks of functions; where a study compares something else, of that.
        sharing: of every pair of functions.
        cores: of every function with enough repeats.
        half_masks: of the full mask, for each choice of early tensors.
        more: the results that only this study has; None: there are none.
    """

    seed: int
    variant: str
    unmasked: Scores
    masks: tuple[MaskResult, ...]
    pairs: tuple[PairResult, ...]
    sharing: tuple[SharingResult, ...]
    cores: tuple[CoreResult, ...]
    half_masks: tuple[HalfMask, ...]
    more: More | None = None

    def mask(self, name: str, repeat: int = 0) -> MaskResult | None:
        """The mask of that name, or None."""
        return next((found for found in self.masks if (found.function, found.repeat) == (name, repeat)), None)
