"""Commands and actions: do held-out combinations need weights that the rest does not?

Source: Csordás et al. 2021, the section on SCAN.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from maskscope.engine.claims import Claim, Lack
from maskscope.engine.study import Study
from maskscope.procedure.measure import random_halves
from maskscope.procedure.plans import Companion
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.subject import Compared, MaskedNetwork, Shuffles
from maskscope.studies.scan.paper import CLAIMS, DIFFERENCES, PRESETS
from maskscope.studies.scan.spec import ScanSpec
from maskscope.studies.sequences.data import SequenceData, folder_named, require_pinned
from maskscope.studies.sequences.measure import measure_sequences, trained_alone
from maskscope.studies.sequences.numbers import NEVER_SEEN
from maskscope.studies.sequences.page import PAGE
from maskscope.studies.sequences.result import SequenceResult
from maskscope.studies.sequences.subject import SequenceSubject, transformer
from maskscope.tasks import SequenceTask, Task, are_published, scan_splits, scan_task, splits_digest
from maskscope.tasks.scan import SIMPLE, SPLIT_FILES
from maskscope.tasks.scan_grammar import Split
from maskscope.zoo import SequenceLSTM

_FILES = {
    True: "read from files: all commands of SCAN, the splits jump, length and turn_left divided as published; how the published "
    "simple is divided is not known here",
    False: "read from files that are not divided as the published splits, or lack commands",
}


@lru_cache(maxsize=2)
def _commands(names: tuple[str, ...], simple_seed: int, folder: Path | None) -> SequenceData[Mapping[str, Split]]:
    splits = scan_splits(names, simple_seed, folder)
    # generated, the other splits are always the same, and which of them a study has is no other data
    pinned = splits if folder else {SIMPLE: splits[SIMPLE]}
    verified = folder is None or are_published(splits)
    return SequenceData("scan", splits_digest(pinned), verified, splits, _FILES[verified] if folder else "")


def commands(spec: ScanSpec, data_dir: Path | None) -> SequenceData[Mapping[str, Split]]:
    """The splits of a spec; see `SequenceSubject.questions`."""
    folder = folder_named(data_dir, "the published files of SCAN") if spec.source == "folder" else None
    return require_pinned(spec, _commands(spec.splits, spec.simple_seed, folder))


@lru_cache(maxsize=1)
def _task(spec: ScanSpec, device: torch.device, data_dir: Path | None) -> SequenceTask:
    # in one call all samples are as long as the longest question there is: worth it where a call costs more than its work. The
    # LSTM's sequences are packed and have their own lengths anyway
    even = device.type != "cpu" and spec.network == "transformer"
    splits = commands(spec, data_dir).questions
    return scan_task(splits, test_items=spec.test_items, forcing=spec.forcing, even=even, device=device)


class _Commands(SequenceSubject[ScanSpec]):
    def questions(self, spec: ScanSpec, data_dir: Path | None) -> SequenceData[Mapping[str, Split]]:
        return commands(spec, data_dir)

    def task(self, spec: ScanSpec, device: torch.device, data_dir: Path | None = None, relabelled: Shuffles = None) -> Task:
        return _task(spec, device, data_dir)

    def network(self, spec: ScanSpec, task: Task) -> nn.Module:
        if spec.network == "transformer":
            return transformer(spec, task, tied=False).to(task.device)
        return SequenceLSTM(*task.sizes, spec.width, spec.layers, spec.embedding, spec.dropout).to(task.device)

    def excluded(self, spec: ScanSpec) -> tuple[str, ...]:
        """Biases and embeddings; a Transformer's norms are masked, biases and all."""
        return ("*bias*", "*embedding*") if spec.network == "lstm" else ("*linear*.bias", "*embedding*", "output.bias")

    def companions(self, spec: ScanSpec, task: Task) -> list[Companion]:
        return trained_alone(spec.splits) if spec.baselines else []

    def early_tensors(self, spec: ScanSpec, names: Sequence[str], seed: int) -> list[tuple[str, ...]]:
        """Five random halves of the LSTM's; encoder and decoder layers but the last, and the output map, of the Transformer.

        Source: the authors' code.
        """
        if spec.network == "lstm":
            return random_halves(names, seed)
        last = f".{spec.layers - 1}."
        return [tuple(name for name in names if last not in name)]

    def measure_more(self, masked: MaskedNetwork[ScanSpec], compared: Sequence[Compared]) -> SequenceResult:
        spec = masked.spec
        return measure_sequences(masked, spec.splits, examples=spec.examples, drops=spec.decoder_drops)

    def lacks(self, claim: Claim, spec: ScanSpec) -> tuple[Lack, ...]:
        """The splits that a claim is about and a record lacks, and networks trained on them."""
        masks = {condition.mask for condition in (*claim.premises, *claim.conditions)}
        missing = [split for split in SPLIT_FILES if split in masks and split not in spec.splits]
        found = [Lack(f"needs a mask for split {split}", "with it among --splits") for split in missing]
        if not spec.baselines and any(condition.measure == NEVER_SEEN for condition in claim.conditions):
            found.append(Lack("needs a network trained on the split", "without --no-baselines"))
        return tuple(found)


STUDY = Study(
    name="scan",
    summary="commands and actions: do held-out combinations need weights that the rest does not? (P_reuse)",
    spec=ScanSpec,
    procedure=MaskProcedure(_Commands()),
    page=PAGE,
    title="SCAN",
    size=("width", "layers", "feedforward"),
    presets=PRESETS,
    claims=CLAIMS,
    differences=DIFFERENCES,
)
