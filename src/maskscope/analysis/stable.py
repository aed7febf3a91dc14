"""The stable core of a function: the units that are in most of its masks, and how many would be by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maskscope.analysis.one_network import require_one_network
from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask

MIN_REPEATS = 5


@dataclass(frozen=True)
class StableCore:
    """The units that are in at least a share q of m masks of one function.

    Args:
        mask: these units; by default, single weights.
        repeats: m, the number of masks.
        needed: a unit of the core is in at least this many masks.
        kept: the number of units in the core.
        share: the core's share of all maskable units; NaN if there are none.
        kept_by_chance: mean size of the core of independent random masks with the same sizes in each tensor.
        share_by_chance: ``kept_by_chance`` as a share of all maskable units.
    """

    mask: BinaryMask
    repeats: int
    needed: int
    kept: int
    share: float
    kept_by_chance: float
    share_by_chance: float


def stable_core(masks: Sequence[BinaryMask], share: float) -> StableCore:
    """The weights that at least ``share`` of the masks keep, and the mean number of such weights for independent random masks.

    A random mask i keeps a weight of tensor k with probability p_ik, the density of mask i there. If masks are independent, the
    number of masks that keep a weight is Poisson-binomial, and the core by chance has sum_k N_k P(number >= needed) weights on
    average.

    Args:
        masks: of one function on one network, from m >= 5 independent repeats.
        share: q, above 0 and up to 1; a weight of the core is in at least q m masks, rounded up.

    Raises:
        ConfigError: fewer than 5 masks, or a share outside (0, 1].
        MaskMismatchError: masks over different weights, or found on different networks.

    Source: docs/statistics.md, "Stable core".
    """
    # it takes most of a second to load, and few runs have repeats
    from scipy.stats import poisson_binom

    masks = list(masks)
    if len(masks) < MIN_REPEATS:
        raise ConfigError(
            f"A stable core of {len(masks)} masks was asked for; at least {MIN_REPEATS} repeats are needed to say what is stable."
        )
    if not 0 < share <= 1:
        raise ConfigError(f"share is {share}; a number above 0 and up to 1 was expected.")
    require_one_network({f"mask {place}": mask for place, mask in enumerate(masks)}, "stable core")
    # less 1e-9, because rounding can make the product too large: .7 x 10 is 7.000000000000001
    needed = math.ceil(share * len(masks) - 1e-9)
    bits_of, densities = [mask.by_unit() for mask in masks], [mask.density_by_tensor for mask in masks]
    core, by_chance = {}, 0.0
    for name, bits in bits_of[0].items():
        times = torch.stack([one[name].to(bits.device) for one in bits_of]).sum(0)
        core[name] = times >= needed
        if bits.numel():
            by_chance += bits.numel() * float(poisson_binom.sf(needed - 1, [one[name] for one in densities]))
    made_by = {"stable core": [mask.made_by for mask in masks], "needed": needed}
    weights = {name: known for mask in masks for name, known in mask.weights.items()}
    shapes = {name: bits.shape for name, bits in masks[0].items()}
    found = BinaryMask.from_units(masks[0].groups, core, shapes, weights, made_by, masks[0].off)
    count = found.count or math.nan
    return StableCore(found, len(masks), needed, found.kept, found.kept / count, by_chance, by_chance / count)
