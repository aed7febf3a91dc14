"""Two Ray nodes on this machine: the bits of one process, whoever makes them and whatever of it is killed."""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from maskscope.engine.address import study_at
from maskscope.engine.cluster.choice import Cluster
from maskscope.engine.follow import Follower
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.errors import MaskscopeError
from tests.engine import held_study
from tests.engine.held_study import LOG, MIDDLE, sign

ray = pytest.importorskip("ray")
HELD = study_at(f"{Path(held_study.__file__)}:STUDY")


@pytest.fixture(scope="module")
def nodes():
    """A head and another node, a CPU each, and this process as their driver."""
    from ray.cluster_utils import Cluster as Nodes

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        found.add_node(num_cpus=1)
        ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


class Heard(Follower):
    """Everything that a follower is told."""

    def __init__(self):
        self.told = []

    def makes(self, name, where=""):
        self.told.append(("makes", name, where))

    def lost(self, name):
        self.told.append(("lost", name))

    def made(self, name):
        self.told.append(("made", name))


def job_in(folder, **spec):
    return Job(HELD, HELD.spec(str(folder.parent), **spec), (0,), str(folder), threads=1)


def log_of(folder):
    return [line.split(" ") for line in (folder / LOG).read_text().splitlines()] if (folder / LOG).exists() else []


def let_go(folder):
    for name in MIDDLE:
        sign(folder, name).touch()


@contextmanager
def beside(work, folder):
    """A block beside which something is done, and after which nothing waits."""

    def do():
        try:
            work()
        finally:
            let_go(folder)

    thread = threading.Thread(target=do)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def first(condition, patience=60.0):
    """Waits until something is found, and returns it."""
    until = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.02)
    return found


def test_what_is_killed_begins_again_from_its_state_and_the_record_is_that_of_one_process(nodes, tmp_path):
    (tmp_path / "alone").mkdir()
    let_go(tmp_path / "alone")
    alone = run_study("smoke", job_in(tmp_path / "alone" / "run"))
    follower, said = Heard(), []
    other = nodes.list_all_nodes()[1].all_processes["raylet"][0].process.pid

    def kill():
        begun = first(lambda: [one for one in log_of(tmp_path) if one[0] in MIDDLE] if len(log_of(tmp_path)) == 3 else None)
        on_other = next(one for one in begun if int(one[2]) == other)
        on_head = next(one for one in begun if int(one[2]) != other)
        lost.extend([on_head[0], on_other[0]])
        os.kill(int(on_head[1]), signal.SIGKILL)
        first(lambda: len(log_of(tmp_path)) == 4)
        nodes.remove_node(nodes.list_all_nodes()[1], allow_graceful=False)
        sign(tmp_path, on_head[0]).touch()
        first(lambda: len(log_of(tmp_path)) == 5)  # on the head, where there is room now

    lost = []
    with beside(kill, tmp_path):
        record = run_study("smoke", job_in(tmp_path / "run"), cluster=Cluster(), announce=said.append, follower=follower)
    assert to_json(record.quantities) == to_json(alone.quantities)
    again = [one for one in log_of(tmp_path)[3:] if one[0] in MIDDLE]
    assert [(one[0], one[3]) for one in again] == [(name, "1") for name in lost], "each went on from the state that was kept"
    assert [one[1] for one in follower.told if one[0] == "lost"] == lost
    assert {"root", "sum"} <= {one[1] for one in follower.told if one[0] == "makes" and one[2]}


def test_shipped_through_ray_it_is_written_whole_and_the_same(nodes, tmp_path):
    let_go(tmp_path)
    shared = run_study("smoke", job_in(tmp_path / "shared"), cluster=Cluster())
    shipped = run_study("smoke", job_in(tmp_path / "shipped"), cluster=Cluster(files="shipped"))
    assert json.dumps(to_json(shared.quantities)) == json.dumps(to_json(shipped.quantities))
    assert len(list((tmp_path / "shipped" / "artefacts").iterdir())) == 4
    assert str(os.getpid()) not in {process for _, process, *_ in log_of(tmp_path)}, "nothing was left to this process"
    assert len(log_of(tmp_path)) == 8


def test_a_step_that_fails_does_so_once_while_others_are_made(nodes, tmp_path):
    let_go(tmp_path)
    with pytest.raises(MaskscopeError, match=r"^first cannot be made\.$"):
        run_study("smoke", job_in(tmp_path / "run", fails="first"), cluster=Cluster())
    assert sorted(name for name, *_ in log_of(tmp_path)) == ["first", "root", "second"]
    assert not (tmp_path / "run" / "record.json").exists()
