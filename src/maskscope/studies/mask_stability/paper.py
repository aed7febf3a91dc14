"""Mask stability on images: settings, claims and differences. No code.

The rules of all claims and their constants were fixed before any record was made.
"""

from dataclasses import replace

from maskscope.engine.claims import Claim, Condition
from maskscope.engine.study import SMOKE_TEXT, Preset
from maskscope.studies.differences import IMAGES, METHOD
from maskscope.studies.images.presets import QUICK, SMOKE
from maskscope.studies.mask_stability.spec import MaskStabilitySpec

_BARE = MaskStabilitySpec(network="cnn-no-dropout", repeats=1)
_SMOKE = replace(_BARE, fit=SMOKE[0], mask=SMOKE[1], pairs=2, random_draws=1)
_QUICK = replace(_BARE, fit=QUICK[0], mask=QUICK[1], pairs=3, random_draws=1)
_PAPER = replace(_BARE, pairs=10, random_draws=2)
_PAPER_TEXT = "the published settings: ten pairs of classes, two masks each"
PRESETS: dict[str, dict[str, Preset[MaskStabilitySpec]]] = {
    "cnn-no-dropout": {
        "smoke": (SMOKE_TEXT, _SMOKE),
        "quick": ("minutes on two cores for each network: three pairs, fewer steps, a higher mask learning rate", _QUICK),
        "paper": (_PAPER_TEXT, _PAPER),
    },
    "cnn": {
        "smoke": (SMOKE_TEXT, replace(_SMOKE, network="cnn")),
        "paper": (f"{_PAPER_TEXT}; the paper's network has no dropout here", replace(_PAPER, network="cnn")),
    },
}

_LEARNED = (Condition("mean accuracy", "", "", ">=", 0.65),)

CLAIMS = (
    Claim(
        "masks are stable",
        "Do two masks for the same pair of classes overlap by at least .2 of IoU more than masks for different pairs do?",
        (Condition("iou of repeats beyond different functions", "", "", ">=", 0.2),),
        _LEARNED,
    ),
)

DIFFERENCES = (
    *METHOD,
    *IMAGES,
    "Each mask has an output layer of its own; the authors copy that of the first pair's first mask into all others, so that its "
    "IoU is 1 by construction and the output is wrong for the other pairs.",
    "The pairs are unordered, drawn once by a seed, and the same for every network.",
    "The overlap of repeats is the ceiling of normalised sharing between masks for different pairs.",
)
