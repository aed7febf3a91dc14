"""A study in several processes, and one that is killed: the same bits as in one go."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from maskscope.engine.spec import to_json
from maskscope.errors import MaskscopeError
from maskscope.procedure.plans import NetworkPlan
from maskscope.procedure.stages import network_stage
from maskscope.storage import read_json
from tests.engine.shared_threads import workers_in_threads
from tests.engine.small_run import SPEC, STUDY, artefact, run, without_times


def test_workers_share_seeds_controls_and_networks_of_the_null(tmp_path):
    spec = replace(SPEC, unrelated=2, controls=("untrained", "shuffled-weights", "shuffled-labels"))
    alone = run(tmp_path / "alone", seeds=(0, 1), spec=spec)[0]
    with workers_in_threads():
        together, made = run(tmp_path / "together", seeds=(0, 1), spec=spec, workers=2)
    assert without_times(alone) == without_times(together)
    assert made.count("seed-1-mask-add-1") == 1
    for seed in (0, 1):
        assert made.count(f"seed-{seed}-network") == 1, "the trained network is fitted once"


def test_a_failing_worker_is_one_error(tmp_path):
    (tmp_path / "run" / "artefacts").mkdir(parents=True)
    for seed in (0, 1):
        name = artefact_path(tmp_path / "run", seed)
        name.mkdir()
        (name / "weights.safetensors").write_bytes(b"junk")
    with pytest.raises(MaskscopeError, match="is not a whole artefact: it has no made.json. Delete it and run again"):
        run(tmp_path / "run", seeds=(0, 1), workers=2)


def artefact_path(folder, seed):
    stage = network_stage(STUDY.name, STUDY.procedure.subject, SPEC, seed, NetworkPlan("trained"))
    return stage.folder(folder, {})


def test_killed_in_the_middle_it_goes_on_to_the_same_bits(tmp_path):
    """SIGKILL somewhere in a mask; what comes out equals the unbroken run, artefact by artefact."""
    spec = replace(SPEC, mask=replace(SPEC.mask, steps=200), repeats=0, controls=())
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    script = (
        "import json, sys; from maskscope.engine.address import study_at; from maskscope.engine.run import run_study; "
        "from maskscope.engine.job import Job; from maskscope.engine.spec import from_json; "
        "run, spec = json.load(sys.stdin); study = study_at('addition-multiplication'); "
        "job = Job(study, from_json(study.spec, spec), (0,), run, threads=1); "
        "run_study('smoke', job, announce=lambda name: print(name, flush=True))"
    )
    job = json.dumps([str(broken), to_json(spec)])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as process:
        process.stdin.write(job)
        process.stdin.close()
        for line in process.stdout:
            if "mask-mul-0" in line:
                break
        process.send_signal(signal.SIGKILL)
    run(whole, spec=spec)
    run(broken, spec=spec)
    for path in (whole / "artefacts").iterdir():
        twin = artefact(broken, path.name.rpartition("-")[0])
        for file in path.iterdir():
            if file.name == "made.json":
                continue
            if file.name != "record.json":
                assert file.read_bytes() == (twin / file.name).read_bytes(), file.name
            else:
                mine, theirs = read_json(file), read_json(twin / file.name)
                del mine["seconds"], theirs["seconds"]
                assert mine == theirs
