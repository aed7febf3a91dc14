import pytest
import torch

from maskscope.tasks.bit_forms import as_images, as_pairs, as_tokens, as_vector
from maskscope.tasks.multiplexer import SHARED_TRUNK_OF_8, Multiplexers
from maskscope.zoo import LSTM

BITS = torch.tensor([[1.0, -1, 1, 1, -1, -1, 1, -1], [-1.0, -1, -1, 1, 1, 1, 1, -1]])


def test_an_image_has_the_bits_around_a_mark_wherever_the_patch_lies():
    shown = as_images(BITS)
    assert shown.shape == (4, 2, 2, 4, 4)
    places = set()
    for way in shown:
        for image, bits in zip(way, BITS, strict=True):
            ((row, column),) = image[1].nonzero().tolist()
            places.add((row, column))
            patch = image[0, row - 1 : row + 2, column - 1 : column + 2].flatten().tolist()
            assert patch[:4] + patch[5:] == bits.tolist()
            assert image[0].abs().sum() == 8
            assert patch[4] == 0
    assert places == {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_a_sequence_shows_each_bit_once():
    (shown,) = as_pairs(BITS)
    assert torch.equal(shown.sum(1), BITS)
    assert [step.nonzero().flatten().tolist() for step in shown[0]] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert torch.equal(as_tokens(BITS)[0, :, :, 0], BITS)
    assert torch.equal(as_vector(BITS)[0], BITS)


def test_every_way_to_show_bits_has_their_answers():
    task = Multiplexers(SHARED_TRUNK_OF_8, 8, as_images)
    plain = Multiplexers(SHARED_TRUNK_OF_8, 8)
    assert task.evaluation_items == 4 * 256
    targets = task.every_input("all").targets.view(4, 256, 3)
    assert all(torch.equal(way, plain.every_input("all").targets) for way in targets)
    assert len(task.relevant_inputs("A").inputs) == 4 * 16
    assert task.among("C").functions == ("C",)
    assert torch.equal(task.among("C").every_input("C").targets, task.every_input("C").targets[:, 2:])


def test_a_network_that_answers_at_every_step_is_asked_at_the_last():
    task = Multiplexers(SHARED_TRUNK_OF_8, 8, as_pairs)
    part = task.every_input("all")
    last = torch.nn.functional.one_hot(part.targets, 2).float().flatten(1)
    steps = torch.stack([-last, -last, -last, last], 1)
    assert task.right(steps, part.targets).all()
    assert task.score(lambda inputs: steps).accuracy == {"A": 1, "B": 1, "C": 1}


def test_the_loss_is_of_the_last_step():
    task = Multiplexers(SHARED_TRUNK_OF_8, 8, as_pairs)
    part = task.every_input("all")
    network = LSTM(8, 6, 4, layers=1)
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(network(part.inputs)[:, -1].reshape(-1, 2), part.targets.flatten())
        assert float(task.loss(network, part)) == pytest.approx(float(expected))
