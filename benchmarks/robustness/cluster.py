"""Runs on a Ray cluster whose processes, nodes and commands are killed at random moments until they end."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.robustness import keeping_study
from benchmarks.robustness.study import Case, Outcome, contents, differences, finished, lost

_KINDS = ("process", "node", "command")
_CASE = Case((f"{Path(keeping_study.__file__).absolute()}:STUDY", "--preset", "smoke", "--seeds", "2"))
_NODES = 2
# share of the kills that come soon after a step was begun, and how soon, of the time of an undisturbed run; processes and nodes
# take long to begin, and the other kills, which come at any moment, are mostly before there is any work
_AT_WORK, _SOON = 0.8, 0.2
# seconds after which a command that is not killed any more should have ended
_PATIENCE = 900.0


def cluster(folder: Path, count: int, seed: int) -> list[Outcome]:
    """At least ``count`` kills of runs on two nodes beside a head, the last run going on to its end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster as Nodes

    random, killed, faults, runs = Random(seed), Counter[str](), list[str](), 0
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    alone = _command(folder / "undisturbed", ())
    if alone.wait():
        return [Outcome("kills on a cluster", 0, "not run", ("the undisturbed run failed",))]
    undisturbed, seconds = contents(folder / "undisturbed"), time.monotonic() - began
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        others = [nodes.add_node(num_cpus=1) for _ in range(_NODES)]
        while killed.total() < count:
            runs += 1
            one = folder / str(runs)
            wrong = _killed_until_it_ends(one, nodes, others, random, killed, count, seconds)
            faults += [f"run {runs} after {killed.total()} kills: {fault}" for fault in wrong + differences(one, undisturbed)]
    finally:
        nodes.shutdown()
    ways = ", ".join(f"{killed[kind]} of a {kind}" for kind in _KINDS)
    return [Outcome("kills on a cluster", killed.total(), f"runs that ended: {runs}; kills {ways}", tuple(faults))]


def _killed_until_it_ends(
    folder: Path, nodes: Any, others: list[Any], random: Random, killed: Counter[str], count: int, seconds: float
) -> list[str]:
    """One run, killed after at most the seconds of an undisturbed one each time; returns what was lost on the way."""
    faults, before = list[str](), dict[str, bytes]()
    words = ("--engine", "ray", "--address", nodes.address)
    command = _command(folder, words)
    while True:
        try:
            if killed.total() < count and random.random() < _AT_WORK:
                _wait_for_work(command, others)
                status = command.wait(random.uniform(0, seconds * _SOON))
            else:
                status = command.wait(random.uniform(0, seconds) if killed.total() < count else _PATIENCE)
        except subprocess.TimeoutExpired:
            if killed.total() >= count:
                command.kill()
                return [*faults, f"it did not end within {_PATIENCE:.0f} s"]
        else:
            return faults if status == 0 else [*faults, f"it ended with status {status}: see {folder}.log"]
        faults += lost(before, folder)
        before = finished(folder)
        kind = random.choice(_KINDS)
        if kind == "command":
            os.killpg(command.pid, signal.SIGKILL)
            command.wait()
            command = _command(folder, words)
        elif kind == "node":
            place = random.randrange(len(others))
            nodes.remove_node(others[place], allow_graceful=False)
            others[place] = nodes.add_node(num_cpus=1)
        elif process := _at_work(others, random):
            os.kill(process, signal.SIGKILL)
        else:
            continue
        killed[kind] += 1
        print(f"{killed.total():>4} killed: a {kind}", file=sys.stderr, flush=True)


def _command(folder: Path, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """The command, in a group of its own; what it says is added to a log beside its folder."""
    run = "import sys; sys.modules['matplotlib'] = None; from maskscope_command import main; main()"
    with open(f"{folder}.log", "ab") as log:
        line = [sys.executable, "-c", run, *_CASE.arguments(folder), *words]
        return subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)


def _wait_for_work(command: subprocess.Popen[bytes], nodes: list[Any]) -> None:
    """Returns when a step is being made, or the command has ended."""
    while command.poll() is None and not any("seed-" in name for name in _processes(nodes).values()):
        time.sleep(0.1)


def _at_work(nodes: list[Any], random: Random) -> int | None:
    """A process of one of the nodes that makes steps."""
    found = sorted(_processes(nodes))
    return random.choice(found) if found else None


def _processes(nodes: list[Any]) -> dict[int, str]:
    """The processes of all nodes that make steps, with the names that Ray gives them."""
    import psutil

    found: dict[int, str] = {}
    for node in nodes:
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        with suppress(psutil.Error):  # it has just ended
            found |= {one.pid: " ".join(one.cmdline()) for one in raylet.children()}
    # a node ends with its agents, and would not be started again
    return {number: name for number, name in found.items() if name.startswith("ray::") and "Agent" not in name}
