"""Steps that are made in one call: the same results and artefacts, whoever was in the call, and whenever it was killed."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from maskscope.engine.artefact import Artefact
from maskscope.engine.follow import Follower
from maskscope.engine.job import Job
from maskscope.engine.run import make_seeds, run_study
from maskscope.engine.step import Step, Together
from maskscope.errors import FileFormatError
from maskscope.storage import read_json
from tests.engine.small_run import without_times
from tests.engine.toy_study import LOG, STUDY, Toy, ToySpec

# a root, two parts, a pair and the sum: of these, roots, parts and pairs are made with those of other seeds
SPEC = ToySpec(parts=2)
NAMES = ["root", "part-0", "part-1", "left", "right", "sum"]


class Joined(Toy):
    """The toy whose steps of one kind are made in one call, at most ``most`` at once; each call writes a line into a log.

    ``kill`` ends the process, as it were, before the output of that name is written.
    """

    def __init__(self, most=10, kill=""):
        self.most, self.kill, self.calls, self.states = most, kill, [], []

    def steps(self, study, spec, seed, runtime):
        return [self._joined(step) for step in super().steps(study, spec, seed, runtime)]

    def _joined(self, step: Step) -> Step:
        if step.effort.kind not in ("root", "part", "pair"):
            return step
        return replace(step, together=Together(step.effort.kind, step, self._work, 1 / self.most))

    def _work(self, members: list[tuple[Step, Mapping[str, Artefact]]], checkpoint: Path):
        self.calls.append([step.name.removeprefix("seed-") for step, _ in members])
        self.states.append(checkpoint.exists())
        checkpoint.write_text("half")
        return [
            [
                partial(self._write, stage.name, write)
                for stage, write in zip(step.outputs, step.work(inputs, checkpoint), strict=True)
            ]
            for step, inputs in members
        ]

    def _write(self, name, write, folder):
        if name == self.kill:
            self.kill = ""
            raise KeyboardInterrupt
        write(folder)


class Heard(Follower):
    """Everything that a run tells."""

    def __init__(self):
        self.told = []

    def makes(self, name, where=""):
        self.told.append(("makes", name))

    def together(self, names):
        self.told.append(("together", *names))

    def made(self, name):
        self.told.append(("made", name))


def job_in(folder, toy, seeds):
    folder.mkdir(exist_ok=True)
    return Job(replace(STUDY, procedure=toy), SPEC, tuple(seeds), str(folder), threads=1)


def run(folder, toy, seeds=(0, 1, 2), follower=None):
    """What was made: the names of outputs, in order."""
    made = []
    make_seeds(job_in(folder, toy, seeds), lambda name: (), made.append, follower)
    return made


def artefacts(folder):
    """What every output holds and how it was made, by name."""
    found = {path.name.rpartition("-")[0]: path for path in (folder / "artefacts").iterdir()}
    return {name: (read_json(path / "value.json")["value"], read_json(path / "made.json")) for name, path in found.items()}


def values(folder):
    return {name: value for name, (value, _) in artefacts(folder).items()}


@pytest.fixture
def alone(tmp_path):
    run(tmp_path / "alone", Toy())
    return values(tmp_path / "alone")


def nothing_is_left(folder):
    return not list((folder / "checkpoints").glob("*"))


def test_what_is_made_together_is_what_is_made_alone(tmp_path, alone):
    toy, heard = Joined(), Heard()
    run(tmp_path / "run", toy, follower=heard)
    assert values(tmp_path / "run") == alone
    parts = ["0-part-0", "1-part-0", "2-part-0", "0-part-1", "1-part-1", "2-part-1"]
    assert toy.calls == [["0-root", "1-root", "2-root"], parts, ["0-left", "1-left", "2-left"]]
    assert nothing_is_left(tmp_path / "run")
    names = [f"seed-{seed}-{name}" for seed in range(3) for name in NAMES]
    assert sorted(name for what, name, *_ in heard.told if what == "makes") == sorted(names)
    assert sorted(name for what, name, *_ in heard.told if what == "made") == sorted(
        name for name in names if "right" not in name
    )
    assert [told[1:] for told in heard.told if told[0] == "together"] == [
        tuple(f"seed-{name}" for name in call) for call in toy.calls
    ]


def test_a_record_is_that_of_steps_made_alone(tmp_path):
    one, other = (run_study("smoke", job_in(tmp_path / toy.__name__, toy(), (0, 1))) for toy in (Joined, Toy))
    assert without_times(one) == without_times(other)


def test_an_artefact_says_with_what_it_was_made(tmp_path):
    run(tmp_path, Joined(), seeds=(0, 1))
    made = {name: how.get("made_with") for name, (_, how) in artefacts(tmp_path).items()}
    assert made["seed-0-root"] == ["seed-1-root"]
    assert made["seed-1-left"] == made["seed-1-right"] == ["seed-0-left", "seed-0-right"]
    assert made["seed-0-sum"] is None


def test_so_many_as_there_is_room_for(tmp_path, alone):
    toy = Joined(most=2)
    run(tmp_path / "run", toy)
    assert values(tmp_path / "run") == alone
    # the part of the last seed waits for its root, which is made with others itself
    assert toy.calls[:3] == [["0-root", "1-root"], ["0-part-0", "1-part-0"], ["0-part-1", "1-part-1"]]
    assert max(map(len, toy.calls)) == 2


def test_one_seed_alone_has_parts_that_go_together(tmp_path):
    toy = Joined()
    run(tmp_path, toy, seeds=(5,))
    assert toy.calls == [["5-part-0", "5-part-1"]]


@pytest.mark.parametrize("killed", ["seed-0-root", "seed-1-part-0", "seed-1-left", "seed-1-right"])
def test_a_killed_call_is_made_again_with_the_same_members(tmp_path, alone, killed):
    toy, folder = Joined(kill=killed), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, toy, seeds=(0, 1))
    assert len(list((folder / "checkpoints").glob("together-*"))) == 2
    begun, there = toy.calls[-1], artefacts(folder)
    toy.calls, toy.states = [], []
    made = run(folder, toy)
    again = next(place for place, call in enumerate(toy.calls) if call == begun)
    assert toy.states[again], "it goes on from its state"
    assert {name: artefacts(folder)[name] for name in there} == there, "only what was missing is written"
    assert not there.keys() & set(made)
    assert values(folder) == alone
    assert nothing_is_left(folder)


def test_a_call_whose_members_are_not_all_asked_for_waits_for_them(tmp_path, alone):
    toy, folder = Joined(kill="seed-0-root"), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, toy)
    run(folder, toy, seeds=(0,))
    assert len(list((folder / "checkpoints").glob("together-*"))) == 2
    before = artefacts(folder)["seed-0-root"]
    run(folder, toy)
    assert toy.calls[-3:-2] == [["0-root", "1-root", "2-root"]]
    assert artefacts(folder)["seed-0-root"] == before
    assert nothing_is_left(folder)


def test_a_call_whose_outputs_were_made_otherwise_is_forgotten(tmp_path):
    toy = Joined(kill="seed-0-root")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, toy, seeds=(0, 1))
    run(tmp_path, Toy(), seeds=(0, 1))  # as worker processes would
    assert nothing_is_left(tmp_path)


def test_what_exists_joins_nobody(tmp_path, alone):
    folder = tmp_path / "run"
    run(folder, Toy(), seeds=(1,))
    toy = Joined()
    run(folder, toy)
    assert toy.calls[0] == ["0-root", "2-root"]
    assert toy.calls[-1] == ["0-left", "2-left"]
    assert values(folder) == alone


def test_what_was_begun_alone_goes_on_alone(tmp_path):
    folder = tmp_path / "run"
    run(folder, Joined(), seeds=(0, 1))
    (root,) = (folder / "artefacts").glob("seed-1-root-*")
    for path in (folder / "artefacts").iterdir():
        path.rename(folder / path.name)
    (folder / "checkpoints" / f"{root.name}.safetensors").write_text("half")
    toy = Joined()
    run(folder, toy)
    assert toy.calls[0] == ["0-root", "2-root"]
    assert nothing_is_left(folder)


def test_a_damaged_note_is_one_clear_error(tmp_path):
    toy = Joined(kill="seed-0-root")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, toy, seeds=(0, 1))
    (note,) = (tmp_path / "checkpoints").glob("*.json")
    note.write_text(note.read_text().replace("seed-0-root", "seed-9-root"))
    with pytest.raises(FileFormatError, match="was altered.*Delete it: what it is about is then made anew"):
        run(tmp_path, toy, seeds=(0, 1))
    note.unlink()
    run(tmp_path, toy, seeds=(0, 1))


def test_each_process_writes_its_own_log(tmp_path):
    """Every member is made once."""
    run(tmp_path, Joined())
    lines = (tmp_path / LOG).read_text().split("\n")
    assert len(lines) == len(set(lines)) == 3 * 5 + 1
