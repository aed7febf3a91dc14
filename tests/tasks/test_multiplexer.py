import pytest
import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks.multiplexer import HALVES, NOT_ASKED, SHARED_TRUNK, Multiplexers, Switch
from maskscope.zoo import MLP

TASK = Multiplexers(SHARED_TRUNK)


def answer(bits, switch):
    p, q = switch.selectors
    return bits[switch.if_different] if bits[p] != bits[q] else bits[switch.if_equal]


def scores_of(targets):
    """Outputs that answer as the targets say."""
    return torch.nn.functional.one_hot(targets, 2).float().flatten(1)


def test_targets_are_the_definition_on_every_input():
    task = Multiplexers({"f": Switch((3, 0), 1, 2), "g": Switch((0, 2), 3, 1)}, inputs=4)
    part = task.every_input("all")
    assert part.inputs.unique(dim=0).shape == (16, 4)
    assert part.inputs.unique().tolist() == [-1, 1]
    for inputs, targets in zip(part.inputs.tolist(), part.targets.tolist(), strict=True):
        bits = [int(value > 0) for value in inputs]
        assert targets == [answer(bits, switch) for switch in task.switches.values()]


def test_a_part_of_one_function_asks_for_nothing_else():
    part = TASK.every_input("B")
    assert (part.targets[:, [0, 2]] == NOT_ASKED).all()
    assert torch.equal(part.targets[:, 1], TASK.every_input("all").targets[:, 1])
    network = MLP((16, 8, 6))
    scores = network(part.inputs)[:, 2:4]
    torch.testing.assert_close(TASK.loss(network, part), torch.nn.functional.cross_entropy(scores, part.targets[:, 1]))


def test_relevant_inputs_vary_what_the_function_looks_at_and_nothing_else():
    part = TASK.relevant_inputs("C")
    assert part.inputs.shape == (16, 16)
    varying = (part.inputs != part.inputs[0]).any(0).nonzero().flatten().tolist()
    assert varying == sorted(SHARED_TRUNK["C"].places)
    assert TASK.relevant_inputs("all").inputs.shape == (2**10, 16)


def test_batches_are_uniform_repeatable_and_differ_by_seed():
    batch = TASK.batches("A", 5000, seed=3)
    part = batch(7)
    assert torch.equal(part.inputs, TASK.batches("A", 5000, seed=3)(7).inputs)
    assert not torch.equal(part.inputs, batch(8).inputs)
    assert not torch.equal(part.inputs, TASK.batches("A", 5000, seed=4)(7).inputs)
    # a mean of 5000 signs has standard deviation .0141
    assert part.inputs.mean(0).abs().max() < 4.5 * 0.0141
    expected = [answer([int(value > 0) for value in row], SHARED_TRUNK["A"]) for row in part.inputs[:50].tolist()]
    assert part.targets[:50, 0].tolist() == expected


def test_score_is_the_share_of_right_answers_by_function():
    targets = TASK.every_input("all").targets
    assert TASK.score(lambda inputs: scores_of(targets)).accuracy == {"A": 1, "B": 1, "C": 1}
    wrong = targets.clone()
    wrong[: 1 << 14, 1] = 1 - wrong[: 1 << 14, 1]
    assert TASK.score(lambda inputs: scores_of(wrong)).accuracy == {"A": 1, "B": 0.75, "C": 1}


def test_a_tie_is_a_wrong_answer():
    assert TASK.score(lambda inputs: torch.zeros(len(inputs), 6)).accuracy == {"A": 0, "B": 0, "C": 0}


def test_halves_share_no_input():
    assert not set(HALVES["left"].places) & set(HALVES["right"].places)
    assert max(HALVES["left"].places) < 8 <= min(HALVES["right"].places)


def test_impossible_multiplexers_are_listed_together():
    with pytest.raises(ConfigError, match=r"(?s)inputs is 17.*f looks at.*four different places") as error:
        Multiplexers({"f": Switch((0, 0), 1, 2), "g": Switch((0, 1), 2, 40)}, inputs=17)
    assert "g looks at" in str(error.value)
    with pytest.raises(ConfigError, match="no function"):
        Multiplexers({})


@pytest.mark.parametrize("ask", [TASK.every_input, TASK.relevant_inputs, lambda name: TASK.batches(name, 4, 0)])
def test_unknown_functions_are_named(ask):
    with pytest.raises(UnknownNameError, match="'D'"):
        ask("D")
