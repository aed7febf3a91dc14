"""Sweeps of the arithmetic study: over the penalty, the network's size, and the estimator. No code.

`quick` sweeps of penalty and estimator have half the mask steps of the preset `quick` at twice its learning rate, so that a point
takes minutes; the size sweep keeps its settings. None of them chooses anything: presets were chosen on tuning networks
(docs/tuning.md).
"""

from dataclasses import replace

from maskscope.engine.study import Sweep
from maskscope.procedure.settings import MaskSpec
from maskscope.studies.addition_multiplication.paper import PRESETS
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec

SIZES = {
    "small": (400, 400, 200),
    "medium": (800, 800, 800, 800),
    "big": (2000, 2000, 2000, 2000),
    "huge": (4000, 4000, 4000, 4000),
}

_SMOKE, _QUICK, _PAPER = (PRESETS["mlp"][name][1] for name in ("smoke", "quick", "paper"))
_SHORT = MaskSpec(steps=2_500, learning_rate=0.2, beta=5e-5)
# without what the axis is not about: no ceiling where overlap alone is shown, no controls
_BARE_SMOKE, _BARE_QUICK, _BARE_PAPER = (
    replace(spec, repeats=0, controls=(), unrelated=0, random_draws=1) for spec in (_SMOKE, replace(_QUICK, mask=_SHORT), _PAPER)
)
_WITH_CEILING = {
    name: replace(spec, repeats=1) for name, spec in (("smoke", _BARE_SMOKE), ("quick", _BARE_QUICK), ("paper", _BARE_PAPER))
}

# by preset: settings, and the values of the axis
_PENALTY: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    "smoke": (_BARE_SMOKE, ("1e-5", "1e-3")),
    "quick": (_BARE_QUICK, ("1e-5", "5e-5", "1e-4", "2e-4", "5e-4", "2e-3")),
    "paper": (
        _BARE_PAPER,
        tuple(
            f"{value * 1e-5:g}"
            for value in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.5, 15, 17.5, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)
        ),
    ),
}
_SIZE: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    "smoke": (_WITH_CEILING["smoke"], ("small",)),
    "quick": (replace(_WITH_CEILING["quick"], mask=_QUICK.mask), ("small", "medium")),
    "paper": (_WITH_CEILING["paper"], tuple(SIZES)),
}
_ESTIMATOR: dict[str, tuple[AdditionMultiplicationSpec, tuple[str, ...]]] = {
    preset: (spec, ("rao-blackwell", "straight-through")) for preset, spec in _WITH_CEILING.items()
}
# the value that the presets of that name take, where there is one; the mask settings of quick sweeps differ (see above)
_CHOSEN = {"smoke": "", "quick": "5e-05", "paper": "0.0001"}

SWEEPS = (
    Sweep(
        "penalty",
        "mask.beta",
        "beta",
        "accuracy, density and overlap against beta: where does the penalty begin to cost accuracy?",
        _PENALTY,
        _CHOSEN,
    ),
    Sweep("size", "hidden", "size", "what the two masks share against the size of the network", _SIZE, values=SIZES),
    Sweep(
        "estimator",
        "mask.estimator",
        "estimator",
        "gradient estimators at equal steps: accuracy, density, sharing, stability",
        _ESTIMATOR,
    ),
)
