"""Draws of many elements, and which estimators draw: what the tests of estimators share."""

from maskscope.masks import ESTIMATORS, make_estimator
from maskscope.masks.kernels import SoftGate
from maskscope.masks.kernels.counter import draw_words, stream_key

N = 1 << 15
SHARES = (0.0, 0.5, 1.0)
DRAWN = [name for name, kind in ESTIMATORS.items() if kind.draws]
SOFT = [name for name in ESTIMATORS if isinstance(make_estimator(name).law(), SoftGate)]
HARD = [name for name in ESTIMATORS if name not in SOFT]
HARD_AND_DRAWN = [name for name in HARD if name in DRAWN]


def draws(*name):
    return draw_words(stream_key("test", *name), step=0, block=0, first=0, count=N)
