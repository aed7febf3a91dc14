"""Measures of networks and masks; each returns a small frozen dataclass or a number. Nothing here trains anything."""

from maskscope.analysis.ablation import (
    kept_counts,
    random_mask_like,
    top_weights,
    top_weights_overall,
    warm_start,
)
from maskscope.analysis.attribution import integrated_gradients, magnitude, weight_times_gradient
from maskscope.analysis.controls import shuffled_weights
from maskscope.analysis.cross import CrossMatrix, cross_matrix
from maskscope.analysis.distortion import GradientCosine, gradient_cosine
from maskscope.analysis.floor import Floor, density_floor, dice_floor
from maskscope.analysis.mask_difference import MaskDifference, TensorDifference, kinds_of_units, mask_difference, off_in_words
from maskscope.analysis.mask_history import found_for, settings_of
from maskscope.analysis.null import NullTest, holm, mid_p_value, null_test, unrelated_null, unrelated_p_value
from maskscope.analysis.one_network import require_one_network
from maskscope.analysis.score import half_mask_scores, score, score_many
from maskscope.analysis.selection_table import SelectionTable, TensorRow, selection_table
from maskscope.analysis.sharing import (
    MeanDice,
    Sharing,
    between,
    ceiling,
    ceiling_exceeds_floor,
    counts_among,
    normalised_sharing,
)
from maskscope.analysis.stable import MIN_REPEATS, StableCore, stable_core
from maskscope.analysis.stats import Proportion, Summary, proportion, summarise
from maskscope.analysis.transfer import MIN_PRIVATE, Transfer, transfer

__all__ = [
    "MIN_PRIVATE",
    "MIN_REPEATS",
    "CrossMatrix",
    "Floor",
    "GradientCosine",
    "MaskDifference",
    "MeanDice",
    "NullTest",
    "Proportion",
    "SelectionTable",
    "Sharing",
    "StableCore",
    "Summary",
    "TensorDifference",
    "TensorRow",
    "Transfer",
    "between",
    "ceiling",
    "ceiling_exceeds_floor",
    "counts_among",
    "cross_matrix",
    "density_floor",
    "dice_floor",
    "found_for",
    "gradient_cosine",
    "half_mask_scores",
    "holm",
    "integrated_gradients",
    "kept_counts",
    "kinds_of_units",
    "magnitude",
    "mask_difference",
    "mid_p_value",
    "normalised_sharing",
    "null_test",
    "off_in_words",
    "proportion",
    "random_mask_like",
    "require_one_network",
    "score",
    "score_many",
    "selection_table",
    "settings_of",
    "shuffled_weights",
    "stable_core",
    "summarise",
    "top_weights",
    "top_weights_overall",
    "transfer",
    "unrelated_null",
    "unrelated_p_value",
    "warm_start",
    "weight_times_gradient",
]
