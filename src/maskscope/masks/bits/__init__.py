"""The bits of masks, eight a byte: what any mask says of itself, and masks that stay in their files, however large they are."""

from maskscope.masks.bits.combine import RULES, combine_masks
from maskscope.masks.bits.facts import MaskedWeight, MaskFacts, combined, require_same_weights
from maskscope.masks.bits.mask import Mask, check_mask
from maskscope.masks.bits.mask_file import MaskFile

__all__ = [
    "RULES",
    "Mask",
    "MaskFacts",
    "MaskFile",
    "MaskedWeight",
    "check_mask",
    "combine_masks",
    "combined",
    "require_same_weights",
]
