"""What the studies of sequences have in common: pinned questions, masks for parts of them, and what is measured."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from maskscope.engine.quantities import Numbers, Unit
from maskscope.engine.records.record import DataOrigin
from maskscope.procedure.plans import Search
from maskscope.procedure.record import EvaluationPart
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import FIELDS_OF_SOME, Subject
from maskscope.storage import Json
from maskscope.studies.sequences.data import SequenceData
from maskscope.studies.sequences.numbers import UNITS, sequence_numbers
from maskscope.studies.sequences.result import SequenceResult
from maskscope.studies.sequences.spec import SequenceSpec
from maskscope.tasks import SequenceTask, Task
from maskscope.tasks.sequences import FOUND_WITH
from maskscope.zoo import SequenceTransformer

Spec = TypeVar("Spec", bound=SequenceSpec)


class SequenceSubject(Subject[Spec]):
    """A network that reads a question and writes the answer."""

    more: ClassVar[type] = SequenceResult
    units: ClassVar[Mapping[str, Unit]] = UNITS
    network_version: ClassVar[int] = 2
    mask_version: ClassVar[int] = 4
    samples_apart: ClassVar[bool] = True

    @abstractmethod
    def questions(self, spec: Spec, data_dir: Path | None) -> SequenceData[Any]:
        """The questions of a spec.

        Raises:
            DataError: they are to be read from a folder and none is named.
            FileFormatError: they are not what they should be.
            ConfigError: they are not those that the spec was made with.
        """

    def searches(self, spec: Spec, task: Task) -> list[Search]:
        """A mask for each set of training questions, judged by the test of what it is found with, where there is one."""
        own = {name: f"{name}{FOUND_WITH}" for name in task.mask_targets}
        return [Search(name, name, judged_by=own[name] if own[name] in task.functions else "") for name in task.mask_targets]

    def numbers(self, network: NetworkResult[SequenceResult]) -> Numbers:
        """See `Subject.numbers`."""
        return sequence_numbers(network)

    def evaluated_on(self, task: Task) -> tuple[EvaluationPart, ...]:
        """The tests of a task, and how much of each the network was trained on."""
        return tuple(
            EvaluationPart(name, test.items, len(test.data), test.seen, test.judged_unseen)
            for name, test in as_sequences(task).tests.items()
        )

    def pinned(self, spec: Spec, data_dir: Path | None) -> Spec:
        """See `Procedure.pinned`."""
        return replace(spec, data_digest=self.questions(spec, data_dir).digest)

    def origin(self, spec: Spec, data_dir: Path | None) -> DataOrigin | None:
        """See `Procedure.origin`."""
        return self.questions(spec, data_dir).origin

    def from_second_format(self, network: Json) -> Json:
        """See `Subject.from_second_format`: there, no mask said by which test it is judged."""
        known = {name: value for name, value in network.items() if name not in FIELDS_OF_SOME}
        masks = network.get("masks")
        if isinstance(masks, list):
            known["masks"] = [_judged(mask) if isinstance(mask, dict) else mask for mask in masks]
        return known | {"more": network.get("sequences")}


def as_sequences(task: Task) -> SequenceTask:
    """A task, which is one of sequences in these studies."""
    assert isinstance(task, SequenceTask), "as `task` makes it"
    return task


def transformer(spec: SequenceSpec, task: Task, *, tied: bool) -> nn.Module:
    """The Transformer of a spec, initialised from torch's generator.

    Args:
        spec: sizes and dropout.
        task: its vocabularies, and the longest sequence.
        tied: whether one embedding reads, writes and is the output map.
    """
    inputs, outputs = task.sizes
    return SequenceTransformer(
        inputs,
        outputs,
        width=spec.width,
        heads=spec.heads,
        feedforward=spec.feedforward,
        layers=spec.layers,
        longest=as_sequences(task).longest,
        dropout=spec.dropout,
        tied=tied,
    )


def _judged(mask: Json) -> Json:
    own, scores = f"{mask.get('function')}{FOUND_WITH}", mask.get("sufficiency")
    tests = scores.get("accuracy") if isinstance(scores, dict) else None
    return mask | {"judged_by": own} if isinstance(tests, dict) and own in tests else mask
