"""What every study owes, in the package or in a file of a user's own; a new row of the table is tested the moment it exists."""

import html
import io
import shutil
from contextlib import nullcontext

import pytest
from rich.console import Console

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.run import run_study
from maskscope.errors import StudyFileError
from maskscope.report import show_record, write_everything
from maskscope.report.numbers import signless_zero
from maskscope.report.verdicts import claim_groups
from maskscope.studies import STUDIES
from maskscope.studies.images import networks
from tests.contracts.rooms import (
    HALVES,
    MINE,
    SMALL,
    Kill,
    Room,
    bits,
    without_help,
    without_times,
)
from tests.engine.shared_threads import workers_in_threads
from tests.small_images import small_images
from tests.undrawn import undrawn

FILES = {"halves": HALVES, "mine": MINE}
NAMES = [*STUDIES, *FILES]


@pytest.fixture(scope="module", autouse=True)
def _small_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "images_of", lambda name, _: small_images(name, channels=1 if name == "mnist" else 3))
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def room_of(name, files):
    if name in SMALL:
        return Room(name, SMALL[name])
    address = f"{files / name}.py"
    study = study_at(address)
    return Room(address, study.preset("smoke"), tuple(range(study.networks or 1)))


def job_of(room, run):
    return Job(study_at(room.address), room.spec, room.seeds, str(run), threads=1)


@pytest.fixture(scope="module", params=NAMES)
def finished(request, files, tmp_path_factory):
    """A room, its run, what the dry run said before, what was made, and the record."""
    room, run, made = room_of(request.param, files), tmp_path_factory.mktemp("run") / "run", []
    job = job_of(room, run)
    plan = make_plan(job)
    assert not run.exists(), "a dry run makes nothing"
    return room, run, plan, made, run_study("smoke", job, announce=made.append)


def test_every_room_has_small_settings():
    assert set(SMALL) == set(STUDIES)


def test_the_dry_run_names_what_is_then_made(finished):
    room, run, plan, made, _ = finished
    assert [stage.name for stage in plan.stages] == made
    assert not any(stage.done for stage in plan.stages)
    assert plan.seconds > 0
    again = make_plan(job_of(room, run))
    assert [stage.name for stage in again.stages] == made
    assert all(stage.done for stage in again.stages)


def test_a_second_run_makes_nothing(finished):
    room, run, _, _, record = finished
    made = []
    assert without_times(run_study("smoke", job_of(room, run), announce=made.append)) == without_times(record)
    assert made == []


def test_a_search_that_was_killed_goes_on_to_the_same_bits(finished, tmp_path):
    room, run, _, made, record = finished
    lost = [name for name in made if "-mask-" in name or "-task-" in name][-1]
    shutil.copytree(run, tmp_path / "run")
    for folder in (tmp_path / "run" / "artefacts").iterdir():
        if folder.name.rpartition("-")[0] == lost:
            shutil.rmtree(folder)
    job = job_of(room, tmp_path / "run")
    kill = [Kill()]  # masks that are found together have observers each, and a second signal does not wait for the step
    with pytest.raises(KeyboardInterrupt):
        run_study("smoke", job, watch=lambda name: (kill.pop(),) if kill else ())
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert checkpoint.name.startswith("seed-")
    steps, made = [], []
    again = run_study("smoke", job, watch=lambda name: (Count(steps),), announce=made.append)
    assert made[0] == lost
    assert steps[0] == 3, "it goes on where it was"
    assert bits(tmp_path / "run") == bits(run)
    assert without_times(again) == without_times(record)
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


class Count(Kill):
    def __init__(self, steps):
        self._steps = steps

    def after_step(self, report):
        self._steps.append(report.step)


def test_two_workers_give_the_same_bits(finished, tmp_path):
    room, run, _, made, record = finished
    job, announced = job_of(room, tmp_path / "run"), []
    with nullcontext() if record.study == "own" else workers_in_threads():  # one study in real processes is enough
        again = run_study("smoke", job, workers=2, announce=announced.append)
    assert set(made) <= set(announced), "the user hears what workers make"
    assert all(announced.count(name) == 1 for name in made), "nothing is made twice, or left to the parent"
    assert bits(tmp_path / "run") == bits(run)
    assert without_times(again) == without_times(record)


def test_the_record_loads(finished):
    room, run, _, _, record = finished
    study = study_at(room.address)
    if record.study.endswith(":STUDY"):
        with pytest.raises(StudyFileError, match=f"--study {record.study}"):
            load_record(run)
        assert record.study == study.address
        assert without_times(load_record(run, study)) == without_times(record)
    else:
        assert record.study in (room.address, "own")
        assert without_times(load_record(run)) == without_times(record)


def test_page_terminal_and_files_are_made(finished, tmp_path):
    room, _, _, _, record = finished
    page = study_at(room.address).page
    # the pages of the others are drawn in tests/report, those of own networks in tests/studies and for the README
    with nullcontext() if record.study.endswith("halves.py:STUDY") else undrawn():
        text = html.unescape(write_everything(record, page, tmp_path).read_text())
    for verdict in record.verdicts:
        assert verdict.name in text
        for outcome in verdict.outcomes if not verdict.lacks else ():
            if outcome.n:
                assert signless_zero(outcome.found.mean).replace("-", "\N{MINUS SIGN}") in text
    found = [found for group in claim_groups(record)[1] for claim in group.claims for found in claim.conditions]
    assert all(one in text for one in found)
    assert {path.suffix for path in (tmp_path / "tables").iterdir()} == {".csv", ".tex"}
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} >= {".pdf", ".png"}
    shown = io.StringIO()
    show_record(record, page, Console(file=shown, width=200))
    assert all(verdict.name in shown.getvalue() for verdict in record.verdicts)


def test_every_measure_has_its_unit(finished):
    room, _, _, _, record = finished
    study = study_at(room.address)
    units = study.procedure.units
    assert {(one.measure, one.unit) for one in record.quantities} <= set(units.items())
    assert {one.measure for claim in study.claims for one in (*claim.premises, *claim.conditions)} <= set(units)
    if study.name == "halves":
        found = record.quantity("largest share of a tensor kept", "left")
        assert found.unit == "share"
        assert 0 < found.summary.mean <= 1


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_help(name, files):
    assert without_help(study_at(room_of(name, files).address).spec) == []
