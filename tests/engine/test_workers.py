"""Worker processes share one list of steps: each is made once, by whoever's it is, as soon as what it is made from is there."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from maskscope.engine import workers
from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.engine.workers import Share, do_share, share_from
from maskscope.errors import ConfigError, MaskscopeError
from maskscope.storage import read_json
from tests.engine import toy_study
from tests.engine.toy_study import LOG, ToySpec

TOY = study_at(f"{Path(toy_study.__file__)}:STUDY")
# of one seed, by their first outputs
STEPS = ["root", "part-0", "part-1", "part-2", "part-3", "left", "sum"]


def job_in(folder, spec=None, seeds=(0, 1)):
    return Job(TOY, spec or TOY.spec(), seeds, str(folder), threads=1)


def log_of(folder):
    return [line.split(" ") for line in (folder / LOG).read_text().splitlines()]


def contents(folder):
    """What every artefact holds, but for when it was made."""
    found = {}
    for path in (folder / "artefacts").iterdir():
        found[path.name.rpartition("-")[0]] = [(file.name, file.read_bytes()) for file in sorted(path.glob("value.json"))]
    return found


def test_each_step_is_made_once_by_either_of_two_and_the_bits_are_those_of_one(tmp_path):
    alone = run_study("smoke", job_in(tmp_path / "one"))
    shared = run_study("smoke", job_in(tmp_path / "two"), workers=2)
    log = log_of(tmp_path / "two")
    made = [f"seed-{seed}-{name}" for seed in (0, 1) for name in STEPS]
    assert Counter(name for name, _ in log) == Counter(made), "no step is made by two, and none is left to the parent"
    assert len({process for _, process in log}) == 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert json.dumps(to_json(alone.quantities)) == json.dumps(to_json(shared.quantities))
    for name, process in log:
        if name == "seed-0-sum":
            others = {one for part, one in log if part.startswith("seed-0-part")}
            assert others - {process}, "a sum is made of what another has made"


def test_steps_of_each_kind_are_dealt_out_so_that_none_is_forgotten(tmp_path):
    steps = [
        (seed, step) for seed in (0, 1, 2) for step in TOY.procedure.steps("toy", TOY.spec(), seed, job_in(tmp_path).runtime())
    ]
    for of in (1, 2, 3, 5):
        shares = [workers._mine(steps, Share(job_in(tmp_path), first, of)) for first in range(of)]
        names = [step.name for share in shares for _, step in share]
        assert sorted(names) == sorted(step.name for _, step in steps)
        for kind in ("root", "part", "pair", "sum"):
            sizes = [sum(step.effort.kind == kind for _, step in share) for share in shares]
            assert max(sizes) - min(sizes) <= 1


def test_a_worker_waits_for_what_another_makes(tmp_path, monkeypatch):
    """It looks again and again; here the other worker's step comes to be while it waits."""
    job, waits = job_in(tmp_path, seeds=(0,)), []

    def other_worker(_):
        waits.append(len(log_of(tmp_path)) if (tmp_path / LOG).exists() else 0)
        monkeypatch.undo()
        root = TOY.procedure.steps("toy", job.spec, 0, job.runtime())[0]
        workers.make_step(root, tmp_path, {}, print)

    monkeypatch.setattr(workers.time, "sleep", other_worker)
    do_share(Share(job, 1, 5))  # of the second of five there is one part
    assert waits == [0]
    assert [name for name, _ in log_of(tmp_path)] == ["seed-0-root", "seed-0-part-1"]


def test_a_worker_that_fails_stops_the_run_and_those_that_wait(tmp_path):
    """The sum waits for a part that never comes."""
    spec = TOY.spec(fails="seed-0-part-1")
    with pytest.raises(MaskscopeError, match=r"^seed-0-part-1 cannot be made\.$"):
        run_study("smoke", job_in(tmp_path, spec, seeds=(0,)), workers=2)
    made = {name for name, _ in log_of(tmp_path)}
    assert "seed-0-root" in made
    assert not {"seed-0-part-1", "seed-0-sum"} & made
    assert not (tmp_path / "record.json").exists()


def test_a_study_that_is_in_this_process_only_has_no_workers(tmp_path):
    job = Job(toy_study.STUDY, ToySpec(), (0,), str(tmp_path))
    with pytest.raises(ConfigError, match="toy is in this process only, and workers could not find it. Put it into a file"):
        run_study("smoke", job, workers=2)
    assert not [*tmp_path.iterdir()], "it is refused before anything is written"


def test_a_worker_is_refused_a_study_file_that_gives_another_network_each_time(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nimport maskscope as ms\n\n"
        "def loss(network, part):\n    return network(part).mean()\n\n"
        "def score(network, part):\n    return network(part)[:, 0] > 0\n\n"
        "STUDY = ms.Study(torch.nn.Linear(2, 1), {'x': [torch.ones(2, 2)] * 6}, loss, score)\n"
    )
    study = study_at(f"{file}:STUDY")
    job = Job(study, study.preset("smoke"), (0,), str(tmp_path / "run")).pinned
    assert share_from(workers._command(Share(job, 0, 2))[-1]).job.spec == job.spec
    other = replace(job, spec=replace(job.spec, networks=("0" * 16,)))
    with pytest.raises(ConfigError, match=r"each time its file is run \(networks\).*Seed whatever the file draws at random"):
        share_from(workers._command(Share(other, 0, 2))[-1])


def test_a_share_goes_to_a_worker_as_json(tmp_path):
    share = Share(job_in(tmp_path), 1, 2)
    command = workers._command(share)
    again = share_from(command[-1])
    assert (again.first, again.of) == (1, 2)
    assert (again.job.study.address, again.job.spec, again.job.seeds) == (TOY.address, share.job.spec, (0, 1))


def test_the_record_says_where_its_study_is(tmp_path):
    run_study("smoke", job_in(tmp_path, seeds=(0,)))
    assert read_json(tmp_path / "record.json")["study"] == TOY.address
