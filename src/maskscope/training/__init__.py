"""Seeds, the one loop, fitting weights, finding masks, observers, checkpoints."""

from maskscope.training.batches import Batches, PartSource, SkippedPartsWarning
from maskscope.training.checkpoint import Checkpoint, ThreadsWarning
from maskscope.training.discover import Discovery, MaskConfig, discover
from maskscope.training.fit import FitConfig, fit
from maskscope.training.loop import LoopResult
from maskscope.training.observers import History, LossWarning, Moment, Observer, ProgressBar, Watchdog
from maskscope.training.seeds import child_seed, isolated_random

__all__ = [
    "Batches",
    "Checkpoint",
    "Discovery",
    "FitConfig",
    "History",
    "LoopResult",
    "LossWarning",
    "MaskConfig",
    "Moment",
    "Observer",
    "PartSource",
    "ProgressBar",
    "SkippedPartsWarning",
    "ThreadsWarning",
    "Watchdog",
    "child_seed",
    "discover",
    "fit",
    "isolated_random",
]
