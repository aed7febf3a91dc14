"""Training: the loop, fitting weights, finding masks, growing, observers, checkpoints and seeds."""

from maskscope.training.batches import Batches, PartSource, SkippedPartsWarning
from maskscope.training.checkpoint import Checkpoint, ThreadsWarning
from maskscope.training.discover import discover, discover_many
from maskscope.training.discovery import Discovery
from maskscope.training.fit import FitConfig, fit
from maskscope.training.fit_many import fit_many
from maskscope.training.grow import Growth, grow
from maskscope.training.judgement import Judgement
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.mask_objective import MaskObjective
from maskscope.training.mask_search import MaskSearch
from maskscope.training.memory import Need, PartMemory, available_bytes, measure_part, needs
from maskscope.training.objective import Objective
from maskscope.training.observers import History, LossWarning, Observer, ProgressBar, StepReport, Watchdog, watched_together
from maskscope.training.seeds import child_seed, isolated_random, unchanged_random
from maskscope.training.shared.discovery import ShardedDiscovery, discover_sharded
from maskscope.training.trackers import TRACKERS, Tracker, TrackerWarning

__all__ = [
    "TRACKERS",
    "Batches",
    "Checkpoint",
    "Compute",
    "Discovery",
    "FitConfig",
    "Growth",
    "History",
    "Judgement",
    "LoopConfig",
    "LoopResult",
    "LossWarning",
    "MaskConfig",
    "MaskObjective",
    "MaskSearch",
    "Need",
    "Objective",
    "Observer",
    "PartMemory",
    "PartSource",
    "ProgressBar",
    "ShardedDiscovery",
    "SkippedPartsWarning",
    "StepReport",
    "ThreadsWarning",
    "Tracker",
    "TrackerWarning",
    "Watchdog",
    "available_bytes",
    "child_seed",
    "discover",
    "discover_many",
    "discover_sharded",
    "fit",
    "fit_many",
    "grow",
    "isolated_random",
    "measure_part",
    "needs",
    "run_loop",
    "unchanged_random",
    "watched_together",
]
