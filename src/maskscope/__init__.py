"""maskscope finds the subnetwork that carries each function of a trained network, and measures specialisation and reuse."""

from maskscope.errors import MaskscopeError
from maskscope.masks import (
    BinaryMask,
    MaskLogits,
    Noise,
    Selection,
    bake,
    call_masked,
    dice,
    iomin,
    iou,
    sample,
    select,
)
from maskscope.training import (
    Checkpoint,
    Compute,
    Discovery,
    FitConfig,
    History,
    MaskConfig,
    Observer,
    ProgressBar,
    Wanted,
    Watchdog,
    discover,
    discover_many,
    fit,
)

__version__ = "0.1.0"

__all__ = [
    "BinaryMask",
    "Checkpoint",
    "Compute",
    "Discovery",
    "FitConfig",
    "History",
    "MaskConfig",
    "MaskLogits",
    "MaskscopeError",
    "Noise",
    "Observer",
    "ProgressBar",
    "Selection",
    "Wanted",
    "Watchdog",
    "bake",
    "call_masked",
    "dice",
    "discover",
    "discover_many",
    "fit",
    "iomin",
    "iou",
    "sample",
    "select",
]
