"""How much of a run is done, and how long the rest takes."""

import math

import pytest

from maskscope.engine.forecast import Forecast
from maskscope.engine.planned import Piece


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def piece(name, seconds, kind="mask", steps=100, done=False):
    return Piece("", "", name, kind, steps, seconds, (name, f"{name}-too"), done)


@pytest.fixture
def clock():
    return Clock()


def test_prices_say_what_is_done_until_something_is_measured(clock):
    made = Forecast([piece("a", 30.0, done=True), piece("b", 60.0), piece("c", 30.0)], clock=clock)
    assert (made.finished, made.share, made.left) == (1, 0.25, 90.0)
    made.begin(1)
    made.at(1, 0, 100)
    made.at(1, 50, 100)
    assert (made.share, made.left) == (0.5, 60.0)
    made.end(1)
    made.end(2)
    assert (made.share, made.left) == (1.0, 0.0)


def test_what_is_measured_corrects_the_prices_of_its_kind(clock):
    made = Forecast([piece("a", 100.0), piece("b", 100.0), piece("other", 10.0, kind="network")], clock=clock)
    made.begin(0)
    made.at(0, 0, 100)
    clock.now = 50.0  # the first step also pays for compiling
    made.at(0, 1, 100)
    clock.now = 70.0
    made.at(0, 11, 100)
    # ten steps took 20 seconds, twice their price
    assert made.left == pytest.approx(0.89 * 200 + 200 + 10)


def test_a_step_that_is_resumed_counts_from_where_it_was(clock):
    made = Forecast([piece("a", 100.0)], clock=clock)
    made.begin(0)
    for step, now in ((60, 0.0), (61, 0.0), (71, 10.0)):
        clock.now = now
        made.at(0, step, 100)
    assert made.share == 0.71
    assert made.left == pytest.approx(29.0)


def test_several_loops_in_one_step(clock):
    made = Forecast([piece("a", 100.0, steps=200)], clock=clock)
    made.begin(0)
    for step in (0, 100, 0, 50):
        made.at(0, step, 100)
    assert made.share == 0.75


def test_workers_share_what_is_left_but_not_one_step(clock):
    made = Forecast([piece("a", 100.0), piece("b", 20.0)], workers=2, clock=clock)
    assert made.left == 60.0
    made.begin(0)
    assert made.left == 100.0


def test_without_prices_the_steps_are_counted(clock):
    made = Forecast([piece("a", math.nan), piece("b", math.nan)], clock=clock)
    made.end(0)
    assert made.share == 0.5
    assert math.isnan(made.left)


def test_a_step_that_does_not_say_how_far_it_is_goes_on_with_the_clock(clock):
    made = Forecast([piece("a", 10.0, kind="score")], clock=clock)
    made.begin(0)
    clock.now = 4.0
    assert made.share == pytest.approx(0.4)
    clock.now = 100.0
    assert made.share == pytest.approx(0.95)


def test_pieces_are_found_by_any_of_their_outputs(clock):
    made = Forecast([piece("a", 1.0)], clock=clock)
    assert (made.place_of("", "a"), made.place_of("", "a-too"), made.place_of("beta 1", "a")) == (0, 0, None)


def test_pieces_of_one_call_share_its_time(clock):
    made = Forecast([piece("a", 100.0), piece("b", 100.0), piece("c", 100.0)], clock=clock)
    for place in (0, 1):
        made.begin(place)
    made.join([0, 1])
    for step, now in ((0, 0.0), (1, 1.0), (11, 11.0)):
        clock.now = now
        for place in (0, 1):
            made.at(place, step, 100)
    # a step of both takes a second: half of the price of two
    assert made.left == pytest.approx(89 + 50)
    assert [making.others for making in made.running] == [1, None], "the first stands for both"
    made.end(0)
    made.end(1)
    assert made.left == pytest.approx(50, rel=0.1)
