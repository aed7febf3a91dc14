"""The same run in other surroundings: hash seeds, locales, time zones, more threads and workers; the same bits."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.robustness.child import End, leave_out_pages
from benchmarks.robustness.study import STUDIES, Case, Outcome, contents, differences

_PROGRAM = "import sys; sys.path[:] = {path!r}; from benchmarks.robustness.surroundings import command; command()"


def surroundings(folder: Path, study: str, pages: bool) -> list[Outcome]:
    """One run in each of the surroundings that this machine has, against one in its own."""
    case = Case(STUDIES[study], pages)
    end = run_in({}, case, folder / "own")
    if end.status:
        return [Outcome(f"surroundings, {study}", 0, "not run", (f"undisturbed: {end.fault()}",))]
    undisturbed = contents(folder / "own")
    return [_outcome(name, case, folder / name, undisturbed) for name in _there()]


def _outcome(name: str, case: Case, folder: Path, undisturbed: dict[str, str]) -> Outcome:
    environment, words = OTHER[name]
    end = run_in(environment, Case((*case.words, *words), case.pages), folder)
    faults = [f"{name}: {fault}" for fault in differences(folder, undisturbed)]
    if end.status:
        faults.append(f"{name}: {end.fault()}")
    return Outcome(f"surroundings, {name}", 1, "FAULT" if faults else "same bits", tuple(faults))


def run_in(environment: Mapping[str, str], case: Case, folder: Path) -> End:
    """Runs a case in a new process with some variables of its environment set."""
    done = subprocess.run(new_process(case, folder), check=False, capture_output=True, env={**os.environ, **environment})
    return End(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def new_process(case: Case, folder: Path) -> list[str]:
    """The command line of a new process for a case; `child.run` is faster."""
    return [sys.executable, "-c", _PROGRAM.format(path=sys.path), "pages" if case.pages else "-", *case.arguments(folder)]


def command() -> None:
    """What such a process does."""
    from maskscope.cli.main import main

    if sys.argv[1] != "pages":
        leave_out_pages()
    main(sys.argv[2:])


def _there() -> list[str]:
    try:
        listed = subprocess.run(["locale", "-a"], check=False, capture_output=True, text=True).stdout
    except OSError:
        listed = ""
    has = {line.lower().replace("utf-8", "utf8") for line in listed.splitlines()} | {"c"}
    return [name for name, (env, _) in OTHER.items() if env.get("LC_ALL", "C").lower().replace("utf-8", "utf8") in has]


OTHER: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "hash seed 0": ({"PYTHONHASHSEED": "0"}, ()),
    "hash seed 1": ({"PYTHONHASHSEED": "1"}, ()),
    "hash seed random": ({"PYTHONHASHSEED": "random"}, ()),
    "locale C": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ()),
    "locale C.UTF-8": ({"LC_ALL": "C.UTF-8"}, ()),
    "locale tr_TR.UTF-8": ({"LC_ALL": "tr_TR.UTF-8"}, ()),
    "time zone Asia-Kolkata": ({"TZ": "Asia/Kolkata"}, ()),
    "time zone 12 h west": ({"TZ": "XXX+12"}, ()),
    "OMP_NUM_THREADS 4": ({"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}, ()),
    "workers 2": ({}, ("--workers", "2")),
}
