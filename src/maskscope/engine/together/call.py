"""One call that makes several steps. When it is killed, the next run makes the same steps together again, from where it was.

The last bits of what is made depend on the company, and so would the state that is kept on the way. Who the members are is
therefore written down beside that state before the work begins, and both are removed when all outputs exist.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from maskscope.engine.artefact import Artefact, remove_checkpoint
from maskscope.engine.follow import Follower
from maskscope.engine.step import Ready
from maskscope.storage import digest, read_json, write_json

_PREFIX = "together-"
_CURE = "Delete it: what it is about is then made anew."


def make_together(members: Sequence[Ready], follower: Follower) -> list[dict[str, Artefact]]:
    """All outputs of several steps, by name: what exists as it is, the rest made now, in one call.

    Args:
        members: the steps, at least one, each with its part in the work (`Step.together`).
        follower: is told which outputs are made.

    Raises:
        MaskscopeError: whatever the work raises.
    """
    run, parts = members[0].run, [one.step.together for one in members]
    who = [one.folders for one in members]
    note = run / "checkpoints" / f"{_PREFIX}{digest(who)[:12]}.json"
    state = note.with_suffix(".safetensors")
    write_json(note, who)
    for one in members:
        for stage in one.missing:
            follower.makes(stage.name)
    follower.together([one.step.name for one in members if one.missing])
    given = [(part.member, one.read) for part, one in zip(parts, members, strict=True) if part]
    first = parts[0]
    assert first is not None, "only steps that may be made together are"
    outputs = []
    for one, writers in zip(members, first.work(given, state), strict=True):
        others = [stage.name for other in members if other is not one for stage in other.step.outputs]
        outputs.append(one.written(writers, others))
    remove_checkpoint(state)
    _remove(note)
    return outputs


def noted(run: Path) -> list[list[str]]:
    """The steps of each call that was begun in a run folder and not ended, by the folder of the first output of each.

    Notes of calls whose outputs all exist are removed, with the state of the call.

    Raises:
        FileFormatError: a note was altered.
    """
    found = []
    for note in sorted((run / "checkpoints").glob(f"{_PREFIX}*.json")):
        who = read_json(note, cure=_CURE)
        if all((run / "artefacts" / folder).exists() for folders in who for folder in folders):
            remove_checkpoint(note.with_suffix(".safetensors"))
            _remove(note)
        else:
            found.append([folders[0] for folders in who])
    return found


def _remove(note: Path) -> None:
    with suppress(OSError):
        note.unlink(missing_ok=True)
