"""Making the steps of jobs on a cluster: each is handed to Ray as soon as what it is made from is in the run folder.

A step is not handed over before, although Ray could wait for its inputs itself. Ray makes what was lost with a node again, and
an artefact that is made again is another one, since its files say when and how long: what was made from the first would not go
with it. So the inputs of a task are always those in the run folder, which is the only source of what is done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import Artefact
from maskscope.engine.cluster.nodes import surroundings
from maskscope.engine.cluster.parcels import appears, packed, unpack
from maskscope.engine.cluster.session import Session
from maskscope.engine.cluster.task import Done, Failed, Order
from maskscope.engine.follow import Follower
from maskscope.engine.job import Job
from maskscope.engine.step import Step, existing_outputs
from maskscope.errors import ConfigError, MaskscopeError, RunFolderError
from maskscope.storage import Json, canonical_json, remove_leftovers

# seconds between two looks at what tasks report; and until steps that were told to stop have saved their state
_LOOK, _SAVING = 0.25, 60.0


@dataclass(eq=False)
class _Line:
    """The steps of one seed of a job, and what of them is made, by name."""

    place: str
    job: Job
    text: str
    seed: int
    made: dict[str, Artefact] = field(default_factory=dict)


@dataclass(eq=False)
class _Task:
    """A step that Ray has: whose it is, perhaps of several values of a sweep, and where it was begun."""

    number: int
    step: Step
    inputs: dict[str, Artefact]
    outputs: dict[str, tuple[str, Json]]
    lines: list[_Line]
    begun: tuple[str, int] | None = None


def make_on_cluster(
    session: Session, jobs: Sequence[tuple[str, Job]], announce: Callable[[str], None], follower: Follower
) -> None:
    """Makes all steps of some jobs in one run folder. A step that several jobs have in common is made once.

    When steps fail, all that do not depend on them are made nevertheless. On Ctrl-C those that run are told to save their state.

    Args:
        session: the cluster.
        jobs: each with its place in a sweep; empty for a single one.
        announce: is told what happens.
        follower: is told what is made where.

    Raises:
        MaskscopeError: steps failed; the message is theirs.
        KeyboardInterrupt: this process was told to stop.
    """
    walk = _Walk(session, announce, follower)
    for place, job in jobs:
        text = canonical_json(job.to_json())
        for seed in job.seeds:
            line = _Line(place, job, text, seed)
            steps = job.study.procedure.steps(job.study.name, job.spec, seed, job.runtime())
            walk.waiting += [(line, step) for step in steps]
    try:
        walk.all_the_way()
    except BaseException:
        walk.stop()
        raise
    finally:
        for path in dict.fromkeys(Path(job.run) / name for _, job in jobs for name in ("artefacts", "checkpoints")):
            remove_leftovers(path)  # of processes that were lost
    if walk.failed:
        kind = ConfigError if all(one.settings for one in walk.failed) else MaskscopeError
        messages = list(dict.fromkeys(one.message for one in walk.failed))
        raise kind(messages[0] if len(messages) == 1 else "\n  ".join([f"{len(messages)} steps failed:", *messages]))


class _Walk:
    """What waits, what runs and what failed of such a making."""

    def __init__(self, session: Session, announce: Callable[[str], None], follower: Follower) -> None:
        self._session, self._announce, self._follower = session, announce, follower
        self.waiting: list[tuple[_Line, Step]] = []
        self.failed: list[Failed] = []
        self._running: dict[Any, _Task] = {}
        self._number = 0
        # artefacts that Ray has for the nodes, where no folder is shared
        self._parcels: dict[Path, Any] = {}

    def all_the_way(self) -> None:
        """Makes everything that can be made."""
        self._hand_over()
        while self._running:
            ended = self._session.ended([*self._running], _LOOK)
            self._hear()
            for reference in ended:
                task = self._running.pop(reference)
                self._end(task, self._session.end_of(reference, task.step.name))
            if ended:
                self._hand_over()

    def stop(self) -> None:
        """Tells what runs to save its state, and waits for it."""
        if self._running:
            self._announce("stopping: the steps save their state" if self._session.shared else "stopping")
            self._session.cancel([*self._running], _SAVING)

    def _hand_over(self) -> None:
        """Gives Ray all steps that can be made now; steps stand behind those that they are made from."""
        waiting, self.waiting = self.waiting, []
        for line, step in waiting:
            inputs = step.inputs_from(line.made)
            if inputs is None:
                self.waiting.append((line, step))
            else:
                self._begin(line, step, inputs)
        needed = {line.made[name].path for line, step in self.waiting for name in _read_by(step) if name in line.made}
        self._parcels = {path: parcel for path, parcel in self._parcels.items() if path in needed}

    def _begin(self, line: _Line, step: Step, inputs: dict[str, Artefact]) -> None:
        run = Path(line.job.run)
        outputs = {stage.name: (stage.folder(run, inputs).name, stage.description(inputs)) for stage in step.outputs}
        for task in self._running.values():
            if task.outputs == outputs:
                task.lines.append(line)
                return
        found = existing_outputs(step, run, inputs)
        if len(found) == len(step.outputs):
            self._take(line, step, found)
            return
        self._number += 1
        made_from = [line.made[name] for name in _read_by(step)]
        names = {name: (line.made[name].path.name, line.made[name].digest) for name in _read_by(step)}
        shared = self._session.shared
        order = Order(self._number, line.text, line.seed, step.name, outputs, names, shared, surroundings())
        parcels = [] if shared else [self._parcel(artefact) for artefact in made_from]
        reference = self._session.start(order, parcels)
        self._running[reference] = _Task(self._number, step, inputs, outputs, [line])

    def _parcel(self, artefact: Artefact) -> Any:
        if artefact.path not in self._parcels:
            self._parcels[artefact.path] = self._session.put(packed(artefact))
        return self._parcels[artefact.path]

    def _hear(self) -> None:
        """Passes on what the tasks told."""
        tasks = {task.number: task for task in self._running.values()}
        for number, node, process, what, values in self._session.reports():
            task = tasks.get(number)
            if task is None:
                continue
            if what == "note":
                self._follower.note(*values)
                continue
            if what == "makes":
                self._see_whether_lost(task, (node, process))
                values = (values[0], node)
            for line in task.lines:
                self._follower.enters(line.place)
                getattr(self._follower, what)(*values)

    def _see_whether_lost(self, task: _Task, begun: tuple[str, int]) -> None:
        if task.begun is not None and task.begun != begun:
            self._announce(f"{task.step.name} was lost with its process on {task.begun[0]}, or with that node; it begins again")
            for line in task.lines:
                self._follower.enters(line.place)
                self._follower.lost(task.step.name)
        task.begun = begun

    def _end(self, task: _Task, end: Done | Failed) -> None:
        run, step = Path(task.lines[0].job.run), task.step
        if isinstance(end, Failed):
            self.failed.append(end)
            self._announce(f"{end.trace}{step.name} failed: {end.message} What does not depend on it goes on.")
            for line in task.lines:
                self._follower.enters(line.place)
                self._follower.lost(step.name)
            return
        for parcel in end.parcels:
            unpack(parcel, run)
        unseen = [folder for folder, _ in task.outputs.values() if not appears(run / "artefacts" / folder)]
        if unseen:
            raise RunFolderError(
                f"{end.node} has made {step.name}, but {run} does not show it, so that the folder is not shared by all nodes. "
                "Name one that is with --out, or take --files shipped."
            )
        found = existing_outputs(step, run, task.inputs)
        for line in task.lines:
            self._take(line, step, found)

    def _take(self, line: _Line, step: Step, found: dict[str, Artefact]) -> None:
        line.made |= found
        self._follower.enters(line.place)
        self._follower.made(step.name)


def _read_by(step: Step) -> list[str]:
    """The names of all artefacts that a step reads."""
    return list(dict.fromkeys([*step.inputs.values(), *step.reads.values()]))
