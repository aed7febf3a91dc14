"""One piece of a study's work. Running, resuming, a dry run and worker processes are readings of one list of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import Artefact, Stage, checkpoint_path, existing, make, remove_checkpoint

Write = Callable[[Path], None]
# what a step is made from, by role, and where it may keep its state; returns a function for each output that writes its files
Work = Callable[[Mapping[str, Artefact], Path], Sequence[Write]]
# the same for several steps: what the work knows each by, with what it is made from; returns the functions of each
JointWork = Callable[[Sequence[tuple[Any, Mapping[str, Artefact]]], Path], Sequence[Sequence[Write]]]


@dataclass(frozen=True)
class Effort:
    """How long an output takes to make.

    Args:
        kind: what is done, in words: which of the times of `Procedure.step_seconds` counts. Empty: it takes no time to speak of.
        steps: how many times that.
    """

    kind: str = ""
    steps: int = 0


@dataclass(frozen=True)
class Together:
    """That a step may be made in one call with others, of its own seed or of further ones. What it makes is equal, to rounding.

    Args:
        key: steps of a run that have the same may be made in one call.
        member: what the work knows this step by.
        work: makes several steps.
        share: how much of what is made in one call this step takes, from 0 to 1: steps are added while there is room.
    """

    key: str
    member: Any
    work: JointWork
    share: float


@dataclass(frozen=True)
class Step:
    """What is made at once, from what, and how.

    Args:
        outputs: the artefacts; masks that are found together are several.
        inputs: what they are made from, by role: the name of an output of an earlier step. Part of their identity.
        work: makes them. If one of several is missing, all are made again, since their last bits depend on each other, and only
            what is missing is written.
        reads: what the work reads besides, by role. The inputs were made from it, so it is no part of the identity.
        effort: of each output.
        control: the control that it is for; empty: it is for the study itself.
        words: what it does, for whoever follows the run.
        together: how it is made in one call with others; None: it is made alone.
    """

    outputs: tuple[Stage, ...]
    inputs: Mapping[str, str]
    work: Work
    reads: Mapping[str, str] = field(default_factory=dict)
    effort: Effort = Effort()
    control: str = ""
    words: str = ""
    together: Together | None = None

    @property
    def name(self) -> str:
        """The name of the first output."""
        return self.outputs[0].name

    def inputs_from(self, made: Mapping[str, Artefact]) -> dict[str, Artefact] | None:
        """The artefacts that it is made from, by role; None while one is missing."""
        if not {*self.inputs.values(), *self.reads.values()} <= made.keys():
            return None
        return {role: made[name] for role, name in self.inputs.items()}


def existing_outputs(step: Step, run: Path, inputs: Mapping[str, Artefact]) -> dict[str, Artefact]:
    """Those outputs of a step that exist, by name.

    Raises:
        FileFormatError: one exists, and a file is missing, altered, or another artefact's.
    """
    found = {stage.name: existing(stage, run, inputs) for stage in step.outputs}
    return {name: artefact for name, artefact in found.items() if artefact is not None}


@dataclass(frozen=True)
class Ready:
    """A step that can be made now.

    Args:
        step: which.
        run: the run folder.
        inputs: the artefacts that it is made from, by role.
        read: those that its work reads: these, and what else it reads.
        existing: those of its outputs that exist, by name.
    """

    step: Step
    run: Path
    inputs: Mapping[str, Artefact]
    read: Mapping[str, Artefact]
    existing: Mapping[str, Artefact]

    @property
    def missing(self) -> list[Stage]:
        """The outputs that do not exist yet."""
        return [stage for stage in self.step.outputs if stage.name not in self.existing]

    @property
    def checkpoint(self) -> Path:
        """Where it keeps its state when it is made alone."""
        return checkpoint_path(self.step.outputs[0], self.run, self.inputs)

    @property
    def folders(self) -> list[str]:
        """The names of the folders of its outputs."""
        return [stage.folder(self.run, self.inputs).name for stage in self.step.outputs]

    def written(self, writers: Sequence[Write], company: Sequence[str] = ()) -> dict[str, Artefact]:
        """All outputs, by name: what exists as it is, the rest written now.

        Args:
            writers: what its work returned.
            company: see `maskscope.engine.artefact.make`.
        """
        outputs, missing = dict(self.existing), self.missing
        for stage, write in zip(self.step.outputs, writers, strict=True):
            if stage in missing:
                outputs[stage.name] = make(stage, self.run, self.inputs, partial(_write, write), lambda name: None, company)
        return outputs


def ready(step: Step, run: Path, made: Mapping[str, Artefact]) -> Ready:
    """A step with what it is made from, and what exists of it.

    Args:
        step: what to make.
        run: the run folder.
        made: what earlier steps made, by name.

    Raises:
        FileFormatError: an output exists, and a file is missing, altered, or another artefact's.
    """
    inputs = step.inputs_from(made)
    assert inputs is not None, f"{step.name} stands before what it is made from"
    read = inputs | {role: made[name] for role, name in step.reads.items()}
    return Ready(step, run, inputs, read, existing_outputs(step, run, inputs))


def make_step(step: Step, run: Path, made: Mapping[str, Artefact], announce: Callable[[str], None]) -> dict[str, Artefact]:
    """All outputs of a step, by name: what exists as it is, the rest made now.

    Args:
        step: what to make.
        run: the run folder.
        made: what earlier steps made, by name.
        announce: is told the name of each output that is made.

    Raises:
        FileFormatError: an output exists, and a file is missing, altered, or another artefact's.
        MaskscopeError: whatever the work raises.
    """
    return make_ready(ready(step, run, made), announce)


def make_ready(one: Ready, announce: Callable[[str], None]) -> dict[str, Artefact]:
    """The same for a step of which it is known what exists.

    Raises:
        MaskscopeError: whatever the work raises.
    """
    outputs = dict(one.existing)
    if one.missing:
        for stage in one.missing:
            announce(stage.name)
        outputs = one.written(one.step.work(one.read, one.checkpoint))
    remove_checkpoint(one.checkpoint)
    return outputs


def _write(write: Write, folder: Path, _checkpoint: Path) -> None:
    write(folder)
