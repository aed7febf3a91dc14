"""Runs on a Ray cluster whose processes, nodes and commands are killed at random moments until they end."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.robustness import keeping_study
from benchmarks.robustness.study import Case, Outcome, contents, differences, finished, lost

_KINDS = ("process", "node", "command")
_CASE = Case((f"{Path(keeping_study.__file__).absolute()}:STUDY", "--preset", "smoke", "--seeds", "2"))
# seconds between two kills, at most: a process needs some of them to begin
_LONGEST = 12.0
_NODES = 2
# seconds after which a command that is not killed any more should have ended
_PATIENCE = 900.0


def cluster(folder: Path, count: int, seed: int) -> list[Outcome]:
    """At least ``count`` kills of runs on two nodes beside a head, the last run going on to its end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster as Nodes

    random, killed, faults, runs = Random(seed), Counter[str](), list[str](), 0
    folder.mkdir(parents=True, exist_ok=True)
    alone = _command(folder / "undisturbed", ())
    if alone.wait():
        return [Outcome("kills on a cluster", 0, "not run", ("the undisturbed run failed",))]
    undisturbed = contents(folder / "undisturbed")
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        others = [nodes.add_node(num_cpus=1) for _ in range(_NODES)]
        while killed.total() < count:
            runs += 1
            one = folder / str(runs)
            wrong = _killed_until_it_ends(one, nodes, others, random, killed, count)
            faults += [f"run {runs} after {killed.total()} kills: {fault}" for fault in wrong + differences(one, undisturbed)]
    finally:
        nodes.shutdown()
    ways = ", ".join(f"{killed[kind]} of a {kind}" for kind in _KINDS)
    return [Outcome("kills on a cluster", killed.total(), f"runs that ended: {runs}; kills {ways}", tuple(faults))]


def _killed_until_it_ends(
    folder: Path, nodes: Any, others: list[Any], random: Random, killed: Counter[str], count: int
) -> list[str]:
    """One run; returns what was lost on the way."""
    faults, before = list[str](), dict[str, bytes]()
    words = ("--engine", "ray", "--address", nodes.address)
    command = _command(folder, words)
    while True:
        try:
            status = command.wait(random.uniform(0, _LONGEST) if killed.total() < count else _PATIENCE)
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


def _at_work(nodes: list[Any], random: Random) -> int | None:
    """A process of one of the nodes that makes a step."""
    import psutil

    found = []
    for node in nodes:
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        names = {one.pid: " ".join(one.cmdline()) for one in raylet.children()}
        # a node ends with its agents, and would not be started again
        found += [number for number, name in names.items() if name.startswith("ray::") and "Agent" not in name]
    return random.choice(sorted(found)) if found else None
