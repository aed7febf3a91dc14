"""Sweeps of the arithmetic study: over the penalty, the network's size, and the estimator. No code.

`quick` sweeps of penalty and estimator have half the mask steps of the preset `quick` at twice its learning rate, so that a point
takes minutes; the size sweep keeps its settings. None of them chooses anything: presets were chosen on tuning networks
(docs/tuning.md).
"""

from dataclasses import replace

from maskscope.experiments.paper.addition_multiplication import PRESETS
from maskscope.experiments.spec import AdditionMultiplicationSpec, MaskSpec

SIZES = {
    "small": (400, 400, 200),
    "medium": (800, 800, 800, 800),
    "big": (2000, 2000, 2000, 2000),
    "huge": (4000, 4000, 4000, 4000),
}

_SMOKE, _QUICK, _PAPER = (PRESETS["mlp"][name][1] for name in ("smoke", "quick", "paper"))
_BARE = {"repeats": 0, "controls": (), "unrelated": 0, "random_draws": 1}
_SHORT = MaskSpec(steps=2_500, learning_rate=0.2, beta=5e-5)
_SIMPLE = replace(_PAPER, repeats=1, controls=(), unrelated=0, random_draws=1)

# by preset: settings, and the values of the axis
PENALTY: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    "smoke": (replace(_SMOKE, **_BARE), ("1e-5", "1e-3")),
    "quick": (replace(_QUICK, **_BARE, mask=_SHORT), ("1e-5", "5e-5", "1e-4", "2e-4", "5e-4", "2e-3")),
    "paper": (
        replace(_PAPER, **_BARE),
        tuple(
            f"{value * 1e-5:g}"
            for value in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.5, 15, 17.5, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
        ),
    ),
}
SIZE: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    "smoke": (replace(_SMOKE, **{**_BARE, "repeats": 1}), ("small",)),
    "quick": (replace(_QUICK, controls=(), random_draws=1), ("small", "medium")),
    "paper": (_SIMPLE, tuple(SIZES)),
}
ESTIMATOR: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    "smoke": (replace(_SMOKE, **{**_BARE, "repeats": 1}), ("rao-blackwell", "straight-through")),
    "quick": (replace(_QUICK, controls=(), random_draws=1, mask=_SHORT), ("rao-blackwell", "straight-through")),
    "paper": (_SIMPLE, ("rao-blackwell", "straight-through")),
}
# the value that the presets of that name take, where there is one; the mask settings of quick sweeps differ (see above)
CHOSEN = {"smoke": "", "quick": "5e-5", "paper": "0.0001"}
