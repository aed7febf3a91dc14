"""The networks on which estimators are compared: what they are trained on, and the paper's settings of their masks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maskscope.engine.study import Study
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.subject import Subject
from maskscope.studies.addition_multiplication.study import STUDY as ARITHMETIC
from maskscope.studies.class_removal.study import STUDY as REMOVAL
from maskscope.tasks import Scores


@dataclass(frozen=True)
class Case:
    """A kind of network.

    Args:
        title: what it is.
        study: the study whose task and network these are.
        spec: the settings of the study: the network, and how it is trained.
        paper: the paper's settings of a mask on this kind of network.
        functions: the functions that masks are searched for, unless others are named.
        step: the name in benchmarks/cases.py under which a step of this kind of network is timed.
    """

    title: str
    study: Study[Any]
    spec: Any
    paper: MaskSpec
    functions: tuple[str, ...]
    step: str

    @property
    def subject(self) -> Subject[Any]:
        """What the study knows of its task and its networks."""
        assert isinstance(self.study.procedure, MaskProcedure), "masks on a trained network are what is compared here"
        return self.study.procedure.subject


_QUICK, _PAPER = ARITHMETIC.preset("quick"), ARITHMETIC.preset("paper")
_RECURRENT, _ATTENTION = ARITHMETIC.preset("paper", "lstm"), ARITHMETIC.preset("quick", "transformer")
_IMAGES = REMOVAL.preset("quick", "cnn-no-dropout")
_IMAGES_PAPER = REMOVAL.preset("paper", "cnn-no-dropout")

CASES: Mapping[str, Case] = {
    # fitted as the preset quick does: 10,000 steps instead of 20,000
    "fnn-400-400-200": Case("FNN 400-400-200", ARITHMETIC, _QUICK, MaskSpec(), ("mul",), "small"),
    "fnn-2000x4": Case("FNN 2000 x 4", ARITHMETIC, _PAPER, MaskSpec(), ("mul",), "big"),
    "cnn": Case(
        "CNN without dropout, CIFAR-10",
        REMOVAL,
        _IMAGES,
        replace(_IMAGES_PAPER.mask, estimator="rao-blackwell"),
        ("all",),
        "cnn",
    ),
    "lstm": Case("LSTM 2 x 256", ARITHMETIC, _RECURRENT, MaskSpec(), ("mul",), "lstm"),
    "transformer": Case(
        "Transformer 3 x 128", ARITHMETIC, replace(_ATTENTION, hidden=(128,) * 3), MaskSpec(), ("mul",), "transformer"
    ),
}


def accuracy_on(scores: Scores, function: str) -> float:
    """The accuracy on a function; on all of them, the mean."""
    values = [scores.accuracy[function]] if function in scores.accuracy else list(scores.accuracy.values())
    return sum(values) / len(values)
