"""A classifier of images, and masks found without one class: what does a class own?

Source: Csordás et al. 2021, the section on CIFAR-10.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch

from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.study import Study
from maskscope.errors import UnknownNameError
from maskscope.masks import BinaryMask
from maskscope.procedure.plans import Search
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles
from maskscope.storage import Json
from maskscope.studies.class_removal.measure import measure_removal
from maskscope.studies.class_removal.numbers import UNITS, removal_numbers
from maskscope.studies.class_removal.page import PAGE
from maskscope.studies.class_removal.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.class_removal.result import RemovalResult
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.studies.images.networks import OUTPUT, image_task, pinned_images
from maskscope.studies.images.subject import ImageSubject
from maskscope.tasks import Task, removal_name, without_each

# layers of the CNN that the half-mask test takes as early
_EARLY_LAYERS = 3


class _Removal(ImageSubject[ClassRemovalSpec]):
    more: ClassVar[type] = RemovalResult
    units: ClassVar[Mapping[str, Unit]] = UNITS

    def task(
        self, spec: ClassRemovalSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        data = pinned_images(spec, data_dir)
        for unknown in (name for name in (*spec.classes, spec.gradient_cosine) if name and name not in data.classes):
            raise UnknownNameError(f"class of {data.name}", unknown, data.classes)
        sought = without_each(data.classes, spec.classes or data.classes)
        if spec.gradient_cosine:
            sought[_distorting(spec)] = without_each(data.classes, [spec.gradient_cosine])[removal_name(spec.gradient_cosine)]
        return image_task(spec, data, sought, device)

    def searches(self, spec: ClassRemovalSpec, task: Task) -> list[Search]:
        """Without each class, the output layer that of the full mask, so that no class is lost by the deletion of its output; and
        one with an output layer of its own, whose distortion of gradients is measured.

        Source: Csordás et al. 2021 (`keep_last_layer`).
        """
        kept = (OUTPUT,) if spec.keep_output else ()
        own = _distorting(spec)
        return [Search(name, name, compared=name != own, keeps=() if name == own else kept) for name in task.mask_targets]

    def early_tensors(self, spec: ClassRemovalSpec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
        """Convolutions 1 to 3 of the CNN. None in ResNets, of which the paper has no such test.

        Source: the authors' code.
        """
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))[:_EARLY_LAYERS]
        return [tuple(name for name in names if name.rpartition(".")[0] in layers)] if spec.network.startswith("cnn") else []

    def compared(self, masked: MaskedNetwork[ClassRemovalSpec]) -> list[Compared]:
        """What classes own: masks without one class have nearly everything in common."""
        full, class_of = masked.full, {mask: name for name, mask in _masks(masked.task).items()}
        assert full is not None, "class removal has a full mask"
        return [Compared(class_of[one.name], one.repeat, full - one.mask) for one in super().compared(masked)]

    def weights_in_use(self, masked: MaskedNetwork[ClassRemovalSpec], compared: Sequence[Compared]) -> BinaryMask:
        """The full mask: a class owns a part of it."""
        assert masked.full is not None, "class removal has a full mask"
        return masked.full

    def measure_more(self, masked: MaskedNetwork[ClassRemovalSpec], compared: Sequence[Compared]) -> RemovalResult:
        return measure_removal(masked, compared, _masks(masked.task), _distorting(masked.spec))

    def numbers(self, network: NetworkResult[RemovalResult]) -> Numbers:
        return removal_numbers(network)

    def from_second_format(self, network: Json) -> Json:
        more = {name: network[name] for name in ("owned", "cosines", "filters") if name in network}
        return {name: value for name, value in network.items() if name not in (*more, "sequences")} | {"more": more}


def _masks(task: Task) -> dict[str, str]:
    """The mask that is found without each class, by the class."""
    return {name: removal_name(name) for name in task.functions if removal_name(name) in task.mask_targets}


def _distorting(spec: ClassRemovalSpec) -> str:
    """The mask whose distortion of gradients is measured; empty: none."""
    return f"{removal_name(spec.gradient_cosine)}-own-output" if spec.gradient_cosine else ""


STUDY = Study(
    name="cifar10-class-removal",
    summary="a classifier of images, and masks found without one class: what does a class own? (P_specialize)",
    spec=ClassRemovalSpec,
    procedure=MaskProcedure(_Removal()),
    page=PAGE,
    title="CIFAR-10, one class removed",
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    not_in_paper=("resnet20",),
)
