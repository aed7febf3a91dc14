import pytest
import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks import DoubleAddition
from maskscope.tasks.digits import TRAIN, VALIDATION
from maskscope.tasks.task import NOT_ASKED

MODES = ("two_runs", "together", "only_one_io")


def numbers(inputs):
    """The four numbers of each row, -1 for one that is not shown: least significant digit first."""
    hot = inputs.view(*inputs.shape[:-1], 4, 2, 10)
    value = hot[..., 0, :].argmax(-1) + 10 * hot[..., 1, :].argmax(-1)
    return torch.where(hot.sum((-1, -2)) == 2, value, -1)


def sums(targets):
    both = targets.view(*targets.shape[:-1], 2, 2)
    return torch.where(both[..., 0] == NOT_ASKED, NOT_ASKED, both[..., 0] + 10 * both[..., 1])


def solver(inputs):
    """A network that adds every pair that it sees, at every step."""
    value = numbers(inputs).view(*inputs.shape[:-1], 2, 2)
    result = value.sum(-1) % 100
    digits = torch.stack([result % 10, result // 10], -1)
    return torch.nn.functional.one_hot(digits, 10).flatten(-3).float()


class Solver(torch.nn.Module):
    def forward(self, inputs):
        return 100 * solver(inputs)


def test_sizes():
    assert DoubleAddition(train_items=10).sizes == (80, 40)
    assert DoubleAddition(3, 10).sizes == (120, 60)


def test_two_runs_show_one_pair_a_row_and_ask_for_its_sum_alone():
    task = DoubleAddition(train_items=500)
    part = task.batches("all", 6, 0)(0)
    shown, asked = numbers(part.inputs), sums(part.targets)
    assert part.inputs.shape == (12, 80)
    for place, rows in enumerate((slice(0, 6), slice(6, 12))):
        pair, other = shown[rows, 2 * place : 2 * place + 2], shown[rows, 2 - 2 * place : 4 - 2 * place]
        assert torch.equal(asked[rows, place], pair.sum(1) % 100)
        assert bool((other == -1).all())
        assert bool((asked[rows, 1 - place] == NOT_ASKED).all())
    alone = task.batches("pair-2", 6, 0)(0)
    assert torch.equal(alone.inputs, part.inputs[6:]), "the same seed and index choose the same items"
    assert torch.equal(alone.targets, part.targets[6:])


def test_together_shows_both_pairs_and_a_restricted_part_only_one():
    task = DoubleAddition(train_items=500, mode="together")
    part = task.batches("all", 5, 3)(1)
    shown = numbers(part.inputs).view(5, 2, 2)
    assert torch.equal(sums(part.targets), shown.sum(-1) % 100)
    alone = task.batches("pair-1", 5, 3)(1)
    assert torch.equal(numbers(alone.inputs)[:, :2], shown[:, 0])
    assert bool((numbers(alone.inputs)[:, 2:] == -1).all())
    assert bool((sums(alone.targets)[:, 1] == NOT_ASKED).all())


def test_only_one_io_shows_the_pairs_in_turn_and_reads_each_at_its_last_step():
    task = DoubleAddition(train_items=500, mode="only_one_io")
    part = task.batches("all", 5, 3)(1)
    assert part.inputs.shape == (5, 6, 80)
    shown, asked = numbers(part.inputs), sums(part.targets)
    assert bool((shown[:, :3, 2:] == -1).all())
    assert bool((shown[:, 3:, :2] == -1).all())
    assert torch.equal(asked[:, 2, 0], shown[:, 0, :2].sum(1) % 100)
    assert torch.equal(asked[:, 5, 1], shown[:, 5, 2:].sum(1) % 100)
    assert int((asked != NOT_ASKED).sum()) == 2 * 5
    assert int((sums(task.batches("pair-2", 5, 3)(1).targets) != NOT_ASKED).sum()) == 5


@pytest.mark.parametrize("mode", MODES)
def test_a_network_that_adds_is_right_and_has_no_loss(mode):
    task = DoubleAddition(train_items=500, mode=mode)
    scores = task.score(solver)
    assert scores.accuracy == {"pair-1": 1.0, "pair-2": 1.0}
    assert scores.confusion["pair-1"]["none"] == 0
    assert scores.confusion["pair-1"]["pair-2"] == pytest.approx(1.0, abs=0.5), "1 % of sums coincide"
    for function in ("all", "pair-1", "pair-2"):
        part = task.batches(function, 8, 1)(0)
        assert float(task.loss(Solver(), part)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_network_that_loses_one_pair_loses_its_accuracy_only(mode):
    def half(inputs):
        scores = solver(inputs)
        scores[..., 20:] = 0
        return scores

    accuracy = DoubleAddition(train_items=500, mode=mode).score(half).accuracy
    assert accuracy["pair-1"] == 1
    assert accuracy["pair-2"] == pytest.approx(0.01), "the answer is always 0"


def test_evaluation_shows_every_value_of_each_pair_once():
    pairs = DoubleAddition(train_items=10, mode="together")._everything
    for place in range(2):
        assert torch.equal(pairs[:, place].sort().values, torch.arange(10_000))
    assert not torch.equal(pairs[:, 0], pairs[:, 1])


def test_the_papers_generator_draws_the_first_pair_first():
    import numpy as np

    task = DoubleAddition(train_items=10)
    random = np.random.RandomState(0x12345678 + TRAIN)
    first, second = random.randint(0, 100, (1000, 2)), random.randint(0, 100, (1000, 2))
    expected = np.stack([first[:, 0] * 100 + first[:, 1], second[:, 0] * 100 + second[:, 1]], 1)
    assert np.array_equal(task.paper_items(TRAIN, 1000).numpy(), expected)
    assert not torch.equal(task.paper_items(VALIDATION, 1000), task.paper_items(TRAIN, 1000))


def test_shuffled_labels_are_another_function_of_the_same_inputs_alike_for_both_pairs():
    plain, other = DoubleAddition(train_items=200), DoubleAddition(train_items=200, relabelled={"pair-1": 5, "pair-2": 5})
    a, b = plain.batches("all", 100, 0)(0), other.batches("all", 100, 0)(0)
    assert torch.equal(a.inputs, b.inputs)
    assert float((sums(a.targets) == sums(b.targets)).float().mean()) < 0.6, "the sum that is not asked for agrees"
    assert other.score(solver).accuracy["pair-1"] < 0.05
    assert torch.equal(other._sums[0], other._sums[1])
    assert torch.equal(other._sums.sort(1).values, plain._sums.sort(1).values)
    one = DoubleAddition(train_items=200, relabelled={"pair-2": 5})
    assert one.score(solver).accuracy["pair-1"] == 1
    assert one.score(solver).accuracy["pair-2"] < 0.05
    with pytest.raises(UnknownNameError, match="no function 'pair-3'"):
        DoubleAddition(train_items=10, relabelled={"pair-3": 1})
    again = DoubleAddition(train_items=200, relabelled={"pair-1": 5, "pair-2": 5}).batches("all", 100, 0)(0)
    assert torch.equal(again.targets, b.targets)


def test_bad_settings():
    with pytest.raises(UnknownNameError, match="no mode 'apart'.*only_one_io, together, two_runs"):
        DoubleAddition(mode="apart")
    with pytest.raises(ConfigError, match="1, 2 or 3"):
        DoubleAddition(4)
    with pytest.raises(ConfigError, match="at least 1"):
        DoubleAddition(train_items=0)
    with pytest.raises(UnknownNameError, match="no function 'pair-3'"):
        DoubleAddition(train_items=10).batches("pair-3", 4, 0)
