"""Questions of mathematics: do hard ones need weights that easy ones do not?

Source: Csordás et al. 2021, the section on the Mathematics Dataset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.records.record import DataOrigin
from maskscope.engine.study import Study
from maskscope.procedure.plans import Search
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.record import EvaluationPart
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork, Subject
from maskscope.storage import Json
from maskscope.studies.mathematics.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.mathematics.spec import MathematicsSpec
from maskscope.studies.sequences.data import SequenceData, folder_named, require_pinned
from maskscope.studies.sequences.earlier import from_second_format
from maskscope.studies.sequences.measure import evaluation_parts, measure_sequences, searches
from maskscope.studies.sequences.numbers import UNITS, sequence_numbers
from maskscope.studies.sequences.page import PAGE
from maskscope.studies.sequences.result import SequenceResult
from maskscope.tasks import SequenceTask, Task, mathematics_task
from maskscope.tasks.mathematics import Questions, digest_of, generate_questions, read_archive
from maskscope.zoo import SequenceTransformer

_FILES = "read from files; no checksum of the published archive is known here, so that nobody vouches for them"
# a step takes as long with few questions
_ITEMS_TIMED = 2_000


@lru_cache(maxsize=2)
def _generated(module: str, train_items: int, held_out: int, seed: int) -> SequenceData[Questions]:
    questions = generate_questions(module, train_items, held_out, seed)
    return SequenceData(f"mathematics, {module}, generated", digest_of(questions), True, questions)


@lru_cache(maxsize=2)
def _archive(folder: Path, module: str, held_out: int) -> SequenceData[Questions]:
    questions = read_archive(folder, module, held_out)
    return SequenceData(f"mathematics, {module}, from the archive", digest_of(questions), False, questions, _FILES)


def questions_of(spec: MathematicsSpec, data_dir: Path | None) -> SequenceData[Questions]:
    """The questions of a spec.

    Raises:
        DataError: they are to be read from a folder and none is named.
        FileFormatError: they are not what they should be.
        ConfigError: they are not those that the spec was made with.
    """
    if spec.source == "archive":
        folder = folder_named(data_dir, "the unpacked mathematics_dataset-v1.0")
        return require_pinned(spec, _archive(folder, spec.module, spec.held_out))
    return require_pinned(spec, _generated(spec.module, spec.train_items, spec.held_out, spec.data_seed))


@lru_cache(maxsize=1)
def _task(spec: MathematicsSpec, device: torch.device, data_dir: Path | None) -> SequenceTask:
    # in one call all samples are as long as the longest question there is: worth it where a call costs more than its work
    return mathematics_task(questions_of(spec, data_dir).questions, spec.masks_on, even=device.type != "cpu", device=device)


class _Mathematics(Subject[MathematicsSpec]):
    more: ClassVar[type] = SequenceResult
    units: ClassVar[Mapping[str, Unit]] = UNITS
    network_version: ClassVar[int] = 2
    mask_version: ClassVar[int] = 4
    samples_apart: ClassVar[bool] = True

    def task(
        self,
        spec: MathematicsSpec,
        device: torch.device,
        data_dir: Path | None = None,
        relabelled: Mapping[str, int] | None = None,
    ) -> SequenceTask:
        return _task(spec, device, data_dir)

    def network(self, spec: MathematicsSpec, task: Task) -> nn.Module:
        assert isinstance(task, SequenceTask), "as `task` makes it"
        inputs, outputs = task.sizes
        network = SequenceTransformer(
            inputs,
            outputs,
            width=spec.width,
            heads=spec.heads,
            feedforward=spec.feedforward,
            layers=spec.layers,
            longest=task.longest,
            dropout=spec.dropout,
            tied=True,
        )
        return network.to(task.device)

    def excluded(self, spec: MathematicsSpec) -> tuple[str, ...]:
        """Biases of linear maps, and the embedding, which is the output map too; norms are masked."""
        return ("*linear*.bias", "*embedding*")

    def searches(self, spec: MathematicsSpec, task: Task) -> list[Search]:
        assert isinstance(task, SequenceTask), "as `task` makes it"
        return searches(task)

    def measure_more(self, masked: MaskedNetwork[MathematicsSpec], compared: Sequence[Compared]) -> SequenceResult:
        return measure_sequences(masked, (), examples=masked.spec.examples, drops=False)

    def numbers(self, network: NetworkResult[SequenceResult]) -> Numbers:
        return sequence_numbers(network)

    def evaluated_on(self, task: Task) -> tuple[EvaluationPart, ...]:
        assert isinstance(task, SequenceTask), "as `task` makes it"
        return evaluation_parts(task)

    def for_timing(self, spec: MathematicsSpec) -> MathematicsSpec:
        if spec.source == "archive":
            return spec
        return replace(spec, train_items=min(spec.train_items, _ITEMS_TIMED))

    def pinned(self, spec: MathematicsSpec, data_dir: Path | None) -> MathematicsSpec:
        return replace(spec, data_digest=questions_of(spec, data_dir).digest)

    def origin(self, spec: MathematicsSpec, data_dir: Path | None) -> DataOrigin | None:
        return questions_of(spec, data_dir).origin if spec.source == "archive" else None

    def from_second_format(self, network: Json) -> Json:
        return from_second_format(network)


STUDY = Study(
    name="mathematics",
    summary="questions of mathematics: do hard ones need weights that easy ones do not? (P_reuse)",
    spec=MathematicsSpec,
    procedure=MaskProcedure(_Mathematics()),
    page=PAGE,
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    kind="module",
)
