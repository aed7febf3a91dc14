"""Images as tasks: division, normalisation, crops, which images a mask is found with, and scores, all against a loop by hand."""

from dataclasses import replace

import pytest
import torch

from maskscope.data import Images
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.tasks import ImageClasses, PermutedImages, removal_name, without_each
from maskscope.tasks.images import ImageStore, divide, statistics_of
from maskscope.tasks.permuted_images import permutation
from tests.small_images import CLASSES, SIZE, small_images

DATA = small_images()


def random_images(count, channels=3, size=SIZE):
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, channels, size, size), generator=random, dtype=torch.uint8)
    return Images(pixels, torch.randint(0, 10, (count,), generator=random))


@pytest.mark.parametrize(("count", "trained_on"), [(60_000, 48_017), (50_000, 40_053)])
def test_images_are_divided_as_in_the_authors_code(count, trained_on):
    empty = Images(torch.zeros(count, 1, 1, 1, dtype=torch.uint8), torch.arange(count))
    train, held_out = divide(empty)
    assert len(train.labels) == trained_on
    assert sorted(torch.cat([train.labels, held_out.labels]).tolist()) == list(range(count))


def test_normalised_channels_have_mean_0_and_deviation_1():
    images = random_images(50)
    mean, deviation = statistics_of(images)
    plain = images.pixels.double()
    torch.testing.assert_close(mean, plain.mean((0, 2, 3)))
    torch.testing.assert_close(deviation, plain.std((0, 2, 3), correction=0))
    shown = ImageStore(images, (mean, deviation), torch.device("cpu")).show(torch.arange(50))
    assert shown.dtype == torch.float32
    torch.testing.assert_close(shown.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(shown.std((0, 2, 3), correction=0), torch.ones(3))


def test_a_moved_image_is_a_crop_of_the_padded_one_mirrored_or_not():
    images = random_images(9, size=6)
    store = ImageStore(images, statistics_of(images), torch.device("cpu"))
    chosen, random = torch.tensor([3, 3, 0, 8]), torch.Generator().manual_seed(2)
    offsets = torch.randint(0, 9, (4, 2), generator=random)
    mirrored = torch.tensor([True, False, True, False])
    moved = store.show_moved(chosen, offsets, mirrored)
    padded = torch.nn.functional.pad(store.show(chosen), (4, 4, 4, 4))
    for place, (top, left) in enumerate(offsets.tolist()):
        crop = padded[place, :, top : top + 6, left : left + 6]
        torch.testing.assert_close(moved[place], crop.flip(-1) if mirrored[place] else crop)


def test_a_mask_of_removal_sees_every_class_but_one():
    task = ImageClasses(DATA, without_each(CLASSES, ["cat", "dog"]))
    assert task.mask_targets == ("without-cat", "without-dog")
    assert task.functions == CLASSES
    for name in ("cat", "dog"):
        batch = task.batches(removal_name(name), 64, 5)
        seen = torch.cat([batch(index).targets for index in range(12)])
        assert set(seen.tolist()) == set(range(10)) - {CLASSES.index(name)}
    everything = torch.cat([task.batches(task.whole, 64, 5)(index).targets for index in range(12)])
    assert set(everything.tolist()) == set(range(10))


@pytest.mark.parametrize("augment", [False, True])
def test_parts_depend_on_the_index_and_the_seed_alone(augment):
    task = ImageClasses(DATA, {}, augment=augment)
    batch, again = task.batches(task.whole, 8, 3), task.batches(task.whole, 8, 3)
    fifth = batch(5)
    batch(2000)
    assert torch.equal(fifth.inputs, again(5).inputs)
    assert torch.equal(fifth.inputs, batch(5).inputs)
    assert not torch.equal(fifth.inputs, batch(6).inputs)
    assert not torch.equal(fifth.inputs, task.batches(task.whole, 8, 4)(5).inputs)
    assert fifth.inputs.shape == (8, 3, SIZE, SIZE)


def test_no_image_is_both_trained_on_and_evaluated():
    for where, held_out in (("validation", divide(DATA.train)[1]), ("test", DATA.test)):
        task = ImageClasses(DATA, {}, evaluate_on=where)
        assert task.evaluation_items == len(held_out.labels)
        trained_on = task._train.pixels.flatten(1)
        assert len(trained_on) == (len(DATA.train.labels) - task.evaluation_items if where == "validation" else 240)
        assert not (trained_on[:, None] == task._evaluation.pixels.flatten(1)[None]).all(-1).any()


def test_scores_are_those_of_a_loop_over_the_images():
    task = ImageClasses(DATA, {}, evaluate_on="test")
    weights = torch.randn(3 * SIZE * SIZE, 10, generator=torch.Generator().manual_seed(0))

    def network(images):
        return images.flatten(1) @ weights

    scores = task.score(network)
    store = ImageStore(DATA.test, statistics_of(DATA.train), torch.device("cpu"))
    counts = torch.zeros(10, 10)
    for place, label in enumerate(DATA.test.labels.tolist()):
        counts[label, int(network(store.show(torch.tensor([place]))).argmax())] += 1
    for row, true in enumerate(CLASSES):
        assert scores.accuracy[true] == pytest.approx(float(counts[row, row] / counts[row].sum()))
        for column, answer in enumerate(CLASSES):
            assert scores.confusion[true][answer] == pytest.approx(100 * float(counts[row, column] / counts[row].sum()))


def test_the_loss_is_the_same_in_every_layout_and_near_in_mixed_precision():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 10))
    plain = ImageClasses(DATA, {})
    part = plain.batches("all", 32, 0)(0)
    expected = plain.loss(network, part)
    laid_out = ImageClasses(DATA, {}, channels_last=True)
    other = laid_out.batches("all", 32, 0)(0)
    assert other.inputs.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(laid_out.loss(network, other), expected)
    mixed = ImageClasses(DATA, {}, mixed_precision=True).loss(network, part)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, expected, atol=0.02, rtol=0)


def test_what_cannot_be_is_refused():
    with pytest.raises(UnknownNameError, match=r"no class of cifar10 'lorry'.*Known: airplane"):
        ImageClasses(DATA, {"one": ["lorry"]})
    with pytest.raises(UnknownNameError, match="no function 'without-cat'"):
        ImageClasses(DATA, {}).batches("without-cat", 4, 0)
    few = replace(DATA, train=Images(DATA.train.pixels[:12], DATA.train.labels[:12]))
    with pytest.raises(ConfigError, match=r"has no images of .* among \d+ of them: too few"):
        ImageClasses(few, {"one": CLASSES})


def test_every_order_of_pixels_is_that_of_the_authors_code():
    assert permutation(0, 784).tolist() == list(range(784))
    assert sorted(permutation(3, 784).tolist()) == list(range(784))
    # numpy's legacy generator is frozen: these are its values
    assert permutation(1, 10).tolist() == [2, 9, 6, 4, 0, 3, 1, 7, 8, 5]


def test_a_permuted_task_shows_the_same_images_in_another_order():
    data = small_images("mnist", channels=1)
    task = PermutedImages(data, 3)
    assert task.functions == ("T1", "T2", "T3")
    assert task.sizes == (SIZE * SIZE, 10)
    plain, third = (task.batches(name, 16, 9)(4) for name in ("T1", "T3"))
    assert torch.equal(plain.targets, third.targets)
    assert torch.equal(third.inputs, plain.inputs[:, permutation(2, SIZE * SIZE)])
    mixed = task.batches(task.whole, 200, 9)(4)
    of_each = torch.stack([task.batches(name, 200, 9)(4).inputs for name in task.functions])
    assert (of_each == mixed.inputs).all(-1).any(0).all(), "each image of the whole is in the order of one of the tasks"
    assert not any((one == mixed.inputs).all() for one in of_each)


def test_accuracy_on_a_permuted_task_undoes_the_permutation():
    data = small_images("mnist", channels=1)
    task = PermutedImages(data, 2)
    held_out = divide(data.train)[1]
    weights = torch.randn(SIZE * SIZE, 10, generator=torch.Generator().manual_seed(0))
    shown = ImageStore(held_out, statistics_of(divide(data.train)[0]), torch.device("cpu")).show(slice(None)).flatten(1)
    expected = float(((shown @ weights).argmax(-1) == held_out.labels).double().mean())
    order = permutation(1, SIZE * SIZE)
    assert task.accuracy("T1", lambda inputs: inputs @ weights) == pytest.approx(expected)
    assert task.accuracy("T2", lambda inputs: inputs @ weights[order]) == pytest.approx(expected)
    assert set(task.score(lambda inputs: inputs @ weights).accuracy) == {"T1", "T2"}


def test_only_images_of_one_channel_are_permuted():
    with pytest.raises(ConfigError, match="cifar10 has 3 channels"):
        PermutedImages(DATA, 2)
    with pytest.raises(UnknownNameError, match="no function 'T3'"):
        PermutedImages(small_images("mnist", channels=1), 2).accuracy("T3", lambda inputs: inputs)
