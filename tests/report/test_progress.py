"""Progress in words: on a terminal live, elsewhere in plain lines and not many of them."""

import io
import json

import pytest
from rich.console import Console

from maskscope.engine.follow import hear
from maskscope.engine.planned import Piece, Plan, PlannedStage
from maskscope.report.progress import RunProgress

WORDS = "searching the weights that carry 'add' and 'mul'"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def console(*, live=False):
    return Console(file=io.StringIO(), width=100, force_terminal=live, color_system=None)


def pieces(*done):
    networks = [f"network {number} of 2" for number in (1, 2)]
    return [
        Piece("", network, WORDS, "step of a mask", 2_000, 600.0, (f"seed-{number}-add", f"seed-{number}-mul"), number in done)
        for number, network in enumerate(networks)
    ]


@pytest.fixture
def clock():
    return Clock()


def test_plain_lines_say_what_is_done_and_how_long_the_rest_takes(clock):
    shown = console()
    with RunProgress(shown, clock).shown() as progress:
        progress.plans(pieces(), 1)
        for name in ("seed-0-add", "seed-0-mul"):
            progress.makes(name)
        for step in range(0, 2_001, 10):
            progress.at("seed-0-add", step, 2_000)
            progress.at("seed-0-mul", step, 2_000)
            clock.now += 0.5
        progress.made("seed-0-add")
        progress.note("compiling")
    lines = shown.file.getvalue().splitlines()
    assert lines[0] == "2 steps, about 20 minutes in all."
    assert lines[1] == f" 0 % done, about 20 minutes left: network 1 of 2: {WORDS} (step 0 of 2,000)"
    assert lines[2] == f"30 % done, about 2 minutes left: network 1 of 2: {WORDS} (step 1,200 of 2,000)"
    assert lines[3:] == ["compiling"]
    assert "seed-" not in shown.file.getvalue()


def test_a_run_that_goes_on_says_what_is_kept(clock):
    shown = console()
    progress = RunProgress(shown, clock)
    progress.plans(pieces(0), 1)
    assert shown.file.getvalue() == "1 of 2 steps were done before and are kept. The rest takes about 10 minutes.\n"
    progress.plans(pieces(0, 1), 1)
    assert "Everything is there already" in shown.file.getvalue()


def test_a_terminal_shows_a_line_for_each_step_and_one_for_the_whole(clock):
    screen = console(live=True)
    with RunProgress(screen, clock).shown() as progress:
        progress.plans(pieces(), 2)
        for report in (["makes", "seed-0-add"], ["makes", "seed-1-add"], ["at", "seed-1-add", 500, 2_000]):
            hear(f"\x1e{json.dumps(report)}", progress, progress.announce)
        hear("a worker says something", progress, progress.announce)
        hear('\x1e["at", "seed-1', progress, progress.announce)  # it was killed
    shown = screen.file.getvalue()
    for words in (
        f"network 1 of 2: {WORDS}",
        f"network 2 of 2: {WORDS} (step 500 of 2,000)",
        "12 % done, about 10 minutes left",
        "a worker says something",
    ):
        assert words in shown


def test_the_steps_of_a_sweep_are_told_apart_by_their_values(clock):
    stages = [PlannedStage("seed-0-mask-add-0", False, 0.0, "k", 10, "", "mask", "seed-0-mask-add-0", "searching 'add'", 0)]
    plan = Plan(tuple(stages), 0.0, 0, 0, {"k": 1.0})
    shown = console()
    progress = RunProgress(shown, clock)
    progress.plans([*plan.pieces("beta 1"), *plan.pieces("beta 2")], 1)
    progress.enters("beta 2")
    progress.makes("seed-0-mask-add-0")
    progress.at("seed-0-mask-add-0", 5, 10)
    assert shown.file.getvalue().endswith("25 % done, less than a minute left: beta 2: searching 'add' (step 5 of 10)\n")


def test_steps_of_one_call_have_one_line(clock):
    plain, screen = console(), console(live=True)
    for shown in (plain, screen):
        with RunProgress(shown, clock).shown() as progress:
            progress.plans(pieces(), 1)
            for name in ("seed-0-add", "seed-0-mul", "seed-1-add", "seed-1-mul"):
                progress.makes(name)
            progress.together(["seed-0-add", "seed-1-add"])
            for name in ("seed-0-add", "seed-1-add"):
                progress.at(name, 1_000, 2_000)
            if shown is screen:
                screen.print(progress.drawn())
    expected = f"network 1 of 2: {WORDS} (step 1,000 of 2,000), and 1 more at the same time"
    assert plain.file.getvalue().splitlines()[1:] == [f"25 % done, about 15 minutes left: {expected}"]
    assert expected.split(" (")[0] in screen.file.getvalue()
    assert "network 2 of 2" not in screen.file.getvalue()
