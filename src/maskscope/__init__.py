"""maskscope finds the subnetwork that carries each function of a trained network, and measures specialisation and reuse."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskscope.analysis import (
        Transfer,
        integrated_gradients,
        kept_counts,
        normalised_sharing,
        random_mask_like,
        score,
        shuffled_weights,
        top_weights,
        transfer,
        weight_times_gradient,
    )
    from maskscope.atlases import atlas
    from maskscope.errors import MaskscopeError
    from maskscope.exchange import export, from_hub, hub_folder, masks_from_hub, masks_in_folder, push_to_hub
    from maskscope.masks import (
        Annealing,
        BehaviourKept,
        BinaryMask,
        Heads,
        Layout,
        MaskFile,
        MaskLogits,
        Noise,
        Off,
        Penalty,
        Selection,
        ShardedMask,
        TargetDensity,
        UnitGroup,
        UnitRule,
        WeakMaskWarning,
        bake,
        call_masked,
        combine_masks,
        dice,
        iomin,
        iou,
        sample,
        select,
        unmasked,
        whole_mask,
    )
    from maskscope.studies.own.alternatives import Alternatives, alternatives
    from maskscope.studies.own.masks_of_run import masks_of_run
    from maskscope.studies.own.study import Study
    from maskscope.surgery import Shrunk, shrink
    from maskscope.tasks.named_objectives import Values
    from maskscope.training import (
        Checkpoint,
        Compute,
        Discovery,
        FitConfig,
        Growth,
        History,
        Judgement,
        MaskConfig,
        MaskSearch,
        Observer,
        ProgressBar,
        ShardedDiscovery,
        Tracker,
        Watchdog,
        discover,
        discover_many,
        discover_sharded,
        fit,
        fit_many,
        grow,
    )

__version__ = "0.1.0"

__all__ = [
    "Alternatives",
    "Annealing",
    "BehaviourKept",
    "BinaryMask",
    "Checkpoint",
    "Compute",
    "Discovery",
    "FitConfig",
    "Growth",
    "Heads",
    "History",
    "Judgement",
    "Layout",
    "MaskConfig",
    "MaskFile",
    "MaskLogits",
    "MaskSearch",
    "MaskscopeError",
    "Noise",
    "Observer",
    "Off",
    "Penalty",
    "ProgressBar",
    "Selection",
    "ShardedDiscovery",
    "ShardedMask",
    "Shrunk",
    "Study",
    "TargetDensity",
    "Tracker",
    "Transfer",
    "UnitGroup",
    "UnitRule",
    "Values",
    "Watchdog",
    "WeakMaskWarning",
    "alternatives",
    "atlas",
    "bake",
    "call_masked",
    "combine_masks",
    "dice",
    "discover",
    "discover_many",
    "discover_sharded",
    "export",
    "fit",
    "fit_many",
    "from_hub",
    "grow",
    "hub_folder",
    "integrated_gradients",
    "iomin",
    "iou",
    "kept_counts",
    "masks_from_hub",
    "masks_in_folder",
    "masks_of_run",
    "normalised_sharing",
    "push_to_hub",
    "random_mask_like",
    "sample",
    "score",
    "select",
    "shrink",
    "shuffled_weights",
    "top_weights",
    "transfer",
    "unmasked",
    "weight_times_gradient",
    "whole_mask",
]


# Where the public names are, in the order of the ranks. They are imported when one is asked for: torch takes seconds to load, and
# `maskscope --help` needs none of it; the studies bring claims and pages, which a search for a mask does not need.
_PLACES = (
    "errors",
    "masks",
    "training",
    "analysis",
    "surgery",
    "tasks.named_objectives",
    "exchange",
    "atlases",
    "studies.own.study",
    "studies.own.alternatives",
    "studies.own.masks_of_run",
)


def __getattr__(name: str) -> Any:
    """A public name, or one of the packages that they are in; imported now, and kept."""
    if name in _PLACES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        for place in _PLACES:
            module = importlib.import_module(f"{__name__}.{place}")
            if name in getattr(module, "__all__", vars(module)):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, sorted."""
    return sorted({*globals(), *__all__})
