"""Addition and multiplication in one network: are the two operations in different weights?

Source: Csordás et al. 2021, section 3.1.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch

from maskscope.engine.study import Study
from maskscope.procedure.controls import SHUFFLED_LABELS, SHUFFLED_WEIGHTS, UNTRAINED, Control, by_name
from maskscope.procedure.measure import random_halves
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.subject import Shuffles
from maskscope.studies.addition_multiplication.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.addition_multiplication.sweeps import SWEEPS
from maskscope.studies.arithmetic.page import PAGE
from maskscope.studies.arithmetic.subject import ArithmeticSubject
from maskscope.tasks import AdditionMultiplication, Task


class _Arithmetic(ArithmeticSubject[AdditionMultiplicationSpec]):
    lstm_steps: ClassVar[int] = 3
    controls: ClassVar[Mapping[str, Control]] = by_name(UNTRAINED, SHUFFLED_WEIGHTS, SHUFFLED_LABELS)

    def task(
        self, spec: AdditionMultiplicationSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        return AdditionMultiplication(spec.digits, spec.train_items, device, spec.torch_dtype, relabelled)

    def early_tensors(self, spec: AdditionMultiplicationSpec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
        """Half of the names, rounded up; five random halves of an LSTM's. The transformer (ours) is as the feed-forward network.

        Source: the authors' code.
        """
        if spec.network == "lstm":
            return random_halves(names, seed)
        return [tuple(names[: math.ceil(len(names) / 2)])]


STUDY = Study(
    name="addition-multiplication",
    summary="one network adds or multiplies two numbers: are the two operations in different weights? (P_specialize)",
    spec=AdditionMultiplicationSpec,
    procedure=MaskProcedure(_Arithmetic()),
    page=PAGE,
    title="Addition and multiplication",
    size=("hidden",),
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    not_in_paper=("transformer",),
    shown_settings=("hidden",),
    sweeps=SWEEPS,
)
