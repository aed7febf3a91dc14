"""Networks and masks in, small frozen results out. Nothing here trains anything."""

from maskscope.analysis.ablation import (
    kept_counts,
    random_mask_like,
    top_weights,
    top_weights_overall,
    warm_start,
    weight_times_gradient,
)
from maskscope.analysis.floor import Floor, density_floor
from maskscope.analysis.score import half_mask_scores, score
from maskscope.analysis.sharing import Sharing, counts_among, normalised_sharing
from maskscope.analysis.stats import Summary, summarise

__all__ = [
    "Floor",
    "Sharing",
    "Summary",
    "counts_among",
    "density_floor",
    "half_mask_scores",
    "kept_counts",
    "normalised_sharing",
    "random_mask_like",
    "score",
    "summarise",
    "top_weights",
    "top_weights_overall",
    "warm_start",
    "weight_times_gradient",
]
