"""The networks and tasks of the studies of sequences, and where their questions come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from maskscope.data import DATA_VARIABLE, named_folder
from maskscope.errors import ConfigError, DataError
from maskscope.experiments.sequence_spec import MathematicsSpec, ScanSpec, SequenceSpec
from maskscope.tasks import SequenceTask, are_published, mathematics_task, scan_splits, scan_task, splits_digest
from maskscope.tasks.mathematics import Questions, digest_of, generate_questions, read_archive
from maskscope.tasks.scan import SIMPLE
from maskscope.tasks.scan_grammar import Split
from maskscope.zoo import SequenceLSTM, SequenceTransformer

OUTPUT = "output.weight"
_SCAN_FILES = {
    True: "read from files: all commands of SCAN, the splits jump, length and turn_left divided as published; how the published "
    "simple is divided is not known here",
    False: "read from files that are not divided as the published splits, or lack commands",
}
_ARCHIVE_FILES = "read from files; no checksum of the published archive is known here, so that nobody vouches for them"


@dataclass(frozen=True)
class SequenceData:
    """Questions and where they are from.

    Args:
        name: for the record.
        digest: of all of them.
        verified: whether they are the published ones, or generated as published.
        note: what is known of files.
        splits: of SCAN.
        questions: of the Mathematics Dataset.
    """

    name: str
    digest: str
    verified: bool
    note: str = ""
    splits: Mapping[str, Split] | None = None
    questions: Questions | None = None


@lru_cache(maxsize=2)
def _scan(names: tuple[str, ...], simple_seed: int, folder: Path | None) -> SequenceData:
    splits = scan_splits(names, simple_seed, folder)
    # generated, the other splits are always the same, and which of them a study has is no other data
    pinned = splits if folder else {SIMPLE: splits[SIMPLE]}
    verified = folder is None or are_published(splits)
    return SequenceData("scan", splits_digest(pinned), verified, _SCAN_FILES[verified] if folder else "", splits)


@lru_cache(maxsize=2)
def _generated(module: str, train_items: int, held_out: int, seed: int) -> SequenceData:
    questions = generate_questions(module, train_items, held_out, seed)
    return SequenceData(f"mathematics, {module}, generated", digest_of(questions), True, questions=questions)


@lru_cache(maxsize=2)
def _archive(folder: Path, module: str, held_out: int) -> SequenceData:
    questions = read_archive(folder, module, held_out)
    name = f"mathematics, {module}, from the archive"
    return SequenceData(name, digest_of(questions), False, _ARCHIVE_FILES, questions=questions)


def pinned_sequences(spec: SequenceSpec, data_dir: Path | None) -> SequenceData:
    """The questions of a spec.

    Raises:
        DataError: they are to be read from a folder and none is named.
        FileFormatError: they are not what they should be.
        ConfigError: they are not those that the spec was made with.
    """
    if isinstance(spec, ScanSpec):
        folder = _named(data_dir, "the published files of SCAN") if spec.source == "folder" else None
        data = _scan(spec.splits, spec.simple_seed, folder)
    elif isinstance(spec, MathematicsSpec) and spec.source == "archive":
        data = _archive(_named(data_dir, "the unpacked mathematics_dataset-v1.0"), spec.module, spec.held_out)
    elif isinstance(spec, MathematicsSpec):
        data = _generated(spec.module, spec.train_items, spec.held_out, spec.data_seed)
    else:
        raise ConfigError(f"{type(spec).__name__} has no questions; settings of a study were expected.")
    if spec.data_digest not in ("", data.digest):
        raise ConfigError(
            f"The questions that were found have digest {data.digest}, but these settings are for {spec.data_digest}: the files, "
            "or the generator, differ. Name the folder that they were made with by --data-dir, or leave data_digest empty."
        )
    return data


def _named(data_dir: Path | None, what: str) -> Path:
    folder = named_folder(data_dir)
    if folder is None:
        raise DataError(
            f"The questions are to be read from files: name the folder with {what} by --data-dir, or by {DATA_VARIABLE}."
        )
    return folder


@lru_cache(maxsize=1)
def make_sequence_task(spec: SequenceSpec, device: torch.device, data_dir: Path | None) -> SequenceTask:
    """The task of a network of sequences, with the masks that its study looks for; encoded once for all networks of a run."""
    data = pinned_sequences(spec, data_dir)
    # in one call all samples are as long as the longest question there is: worth it where a call costs more than its work
    even = device.type != "cpu"
    if isinstance(spec, ScanSpec):
        even = even and spec.network == "transformer"  # the LSTM's sequences are packed and have their own lengths anyway
        assert data.splits is not None
        return scan_task(data.splits, test_items=spec.test_items, forcing=spec.forcing, even=even, device=device)
    assert isinstance(spec, MathematicsSpec)
    assert data.questions is not None
    return mathematics_task(data.questions, spec.masks_on, even=even, device=device)


def unmasked_sequences(spec: SequenceSpec) -> tuple[str, ...]:
    """Patterns of what is never masked: biases of linear maps and recurrent layers, and embeddings; norms are masked."""
    if isinstance(spec, ScanSpec) and spec.network == "lstm":
        return "*bias*", "*embedding*"
    # the output map of Mathematics is the embedding, and has no bias
    return ("*linear*.bias", "*embedding*", *(("output.bias",) if isinstance(spec, ScanSpec) else ()))


def sequence_network(spec: SequenceSpec, task: SequenceTask) -> nn.Module:
    """The network of a spec, initialised from torch's generator."""
    inputs, outputs = task.sizes
    if isinstance(spec, ScanSpec) and spec.network == "lstm":
        return SequenceLSTM(inputs, outputs, spec.width, spec.layers, spec.embedding, spec.dropout)
    return SequenceTransformer(
        inputs,
        outputs,
        width=spec.width,
        heads=spec.heads,
        feedforward=spec.feedforward,
        layers=spec.layers,
        longest=task.longest,
        dropout=spec.dropout,
        tied=isinstance(spec, MathematicsSpec),
    )


def early_sequence_subsets(spec: SequenceSpec, names: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Which tensors the half-mask test takes as early; None: random halves. Mathematics has no such test in the paper.

    Source: the authors' code: encoder and decoder layers but the last, and the output map, of the Transformer of SCAN.
    """
    if isinstance(spec, MathematicsSpec):
        return []
    if isinstance(spec, ScanSpec) and spec.network == "lstm":
        return None
    last = f".{spec.layers - 1}."
    return [tuple(name for name in names if last not in name)]
