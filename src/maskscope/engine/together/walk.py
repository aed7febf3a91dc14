"""The walk over the steps of several seeds: seed by seed, but steps that go together are made when the first is at hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from maskscope.engine.artefact import Artefact
from maskscope.engine.follow import Follower
from maskscope.engine.step import Ready, Step, make_ready, ready
from maskscope.engine.together.call import make_together, noted

# of a sum of shares
_ROUNDING = 1e-9


class Walk:
    """Makes whatever a run folder lacks of the steps of some seeds.

    The steps are taken in their order. If one may be made with others (`Step.together`), those of the same key join it as long as
    there is room: those that stand at the same place in the lists of the other seeds first. What they are made from is made
    before, unless that is itself made with others: then they come later.

    Args:
        run: the run folder.
        steps: for each seed, each behind those that it is made from.
        follower: is told what is made.
        begins: is told which steps are about to be made.
    """

    def __init__(
        self, run: Path, steps: Mapping[int, Sequence[Step]], follower: Follower, begins: Callable[[Sequence[Step]], None]
    ) -> None:
        self._run, self._steps, self._follower, self._begins = run, steps, follower, begins
        self._made: dict[int, dict[str, Artefact]] = {seed: {} for seed in steps}
        self._done: set[tuple[int, str]] = set()
        self._maker = {(seed, stage.name): step for seed, some in steps.items() for step in some for stage in step.outputs}

    def make(self) -> dict[int, dict[str, Artefact]]:
        """All artefacts of each seed, by name; what exists is not made again.

        Raises:
            MaskscopeError: whatever a step raises.
        """
        calls = noted(self._run)
        for seed, some in self._steps.items():
            for step in some:
                if (seed, step.name) not in self._done:
                    self._make(seed, step, calls)
        noted(self._run)  # what was made alone may have been the last that a note waited for
        return self._made

    def _make(self, seed: int, step: Step, calls: Sequence[Sequence[str]]) -> None:
        """Makes a step, with those that join it."""
        at_hand = ready(step, self._run, self._made[seed])
        members = [(seed, at_hand)]
        # one that was begun alone goes on alone
        if step.together and at_hand.missing and not at_hand.checkpoint.exists():
            members = self._as_noted(at_hand, calls) or self._joined(seed, at_hand, calls)
        if len(members) == 1:
            self._make_alone(seed, at_hand)
            return
        self._begins([one.step for _, one in members])
        for (of, one), outputs in zip(members, make_together([one for _, one in members], self._follower), strict=True):
            self._end(of, one.step, outputs)

    def _make_alone(self, seed: int, one: Ready) -> None:
        self._begins([one.step])
        self._end(seed, one.step, make_ready(one, self._follower.makes))

    def _end(self, seed: int, step: Step, outputs: Mapping[str, Artefact]) -> None:
        self._made[seed] |= outputs
        if (seed, step.name) not in self._done:
            self._done.add((seed, step.name))
            self._follower.made(step.name)

    def _joined(self, seed: int, at_hand: Ready, calls: Sequence[Sequence[str]]) -> list[tuple[int, Ready]]:
        """A step with those that are made in one call with it. On the way, those that exist are taken as done."""
        key, room = _key(at_hand.step), 1.0 - _share(at_hand.step)
        members, waiting = [(seed, at_hand)], {folder for call in calls for folder in call}
        for of, step in self._of_key(key):
            if step is at_hand.step or _share(step) > room + _ROUNDING or not self._make_what_it_needs(of, step):
                continue
            one = ready(step, self._run, self._made[of])
            if not one.missing:
                self._make_alone(of, one)
            elif not one.checkpoint.exists() and one.folders[0] not in waiting:
                members.append((of, one))
                room -= _share(step)
        return members

    def _as_noted(self, at_hand: Ready, calls: Sequence[Sequence[str]]) -> list[tuple[int, Ready]] | None:
        """The steps of a call that was begun with this one and killed; None if there is none, or if one of them is not here."""
        for call in calls:
            if at_hand.folders[0] not in call:
                continue
            members = [self._in_folder(folder) for folder in call]
            found = [one for one in members if one is not None]
            if len(found) == len(members):
                return found
        return None

    def _in_folder(self, folder: str) -> tuple[int, Ready] | None:
        """The step whose first output is in a folder, which may exist already; None if this run has none."""
        name = folder.rpartition("-")[0]
        for (seed, output), step in self._maker.items():
            if output == step.name == name and step.together and self._make_what_it_needs(seed, step):
                one = ready(step, self._run, self._made[seed])
                if one.folders[0] == folder:
                    return seed, one
        return None

    def _of_key(self, key: str) -> Iterator[tuple[int, Step]]:
        """The steps of a key that are not made yet, place by place."""
        most = max(map(len, self._steps.values()))
        for place in range(most):
            for seed, some in self._steps.items():
                step = some[place] if place < len(some) else None
                if step is not None and _key(step) == key and (seed, step.name) not in self._done:
                    yield seed, step

    def _make_what_it_needs(self, seed: int, step: Step) -> bool:
        """Makes what a step is made from; False if some of that is not there and is itself made with others."""
        for needed in self._waited_for(seed, step):
            if (seed, needed.name) in self._done:
                continue
            one = ready(needed, self._run, self._made[seed])
            if one.missing and needed.together:
                return False
            self._make_alone(seed, one)
        return True

    def _waited_for(self, seed: int, step: Step) -> list[Step]:
        """The steps without which one cannot be made and that are not made, each behind those that it is made from."""
        found: list[Step] = []
        for name in dict.fromkeys([*step.inputs.values(), *step.reads.values()]):
            maker = self._maker[seed, name]
            if (seed, maker.name) not in self._done and maker not in found:
                found += [one for one in self._waited_for(seed, maker) if one not in found]
                found.append(maker)
        return found


def _key(step: Step) -> str:
    return step.together.key if step.together else ""


def _share(step: Step) -> float:
    return step.together.share if step.together else 1.0
