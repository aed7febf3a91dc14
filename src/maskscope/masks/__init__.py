"""Masks, and running networks under masks. Nothing here knows about data sets, optimizers or experiments."""

from maskscope.masks.binary import BinaryMask, WeakMaskWarning
from maskscope.masks.bits import Mask, MaskedWeight, MaskFile, check_mask, combine_masks
from maskscope.masks.call import bake, call_masked, call_with, evaluation_mode, unmasked, weights_under
from maskscope.masks.copying import copy_network
from maskscope.masks.estimators import ESTIMATORS, Annealing, Estimator, make_estimator
from maskscope.masks.executors import (
    EXECUTORS,
    Executor,
    LearnedMask,
    PackedLSTMMode,
    gate,
    is_faster_batched,
    make_executor,
)
from maskscope.masks.gradient import BackwardPass, Loss, loss_and_gradient
from maskscope.masks.kernels import KERNELS, SAMPLES_PER_GROUP, Kernels, SlowKernelsWarning, make_kernels
from maskscope.masks.kernels.exact import has_bfloat16
from maskscope.masks.logits import MaskLogits
from maskscope.masks.off import OFF, Off
from maskscope.masks.overlap import (
    OverlapCounts,
    SharedNoiseWarning,
    dice,
    group_overlap,
    iomin,
    iou,
    iou_from_dice,
    overlap_by_tensor,
    overlaps,
)
from maskscope.masks.sample import Noise, masked_weights, sample
from maskscope.masks.selection import Selection, WeightTensor, select
from maskscope.masks.shards.mask import ShardedMask, whole_mask
from maskscope.masks.sizes import BehaviourKept, Penalty, Size, TargetDensity
from maskscope.masks.units import UNITS, Heads, Layout, Role, UnitGroup, UnitRule
from maskscope.masks.units.patterns import UnmatchedPatternWarning

__all__ = [
    "ESTIMATORS",
    "EXECUTORS",
    "KERNELS",
    "OFF",
    "SAMPLES_PER_GROUP",
    "UNITS",
    "Annealing",
    "BackwardPass",
    "BehaviourKept",
    "BinaryMask",
    "Estimator",
    "Executor",
    "Heads",
    "Kernels",
    "Layout",
    "LearnedMask",
    "Loss",
    "Mask",
    "MaskFile",
    "MaskLogits",
    "MaskedWeight",
    "Noise",
    "Off",
    "OverlapCounts",
    "PackedLSTMMode",
    "Penalty",
    "Role",
    "Selection",
    "ShardedMask",
    "SharedNoiseWarning",
    "Size",
    "SlowKernelsWarning",
    "TargetDensity",
    "UnitGroup",
    "UnitRule",
    "UnmatchedPatternWarning",
    "WeakMaskWarning",
    "WeightTensor",
    "bake",
    "call_masked",
    "call_with",
    "check_mask",
    "combine_masks",
    "copy_network",
    "dice",
    "evaluation_mode",
    "gate",
    "group_overlap",
    "has_bfloat16",
    "iomin",
    "iou",
    "iou_from_dice",
    "is_faster_batched",
    "loss_and_gradient",
    "make_estimator",
    "make_executor",
    "make_kernels",
    "masked_weights",
    "overlap_by_tensor",
    "overlaps",
    "sample",
    "select",
    "unmasked",
    "weights_under",
    "whole_mask",
]
