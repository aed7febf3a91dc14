"""The steps of a cluster in one view: where each is made, and how many wait, run and are done."""

import io

from rich.console import Console

from maskscope.engine.planned import Piece
from maskscope.report.progress import RunProgress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def pieces(count):
    return [Piece("", f"network {number}", "searching", "mask", 100, 50.0, (f"seed-{number}",), False) for number in range(count)]


def shown(progress):
    screen = Console(file=io.StringIO(), width=100)
    screen.print(progress.drawn())
    return screen.file.getvalue()


def test_a_log_has_a_line_for_each_step_that_is_done_and_where():
    clock, out = Clock(), Console(file=io.StringIO(), width=100)
    progress = RunProgress(out, clock)
    progress.plans(pieces(3), 2)
    progress.makes("seed-0", "node-a")
    progress.makes("seed-1", "node-b")
    progress.at("seed-0", 1, 100)
    clock.now += 12
    progress.made("seed-0")
    progress.made("seed-0")  # the record is made of what is there: nothing is told twice
    assert out.file.getvalue().splitlines() == [
        "3 steps, about 1 minute in all.",
        " 0 % done, about 1 minute left: network 0: searching (step 1 of 100), on node-a",
        "41 % done, less than a minute left, 1 waiting, 1 running, 1 done: network 0: searching, done on node-a in 12 s",
    ]


def test_a_table_has_the_machine_of_each_step_and_what_was_lost_waits_again():
    clock = Clock()
    progress = RunProgress(Console(file=io.StringIO()), clock)
    progress.plans(pieces(14), 12)
    for number in range(12):
        progress.makes(f"seed-{number}", f"node-{number}")
    clock.now += 70
    progress.at("seed-3", 40, 100)
    lines = shown(progress).splitlines()
    assert lines[0].split() == ["running", "on", "step", "since"]
    assert lines[4].split("  ")[0] == "network 3: searching"
    assert lines[4].split()[3:] == ["node-3", "40", "of", "100", "1", "min", "10", "s"]
    assert lines[11].strip() == "and 2 more"
    assert "2 waiting, 12 running, 0 done" in lines[-1]
    progress.lost("seed-3")
    progress.lost("unknown")
    assert "3 waiting, 11 running, 0 done" in shown(progress)
    progress.made("seed-0")
    progress.made("seed-1")
    progress.makes("seed-3", "node-0")
    progress.at("seed-3", 41, 100)
    assert "2 waiting, 10 running, 2 done" in shown(progress)
    assert any(line.split()[3:7] == ["node-0", "41", "of", "100"] for line in shown(progress).splitlines())
