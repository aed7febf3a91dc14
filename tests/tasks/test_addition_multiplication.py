import pytest
import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks import AdditionMultiplication
from maskscope.tasks.digits import TRAIN, VALIDATION
from maskscope.zoo import MLP


@pytest.fixture(scope="module")
def task():
    return AdditionMultiplication()


def decode(part):
    """Numbers from one-hot inputs and target digits: least significant digit first."""
    hot = part.inputs
    digits = hot[:, :40].view(-1, 2, 2, 10).argmax(-1)
    a, b = (digits[:, place, 0] + 10 * digits[:, place, 1] for place in (0, 1))
    assert bool((hot.sum(1) == 5).all())
    return a, b, hot[:, 40:].argmax(1), part.targets[:, 0] + 10 * part.targets[:, 1]


def test_sizes_and_layout(task):
    assert task.sizes == (42, 20)
    part = task.batches("all", 500, 0)(3)
    a, b, operation, result = decode(part)
    assert part.inputs.dtype == torch.float32
    assert torch.equal(result, torch.where(operation == 0, a + b, a * b) % 100)
    assert 150 < int(operation.sum()) < 350


def test_one_example_by_hand(task):
    row = 1 * 10_000 + 37 * 100 + 4  # 37 * 4 = 148 -> 48
    inputs = task._inputs[row].tolist()
    hot = [place for place, value in enumerate(inputs) if value]
    assert hot == [7, 10 + 3, 20 + 4, 30 + 0, 41]
    assert task._targets[row].tolist() == [8, 4]


@pytest.mark.parametrize(("function", "operation"), [("add", 0), ("mul", 1)])
def test_restricted_data(task, function, operation):
    assert bool((decode(task.batches(function, 400, 1)(0))[2] == operation).all())


def test_the_papers_generator(task):
    """Counts that were checked against the authors' code: 499,448 additions in training, 4,951 and 5,049 in validation."""
    train = task.paper_items(TRAIN, 1_000_000)
    assert int((train < 10_000).sum()) == 499_448
    validation = task.paper_items(VALIDATION, 10_000)
    assert int((validation < 10_000).sum()) == 4_951
    assert int((validation >= 10_000).sum()) == 5_049
    occurrences = torch.bincount(train, minlength=20_000)
    assert len(occurrences) == 20_000
    assert int(occurrences.min()) >= 26


def test_batches_are_a_function_of_the_index(task):
    batches = task.batches("all", 16, 7)
    later, first = batches(2500), batches(0)
    again = task.batches("all", 16, 7)
    assert torch.equal(again(0).inputs, first.inputs)
    assert torch.equal(again(2500).targets, later.targets)
    assert not torch.equal(task.batches("all", 16, 8)(0).inputs, first.inputs)
    assert not torch.equal(batches(1).inputs, first.inputs)


def oracle(task, rule):
    def run(inputs):
        digits = inputs[:, :40].view(-1, 2, 2, 10).argmax(-1)
        a, b = (digits[:, place, 0] + 10 * digits[:, place, 1] for place in (0, 1))
        result = rule(a, b, inputs[:, 40:].argmax(1)) % 100
        return torch.cat([torch.nn.functional.one_hot(result // 10**p % 10, 10) for p in (0, 1)], 1).float()

    return run


def test_scores_of_known_answers(task):
    right = task.score(oracle(task, lambda a, b, op: torch.where(op == 0, a + b, a * b)))
    assert right.accuracy == {"add": 1.0, "mul": 1.0}
    coincide = sum((a + b) % 100 == a * b % 100 for a in range(100) for b in range(100)) / 100
    assert coincide == pytest.approx(0.40)
    assert right.confusion["add"] == pytest.approx({"add": 100.0, "mul": coincide, "none": 0.0})
    always_add = task.score(oracle(task, lambda a, b, op: a + b))
    assert always_add.accuracy == {"add": 1.0, "mul": pytest.approx(coincide / 100)}
    assert always_add.confusion["mul"] == pytest.approx({"add": 100.0, "mul": coincide, "none": 0.0})
    never = task.score(oracle(task, lambda a, b, op: torch.where(op == 0, a + b + 1, a + b + 1)))
    assert never.confusion["add"]["none"] == pytest.approx(100 - 100 * _wrong_but_product())


def _wrong_but_product():
    return sum((a + b + 1) % 100 == a * b % 100 for a in range(100) for b in range(100)) / 10_000


def test_the_loss_is_the_mean_over_items_and_digits(task):
    network = MLP([42, 8, 20])
    part = task.batches("all", 10, 0)(0)
    scores = network(part.inputs).view(10, 2, 10).log_softmax(-1)
    by_hand = -scores.gather(2, part.targets[..., None]).mean()
    torch.testing.assert_close(task.loss(network, part), by_hand)


def test_other_digits():
    task = AdditionMultiplication(digits=1, train_items=500)
    assert task.sizes == (22, 10)
    assert task.batches("mul", 4, 0)(0).inputs.shape == (4, 22)


@pytest.mark.parametrize("digits", [0, 4])
def test_impossible_digits(digits):
    with pytest.raises(ConfigError, match="1, 2 or 3 was expected"):
        AdditionMultiplication(digits=digits)


def test_unknown_function_suggests(task):
    with pytest.raises(UnknownNameError, match=r"no function 'ad'. Did you mean 'add'"):
        task.batches("ad", 4, 0)
    with pytest.raises(ConfigError, match="at least 1 is needed"):
        task.batches("add", 0, 0)
    one = AdditionMultiplication(train_items=1)
    with pytest.raises(ConfigError, match="None of the 1 training items"):
        [one.batches(name, 1, 0) for name in one.functions]


@pytest.mark.parametrize(
    ("hidden", "maskable", "every"),
    [((400, 400, 200), 260_800, 261_820), ((800,) * 4, 1_969_600, 1_972_820), ((2000,) * 4, 12_124_000, 12_132_020)],
)
def test_network_sizes_of_the_paper(hidden, maskable, every):
    network = MLP([42, *hidden, 20])
    assert sum(p.numel() for p in network.parameters()) == every
    assert sum(p.numel() for n, p in network.named_parameters() if "bias" not in n) == maskable
