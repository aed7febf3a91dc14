"""Questions of mathematics: do hard ones need weights that easy ones do not?

Source: Csordás et al. 2021, the section on the Mathematics Dataset.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from maskscope.engine.study import Study
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles
from maskscope.studies.mathematics.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.mathematics.spec import MathematicsSpec
from maskscope.studies.sequences.data import SequenceData, folder_named, require_pinned
from maskscope.studies.sequences.measure import measure_sequences
from maskscope.studies.sequences.page import PAGE
from maskscope.studies.sequences.result import SequenceResult
from maskscope.studies.sequences.subject import SequenceSubject, transformer
from maskscope.tasks import SequenceTask, Task, mathematics_task
from maskscope.tasks.mathematics import Questions, digest_of, generate_questions, read_archive

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
    """The questions of a spec; see `SequenceSubject.questions`."""
    if spec.source == "archive":
        folder = folder_named(data_dir, "the unpacked mathematics_dataset-v1.0")
        return require_pinned(spec, _archive(folder, spec.module, spec.held_out))
    return require_pinned(spec, _generated(spec.module, spec.train_items, spec.held_out, spec.data_seed))


@lru_cache(maxsize=1)
def _task(spec: MathematicsSpec, device: torch.device, data_dir: Path | None) -> SequenceTask:
    # in one call all samples are as long as the longest question there is: worth it where a call costs more than its work
    return mathematics_task(questions_of(spec, data_dir).questions, spec.masks_on, even=device.type != "cpu", device=device)


class _Mathematics(SequenceSubject[MathematicsSpec]):
    def questions(self, spec: MathematicsSpec, data_dir: Path | None) -> SequenceData[Questions]:
        return questions_of(spec, data_dir)

    def task(
        self, spec: MathematicsSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None
    ) -> Task:
        return _task(spec, device, data_dir)

    def network(self, spec: MathematicsSpec, task: Task) -> nn.Module:
        return transformer(spec, task, tied=True).to(task.device)

    def excluded(self, spec: MathematicsSpec) -> tuple[str, ...]:
        """Biases of linear maps, and the embedding, which is the output map too; norms are masked."""
        return ("*linear*.bias", "*embedding*")

    def measure_more(self, masked: MaskedNetwork[MathematicsSpec], compared: Sequence[Compared]) -> SequenceResult:
        return measure_sequences(masked, (), examples=masked.spec.examples, drops=False)

    def for_timing(self, spec: MathematicsSpec) -> MathematicsSpec:
        if spec.source == "archive":
            return spec
        return replace(spec, train_items=min(spec.train_items, _ITEMS_TIMED))


STUDY = Study(
    name="mathematics",
    summary="questions of mathematics: do hard ones need weights that easy ones do not? (P_reuse)",
    spec=MathematicsSpec,
    procedure=MaskProcedure(_Mathematics()),
    page=PAGE,
    title="Mathematics Dataset",
    size=("width", "layers", "feedforward"),
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
    kind="module",
)
