"""Workers share the fate of the process that started them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maskscope.cli.stopping import stopped_by_signals
from maskscope.engine.processes import run_together
from maskscope.errors import MaskscopeError
from maskscope.training.loop import STOP_SIGNALS

SOURCE = Path(__file__).parents[2] / "src" / "maskscope"
# the real thing loads torch, which takes seconds: these programs have a package without its contents
BEGIN = f"""
import os, signal, sys, time, types
package = types.ModuleType("maskscope")
package.__path__ = [{str(SOURCE)!r}]
sys.modules["maskscope"] = package
from pathlib import Path
from maskscope.engine.processes import follow_parent, run_together
"""
WORKER = (
    BEGIN
    + """
follow_parent()
place = Path(sys.argv[1])
try:
    print("at work")
    (place / f"at work {os.getpid()}").touch()
    for _ in range(3000):
        time.sleep(.01)
        print("a step")
    raise SystemExit("nobody stopped it")
except KeyboardInterrupt:
    print("saving")
    (place / f"saved {os.getpid()}").touch()
    raise SystemExit(130)
"""
)
PARENT = (
    BEGIN
    + """
def stop(*_):
    raise KeyboardInterrupt
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, stop)
worker = [sys.executable, "-c", sys.argv[2], sys.argv[1]]
try:
    run_together([worker, worker], lambda line: print(line, flush=True))
except KeyboardInterrupt:
    raise SystemExit(130)
"""
)


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def pids(folder, word):
    return sorted(int(path.name.rpartition(" ")[2]) for path in folder.glob(f"{word} *"))


def is_gone(pid):
    """Whether a process has ended; a zombie has, although in a container nobody may fetch it."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # no /proc, or it ended just now: asked again
        return False


def end_of_run(folder, send):
    """Starts a process with two workers, and sends it something once they are at work; its exit status and last words."""
    command = [sys.executable, "-c", PARENT, str(folder), WORKER]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as process:
        wait_for(lambda: len(pids(folder, "at work")) == 2)
        send(process)
        said = process.stderr.read()
    return process.returncode, said.decode()


@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_workers_of_a_stopped_run_save_and_end_before_it_does(tmp_path, number, whole_group):
    """A terminal sends Ctrl-C, and that it is closed, to the whole group; `kill` sends a signal to one process."""
    send = (lambda process: os.killpg(process.pid, number)) if whole_group else (lambda process: process.send_signal(number))
    assert end_of_run(tmp_path, send) == (130, "")
    assert pids(tmp_path, "saved") == pids(tmp_path, "at work")
    assert all(is_gone(pid) for pid in pids(tmp_path, "at work"))


def test_workers_of_a_killed_run_save_and_end(tmp_path):
    assert end_of_run(tmp_path, lambda process: process.kill()) == (-signal.SIGKILL, "")
    wait_for(lambda: pids(tmp_path, "saved") == pids(tmp_path, "at work"))
    wait_for(lambda: all(is_gone(pid) for pid in pids(tmp_path, "at work")))


def test_one_killed_worker_is_named_and_the_others_are_stopped(tmp_path):
    lines = []

    def announce(line):
        lines.append(line)
        if line == "a step" and lines.count("at work") == 2 and not pids(tmp_path, "killed"):
            pid = pids(tmp_path, "at work")[0]
            (tmp_path / f"killed {pid}").touch()
            os.kill(pid, signal.SIGKILL)

    worker = [sys.executable, "-c", WORKER, str(tmp_path)]
    with pytest.raises(
        MaskscopeError, match=r"ended by signal 9 \(out of memory\?\).*run the same command again.*fewer --workers"
    ):
        run_together([worker, worker], announce)
    assert len(pids(tmp_path, "saved")) == 1
    assert all(is_gone(pid) for pid in pids(tmp_path, "at work"))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print('working'); sys.stderr.write('Too little of it.\\n'); sys.exit(2)", "^Too little of it.$"),
        ("print('working'); raise ValueError('odd')", "ended with status 1. .*Its last line: ValueError: odd"),
        ("import sys; sys.exit(2)", "ended with status 2"),
    ],
)
def test_how_a_worker_failed_is_said(program, said):
    with pytest.raises(MaskscopeError, match=said):
        run_together([[sys.executable, "-c", program]], lambda line: None)


def test_a_worker_is_heard_to_its_end_although_nobody_listens():
    """Else it would wait for ever, once the pipe is full."""
    heard = []

    def announce(line):
        heard.append(line)
        raise BrokenPipeError

    run_together([[sys.executable, "-c", "for _ in range(20_000): print('a line of some length')"]], announce)
    assert len(heard) == 1


@pytest.fixture
def _same_signals():
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_same_signals")
@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_command_is_stopped_once(number):
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def stopped():
        with stopped_by_signals():
            try:
                signal.raise_signal(number)
            finally:
                if number != signal.SIGINT:  # a second Ctrl-C does not wait for workers
                    signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        stopped()
    for again in STOP_SIGNALS:
        signal.raise_signal(again)


@pytest.mark.usefixtures("_same_signals")
def test_what_was_ignored_stays_so_and_signals_are_put_back():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals():
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
