"""Bad input of clusters, and what of them can be asked without one. Nothing here starts Ray."""

import builtins
import os
import platform
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.artefact import Artefact
from maskscope.engine.cluster import connection, parcels, task
from maskscope.engine.cluster.choice import Cluster, possible_here, require_device_of
from maskscope.engine.cluster.make import make_on_cluster
from maskscope.engine.cluster.nodes import NodeReport, Surroundings, is_shared, report, require_fit, require_same, surroundings
from maskscope.engine.cluster.parcels import Parcel, appears, packed, unpack
from maskscope.engine.cluster.session import Session
from maskscope.engine.cluster.task import Failed, Order, do_step
from maskscope.engine.follow import Follower
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.step import make_step
from maskscope.errors import ConfigError, MaskscopeError, MissingExtraError, RunFolderError
from maskscope.storage import canonical_json
from tests.engine import toy_study

TOY = study_at(f"{Path(toy_study.__file__)}:STUDY")
HERE = Surroundings(("python 3.11.9", "torch 2.6.0", "maskscope 1"), "a processor")


def job_in(folder, **spec):
    return Job(TOY, TOY.spec(**spec), (0,), str(folder), threads=1)


class Here(Session):
    """Does each step in this process when it is asked for its end."""

    def __init__(self, *, shared=True):
        super().__init__(shared, 2, None, None)
        object.__setattr__(self, "said", [])
        object.__setattr__(self, "orders", [])
        object.__setattr__(self, "sent", [])

    def start(self, order, parcels):
        self.orders.append(order)
        self.sent.append(parcels)
        return len(self.orders) - 1

    def put(self, parcel):
        return parcel

    def ended(self, running, patience):
        return [running[-1]]

    def end_of(self, reference, name):
        return do_step(self.orders[reference], self.said.append, *self.sent[reference])

    def reports(self):
        found = list(self.said)
        self.said.clear()
        return found

    def cancel(self, running, patience):
        self.said.append("cancelled")


def order_of(job, step, made=(), **changes):
    made = dict(made)
    inputs = step.inputs_from(made)
    outputs = {stage.name: (stage.folder(Path(job.run), inputs).name, stage.description(inputs)) for stage in step.outputs}
    names = {name: (artefact.path.name, artefact.digest) for name, artefact in made.items() if name in step.inputs.values()}
    order = Order(1, canonical_json(job.to_json()), 0, step.name, outputs, names, True, surroundings())
    return replace(order, **changes)


def steps_of(job):
    return job.study.procedure.steps(job.study.name, job.spec, 0, job.runtime())


def test_without_ray_its_extra_is_named(tmp_path, monkeypatch):
    plain = builtins.__import__

    def without(name, *rest, **more):
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"--engine ray needs the package 'ray': pip install 'maskscope\[ray\]'\."):
        run_study("smoke", job_in(tmp_path / "run"), cluster=Cluster())
    assert not (tmp_path / "run").exists(), "it is refused before anything is written"


def test_an_address_without_a_cluster_is_refused_at_once(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for named, given in ((address, address), ("auto", address)):
            monkeypatch.setenv("RAY_ADDRESS", given)
            with pytest.raises(ConfigError, match=rf"^Nothing answers at {address} .*Start one \(ray start --head\)"):
                run_study("smoke", job_in(tmp_path / "run"), cluster=Cluster(named))
    assert not (tmp_path / "run").exists()


def test_workers_and_a_cluster_exclude_each_other(tmp_path):
    with pytest.raises(ConfigError, match="with it, workers is 1. Take --threads for the CPUs of each step"):
        run_study("smoke", job_in(tmp_path), workers=2, cluster=Cluster())


def test_a_study_that_is_in_this_process_only_has_no_cluster(tmp_path):
    job = Job(toy_study.STUDY, toy_study.ToySpec(), (0,), str(tmp_path))
    with pytest.raises(ConfigError, match=r"workers could not find it.*maskscope run FILE.py --engine ray"):
        run_study("smoke", job, cluster=Cluster())


def test_ray_chooses_the_gpu_and_this_machine_needs_none(tmp_path):
    job = replace(job_in(tmp_path), device="cuda")
    require_device_of(Cluster(), job)
    if not torch.cuda.is_available():
        assert possible_here(job).device == "cpu"
        with pytest.raises(ConfigError, match="torch sees no CUDA device here"):
            require_device_of(None, job)
    with pytest.raises(ConfigError, match="Ray chooses the GPU of each step. Use --device cuda"):
        require_device_of(Cluster(), replace(job, device="cuda:1"))


def test_nodes_of_other_versions_are_refused_with_a_line_for_each():
    other = Surroundings(("python 3.11.9", "torch 2.7.0", "maskscope 2"), "a processor")
    mine = NodeReport("here", HERE, "", True)
    nodes = [mine, NodeReport("a", HERE, "", True), NodeReport("b", other, "", True), NodeReport("c", other, "", True)]
    with pytest.raises(ConfigError) as found:
        require_same(mine, nodes)
    assert str(found.value).splitlines() == [
        "These nodes of the cluster have other versions than this process (python 3.11.9, torch 2.6.0, maskscope 1):",
        "  b: torch 2.7.0, maskscope 2",
        "  c: torch 2.7.0, maskscope 2",
        "Install the same on all nodes, best one environment in a shared folder, and start Ray from it.",
    ]
    said = []
    require_same(mine, [mine, replace(mine, surroundings=replace(HERE, processor="another"))], said.append)
    assert said == ["The processors differ (a processor, another): results can differ from node to node in their last bits."]


def test_nodes_without_the_file_of_the_study_are_refused(tmp_path):
    mine = replace(report(TOY.address, str(tmp_path)), surroundings=HERE)
    assert len(mine.study) == 64
    assert not mine.sees, "a folder is no file"
    nodes = [mine, replace(mine, node="a", study=report(f"{tmp_path}/gone.py:X", "").study), replace(mine, node="b", study="0")]
    with pytest.raises(ConfigError, match=r"\n  a: it is not there\n  b: it is another file\nPut the same file at the same path"):
        require_same(mine, nodes)
    assert report("scan", __file__).sees


def test_a_folder_that_is_not_shared_though_it_was_said_to_be_is_refused():
    seen, blind = NodeReport("a", HERE, "", True), NodeReport("b", HERE, "", False)
    assert is_shared("auto", [seen], Path("/run"))
    assert not is_shared("auto", [seen, blind], Path("/run"))
    assert not is_shared("shipped", [seen], Path("/run"))
    with pytest.raises(RunFolderError, match=r"--files shared\), but b does not see /run.*or take --files shipped"):
        is_shared("shared", [seen, blind], Path("/run"))


def test_a_step_that_no_node_is_large_enough_for_is_refused():
    nodes = [
        {"Alive": True, "NodeManagerHostname": "a", "Resources": {"CPU": 2.0}},
        {"Alive": False, "NodeManagerHostname": "b", "Resources": {"CPU": 64.0}},
    ]
    assert require_fit(nodes, 2.0, 0.0) == nodes[:1]
    with pytest.raises(ConfigError, match=r"needs 4 CPUs and 0 GPUs.*\(a: 2 and 0\)"):
        require_fit(nodes, 4.0, 0.0)
    with pytest.raises(ConfigError, match=r"needs 1 CPUs and 0.5 GPUs"):
        require_fit(nodes, 1.0, 0.5)


def test_an_artefact_is_the_same_after_it_was_shipped(tmp_path):
    job = job_in(tmp_path / "here")
    root = steps_of(job)[0]
    (tmp_path / "here").mkdir()
    made = make_step(root, tmp_path / "here", {}, lambda name: None)["seed-0-root"]
    (made.path / ".DS_Store").write_text("")
    parcel = packed(made)
    assert ".DS_Store" not in parcel.files
    for _ in range(2):
        unpack(parcel, tmp_path / "there")
    assert make_step(root, tmp_path / "there", {}, pytest.fail)["seed-0-root"].digest == made.digest
    unpack(Parcel("x", {"../outside": b""}), tmp_path / "there")
    assert not (tmp_path / "there" / "artefacts" / "outside").exists(), "a name leads nowhere else"


def test_a_folder_of_another_machine_may_come_late(tmp_path, monkeypatch):
    monkeypatch.setattr(parcels.time, "sleep", lambda seconds: (tmp_path / "late").mkdir())
    assert appears(tmp_path / "late")
    assert not appears(tmp_path / "never", 0.0)


def test_a_task_refuses_to_make_something_else_of_the_same_name(tmp_path):
    job = job_in(tmp_path)
    root, *_ = steps_of(job)
    changed = {"seed-0-root": ("seed-0-root-other", {**root.outputs[0].description({}), "version": 2})}
    end = do_step(order_of(job, root, outputs=changed), print)
    assert end.settings
    assert "seed-0-root would be another one" in end.message
    assert "version is 1 and was 2" in end.message
    assert "has no such step gone" in do_step(replace(order_of(job, root), step="gone"), print).message
    end = do_step(order_of(job, root, surroundings=Surroundings(("torch 1",), "")), print)
    assert f"The node {platform.node()} has other versions than the process that runs the study" in end.message
    assert not (tmp_path / "artefacts").exists()


def test_a_task_whose_folder_is_not_there_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "appears", lambda path: path.exists())
    job = job_in(tmp_path)
    root, part, *_ = steps_of(job)
    made = {"seed-0-root": Artefact(tmp_path / "artefacts" / "seed-0-root-0", "0" * 64)}
    assert "does not see" in do_step(order_of(job, part, made), print).message
    gone = job_in(tmp_path / "gone")
    assert f"does not see {tmp_path / 'gone'}" in do_step(order_of(gone, root), print).message


def test_an_error_of_the_users_code_is_told_with_its_place(tmp_path, monkeypatch):
    job = job_in(tmp_path)
    monkeypatch.setattr(task, "make_step", lambda *_: 1 / 0)
    end = do_step(order_of(job, steps_of(job)[0]), print)
    assert end.message == "seed-0-root ended with ZeroDivisionError: division by zero"
    assert "Traceback" in end.trace


@pytest.mark.parametrize("shared", [True, False])
def test_jobs_in_one_folder_make_a_common_step_once(tmp_path, shared):
    told = []

    class Heard(Follower):
        def enters(self, place):
            told.append(place)

        def made(self, name):
            told.append(name)

    tmp_path = tmp_path / "run"
    tmp_path.mkdir()
    first, session = job_in(tmp_path), Here(shared=shared)
    make_on_cluster(session, [("at 1", first), ("at 2", first)], print, Heard())
    assert len(session.orders) == 7
    assert len(list((tmp_path / "artefacts").iterdir())) == 8
    assert told[:4] == ["at 1", "seed-0-root", "at 2", "seed-0-root"]
    again = Here(shared=shared)
    make_on_cluster(again, [("", first)], print, Heard())
    assert again.orders == [], "what is in the run folder is not made again"


def test_what_does_not_depend_on_a_failed_step_is_made(tmp_path):
    session, said = Here(), []
    with pytest.raises(MaskscopeError, match=r"^seed-0-part-1 cannot be made\.$"):
        make_on_cluster(session, [("", job_in(tmp_path, fails="seed-0-part-1"))], said.append, Follower())
    assert sorted(order.step.removeprefix("seed-0-") for order in session.orders) == [
        *("left", "part-0", "part-1", "part-2", "part-3", "root"),
    ]
    assert said == ["seed-0-part-1 failed: seed-0-part-1 cannot be made. What does not depend on it goes on."]


def test_several_failures_are_listed_and_a_stop_is_passed_on(tmp_path):
    session = Here()
    job = job_in(tmp_path)
    object.__setattr__(
        session,
        "end_of",
        lambda reference, name: Failed(f"no {name}") if "part" in name else Here.end_of(session, reference, name),
    )
    with pytest.raises(MaskscopeError, match=r"^4 steps failed:\n  no seed-0-part"):
        make_on_cluster(session, [("", job)], print, Follower())

    def stop(running, patience):
        raise KeyboardInterrupt

    session, said = Here(), []
    object.__setattr__(session, "ended", stop)
    with pytest.raises(KeyboardInterrupt):
        make_on_cluster(session, [("", job)], said.append, Follower())
    assert said == ["stopping: the steps save their state"]
    assert session.said == ["cancelled"]


def test_the_environment_and_the_signal_are_as_they_were(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    before = dict(os.environ)
    with connection._environment({"RAY_USAGE_STATS_ENABLED": "0", "RAY_OTHER": "x"}):
        assert (os.environ["RAY_USAGE_STATS_ENABLED"], os.environ["RAY_OTHER"]) == ("1", "x")
    assert dict(os.environ) == before
