"""The task of a user: order of parts, data of the whole, and what a score may be."""

import pytest
import torch
from torch import nn

from maskscope.errors import ScoreError, UnknownNameError
from maskscope.tasks.functions import INDICES, FunctionData, UserFunctions, moved
from maskscope.tasks.objectives import OwnObjective

ASKED = []


class Answering(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, part):
        return self.answer(part)


def by_index(index):
    ASKED.append(index)
    return index


LIST = FunctionData("list", tuple(range(10)), (0.0, 1.0, 0.5), "")
BY_INDEX = FunctionData("by index", by_index, (1.0,), "")
OBJECTIVE = OwnObjective(lambda network, part: part, lambda network, part: network(part))
TASK = UserFunctions([LIST, BY_INDEX], {"list": OBJECTIVE, "by index": OBJECTIVE})


def test_each_turn_shows_every_part_once_and_a_repeat_has_another_order():
    first, again, other = (TASK.batches("list", 1, seed) for seed in (3, 3, 4))
    turns = [[first(10 * turn + place) for place in range(10)] for turn in range(2)]
    assert [sorted(turn) for turn in turns] == [list(range(10))] * 2
    assert turns[0] != turns[1]
    assert [again(place) for place in range(10)] == turns[0]
    assert [other(place) for place in range(10)] != turns[0]


def test_a_function_of_an_index_is_asked_for_indices_of_a_search():
    first, other = TASK.batches("by index", 1, 2**62 + 5), TASK.batches("by index", 1, 7)
    assert [first(1) - first(0), other(0)] == [1, 7]
    assert all(0 <= index < INDICES for index in ASKED)
    assert TASK.batches("by index", 1, INDICES - 1)(1) == 0


def test_in_the_whole_functions_take_turns():
    whole, list_alone, by_index_alone = (TASK.batches(name, 1, 3) for name in ("all", "list", "by index"))
    assert [whole(index) for index in range(4)] == [list_alone(0), by_index_alone(0), list_alone(1), by_index_alone(1)]
    with pytest.raises(UnknownNameError, match="function 'lists'"):
        TASK.batches("lists", 1, 0)


def test_a_score_is_the_mean_over_all_numbers():
    scores = TASK.score(Answering(lambda part: torch.full((3,), part) if part == 1 else part))
    assert scores.accuracy == {"list": pytest.approx((0 + 3 + 0.5) / 5), "by index": 1.0}
    assert TASK.score(Answering(lambda part: [True, False])).accuracy == {"list": 0.5, "by index": 0.5}
    assert TASK.evaluation_items == 4


@pytest.mark.parametrize(
    "given", [1.01, -0.5, torch.zeros(2, 2), torch.zeros(0), "good", None, torch.tensor([1.0, float("nan")])]
)
def test_a_score_that_is_no_share_is_refused(given):
    with pytest.raises(ScoreError, match="The score of function list is .*; a share from 0 to 1, or a number"):
        TASK.score(Answering(lambda part: given))


def test_tensors_are_moved_wherever_they_are():
    part = {"pair": (torch.zeros(2), [torch.zeros(1), "text"])}
    assert moved(part, torch.device("cpu")) is part
    found = moved(part, torch.device("meta"))
    assert found["pair"][0].device.type == found["pair"][1][0].device.type == "meta"
    assert found["pair"][1][1] == "text"
