"""What the studies of one image classifier have in common: the network, pinned images, masks found together if so asked."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

from torch import nn

from maskscope.engine.records.record import DataOrigin
from maskscope.procedure.subject import Subject
from maskscope.studies.images.networks import image_network, images_origin, pinned_images
from maskscope.studies.images.spec import ImageSpec
from maskscope.tasks import Task

Spec = TypeVar("Spec", bound=ImageSpec)


class ImageSubject(Subject[Spec]):
    """A classifier of images."""

    mask_version: ClassVar[int] = 4
    samples_apart: ClassVar[bool] = True

    def network(self, spec: Spec, task: Task) -> nn.Module:
        """See `Subject.network`."""
        return image_network(spec, task)

    def found_together(self, spec: Spec, weights: int) -> bool:
        """See `Subject.found_together`."""
        return spec.together

    def pinned(self, spec: Spec, data_dir: Path | None) -> Spec:
        """See `Procedure.pinned`."""
        return replace(spec, data_digest=pinned_images(spec, data_dir).digest)

    def origin(self, spec: Spec, data_dir: Path | None) -> DataOrigin:
        """See `Procedure.origin`."""
        return images_origin(spec, data_dir)
