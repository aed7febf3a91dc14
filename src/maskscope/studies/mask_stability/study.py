"""A classifier of images, and two masks for the same pair of classes: how alike are they?

Source: Csordás et al. 2021 (the authors' `cifar10_mask_stability`).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.study import Study
from maskscope.errors import ConfigError
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Shuffles
from maskscope.studies.images.networks import image_task, pinned_images
from maskscope.studies.images.subject import ImageSubject
from maskscope.studies.mask_stability.numbers import UNITS, stability_numbers
from maskscope.studies.mask_stability.page import PAGE
from maskscope.studies.mask_stability.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.mask_stability.spec import MaskStabilitySpec
from maskscope.tasks import Task


class _Stability(ImageSubject[MaskStabilitySpec]):
    units: ClassVar[Mapping[str, Unit]] = UNITS

    def task(
        self, spec: MaskStabilitySpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        data = pinned_images(spec, data_dir)
        return image_task(spec, data, {**class_pairs(data.classes, spec)}, device)

    def has_full_mask(self, spec: MaskStabilitySpec) -> bool:
        return False

    def numbers(self, network: NetworkResult[Any]) -> Numbers:
        return stability_numbers(network)


def class_pairs(classes: Sequence[str], spec: MaskStabilitySpec) -> dict[str, tuple[str, ...]]:
    """Pairs of classes drawn without replacement, by name.

    Raises:
        ConfigError: there are not so many.
    """
    every = list(combinations(classes, 2))
    if spec.pairs > len(every):
        raise ConfigError(f"pairs is {spec.pairs}; {len(classes)} classes have {len(every)} pairs.")
    drawn = np.random.default_rng(spec.pairs_seed).choice(len(every), spec.pairs, replace=False)
    return {"-and-".join(every[place]): every[place] for place in sorted(drawn)}


STUDY = Study(
    name="cifar10-mask-stability",
    summary="a classifier of images, and two masks for the same pair of classes: how alike are they? (the ceiling of overlap)",
    spec=MaskStabilitySpec,
    procedure=MaskProcedure(_Stability()),
    page=PAGE,
    title="CIFAR-10, stability of masks",
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    not_in_paper=("resnet20",),
)
