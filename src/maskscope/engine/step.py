"""One piece of a study's work. Running, resuming, a dry run and worker processes are readings of one list of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from maskscope.engine.artefact import Artefact, Stage, checkpoint_path, existing, make, remove_checkpoint

Write = Callable[[Path], None]
# what a step is made from, by role, and where it may keep its state; returns a function for each output that writes its files
Work = Callable[[Mapping[str, Artefact], Path], Sequence[Write]]


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
    """

    outputs: tuple[Stage, ...]
    inputs: Mapping[str, str]
    work: Work
    reads: Mapping[str, str] = field(default_factory=dict)
    effort: Effort = Effort()
    control: str = ""
    words: str = ""

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
    inputs = step.inputs_from(made)
    assert inputs is not None, f"{step.name} stands before what it is made from"
    outputs = existing_outputs(step, run, inputs)
    checkpoint = checkpoint_path(step.outputs[0], run, inputs)
    missing = [stage for stage in step.outputs if stage.name not in outputs]
    if missing:
        for stage in missing:
            announce(stage.name)
        writers = step.work(inputs | {role: made[name] for role, name in step.reads.items()}, checkpoint)
        for stage, write in zip(step.outputs, writers, strict=True):
            if stage in missing:
                outputs[stage.name] = make(stage, run, inputs, partial(_write, write), lambda name: None)
    remove_checkpoint(checkpoint)
    return outputs


def _write(write: Write, folder: Path, _checkpoint: Path) -> None:
    write(folder)
