"""A job and the data that it is about: other data make another run."""

from dataclasses import replace

from maskscope.experiments.image_networks import pinned_images
from maskscope.experiments.image_spec import ImageSpec, PermutedImagesSpec
from maskscope.experiments.job import Job
from maskscope.experiments.record import DataOrigin
from maskscope.experiments.sequence_networks import pinned_sequences
from maskscope.experiments.sequence_spec import MathematicsSpec, ScanSpec


def pinned(job: Job) -> Job:
    """The job with the digest of its data in its settings, so that other data make another run; as it is without data.

    Raises:
        DataError: the data are not there.
        FileFormatError: they are damaged.
        ConfigError: they are not those of the settings.
    """
    spec = job.spec
    if isinstance(spec, ImageSpec | PermutedImagesSpec):
        return replace(job, spec=replace(spec, data_digest=pinned_images(spec, job.data_folder).digest))
    if isinstance(spec, ScanSpec | MathematicsSpec):
        return replace(job, spec=replace(spec, data_digest=pinned_sequences(spec, job.data_folder).digest))
    return job


def data_origin(job: Job) -> DataOrigin | None:
    """The files that a job's data are from; None where data are generated."""
    if isinstance(job.spec, ImageSpec | PermutedImagesSpec):
        images = pinned_images(job.spec, job.data_folder)
        return DataOrigin(images.name, images.digest, images.verified)
    if isinstance(job.spec, ScanSpec | MathematicsSpec) and job.spec.source in ("folder", "archive"):
        data = pinned_sequences(job.spec, job.data_folder)
        return DataOrigin(data.name, data.digest, data.verified, data.note)
    return None
