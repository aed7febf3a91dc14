"""A failed search does not look like a good one; a search says what it does, and where it is kept."""

import io
import re
import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.analysis import ceiling
from maskscope.errors import ConfigError
from maskscope.masks import masked_weights
from maskscope.training.checkpoint import as_checkpoint
from maskscope.training.observers import LossWarning


def part(index):
    random = torch.Generator().manual_seed(index)
    x = torch.randn(16, 6, generator=random)
    return x, (x[:, 0] > 0).long()


def loss(net, batch):
    return cross_entropy(net(batch[0]), batch[1])


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2))
    ms.fit(net, loss, part, config=ms.FitConfig(steps=300, learning_rate=0.02), seed=0)
    return net.eval()


GOOD = ms.MaskConfig(steps=250, learning_rate=0.3, size=ms.Penalty(5e-4))


def test_the_mask_is_judged_on_parts_that_it_did_not_train_on(trained):
    seen = []

    def batches(index):
        seen.append(index)
        return part(index)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ms.discover(trained, loss, batches, config=GOOD)
    judged = found.judgement
    assert max(seen[:-4]) == 4 * 250 - 1
    assert seen[-4:] == [1000, 1001, 1002, 1003]
    with torch.no_grad():
        fresh = [part(index) for index in seen[-4:]]
        kept = sum(float(loss(ms.bake(trained, found.mask), one)) for one in fresh) / 4
        whole = sum(float(loss(trained, one)) for one in fresh) / 4
    assert judged.masked_loss == pytest.approx(kept, rel=1e-5)
    assert judged.unmasked_loss == pytest.approx(whole, rel=1e-5)
    assert judged.first_loss == found.history.loss[0]
    assert judged.density == found.mask.density
    assert (judged.parts, judged.unseen, judged.is_sound) == (4, True, True)
    assert found.mask.made_by["judgement"]["faults"] == []
    for words in ("did not train on", "without a mask", "under samples", "under the mask", "undecided"):
        assert words in str(found)


def test_samples_are_drawn_anew_for_the_judgement(trained):
    found = ms.discover(trained, loss, part, config=ms.MaskConfig(steps=3, learning_rate=0.1))
    weights = ms.select(trained).of(trained)
    losses = []
    for place in range(4):
        drawn = ms.sample(found.logits, ms.Noise(0, "mask", purpose="judgement"), step=0, index=place)
        net = ms.bake(trained, drawn)
        losses.append(float(loss(net, part(12 + place)).detach()))
        assert masked_weights(weights, drawn).keys() == weights.keys()
    assert found.judgement.sampled_loss == pytest.approx(sum(losses) / 4, rel=1e-5)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ms.MaskConfig(steps=90, learning_rate=0.5, size=ms.Penalty(10.0)), "keeps nothing at all: lower the penalty"),
        (ms.MaskConfig(steps=3, learning_rate=0.01), r"keeps every unit: take more steps.*100% of the weights are undecided"),
        (ms.MaskConfig(steps=60, learning_rate=0.1, size=ms.Penalty(1.0)), "It does not carry the function: lower the penalty"),
    ],
)
@pytest.mark.filterwarnings("ignore::maskscope.training.observers.LossWarning")
def test_a_weak_mask_is_said_with_what_to_change(trained, config, words):
    with pytest.warns(ms.WeakMaskWarning, match=words):
        found = ms.discover(trained, loss, part, config=config)
    assert not found.judgement.is_sound
    assert found.mask.made_by["judgement"]["faults"] == list(found.judgement.faults)


def path(steps, rate, share):
    size = ms.BehaviourKept(share, parts=4, cost=1.0)
    return ms.MaskConfig(steps=steps, learning_rate=rate, estimator="continuous-sparsification", size=size)


def test_a_mask_that_keeps_the_score_that_was_asked_for_is_not_weak_because_of_its_loss(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right = lambda net, batch: net(batch[0]).argmax(-1) == batch[1]  # noqa: E731
        judged = ms.discover(trained, loss, part, config=path(60, 0.5, 0.6), score=right).judgement
    assert judged.is_enough is True
    assert judged.masked_loss > 1.5 * max(judged.first_loss, judged.unmasked_loss)


def test_a_path_that_never_keeps_what_was_asked_for_says_so(trained):
    whole = ms.unmasked(trained)
    same = lambda net, batch: (net(batch[0]) - whole(batch[0])).abs() < 1e-6  # noqa: E731
    with pytest.warns(ms.WeakMaskWarning, match="no mask of its path keeps the behaviour that was asked for"):
        found = ms.discover(trained, loss, part, config=path(6, 3.0, 0.95), score=same)
    assert found.judgement.is_enough is False
    assert found.mask.kept == max(point.kept for point in found.curve)
    assert found.mask.made_by["judgement"]["is_enough"] is False


def test_an_iterable_that_began_again_is_said(trained):
    parts = [part(index) for index in range(8)]
    few = ms.MaskConfig(steps=3, learning_rate=0.1)
    assert ms.discover(trained, loss, parts, config=few).judgement.unseen is False
    assert ms.discover(trained, loss, [*parts, *parts], config=few).judgement.unseen is True
    exhausted = ms.discover(trained, loss, (one for one in [*parts, *parts][:12]), config=few)
    assert exhausted.judgement is None
    assert "not judged" in str(exhausted)


def test_a_loss_that_draws_leaves_the_generator_alone(trained):
    before = torch.get_rng_state()
    noisy = lambda net, batch: loss(net, batch) + 0.01 * torch.rand(())  # noqa: E731
    first, second = (ms.discover(trained, noisy, part, config=ms.MaskConfig(steps=3, learning_rate=0.1)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert first.judgement == second.judgement


def test_several_masks_have_one_line_of_progress(trained, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    wanted = [ms.MaskSearch(name, part) for name in ("add", "mul", "max", "min", "sum")]
    few = ms.MaskConfig(steps=2, learning_rate=0.1)
    ms.discover_many(trained, loss, wanted, config=few)
    lines = stream.getvalue().splitlines()
    assert sum(": 1/2 " in line for line in lines) == 1
    assert all(line.startswith("add, mul, max and 2 more: ") for line in lines)
    assert re.search(r"loss [\d.]+ to [\d.]+", next(line for line in lines if ": 2/2 " in line))
    assert sum("under the mask" in line for line in lines) == 5
    stream.truncate(0)
    ms.discover_many(trained, loss, wanted, config=few, watch=False, judge=False)
    assert not stream.getvalue().strip("\0")


def test_a_search_that_would_be_lost_says_so_and_true_names_a_place(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    few = ms.MaskConfig(steps=4, learning_rate=0.1)
    whole = ms.discover(trained, loss, part, config=few, name="c -> K")
    assert "nothing is kept until it ends; with checkpoint=True" in capsys.readouterr().err
    calls = 0

    def stopped(net, batch):
        nonlocal calls
        calls += 1
        if calls > 12:
            raise KeyboardInterrupt
        return loss(net, batch)

    sequential = ms.Compute(executor="sequential")
    kept = ms.Checkpoint(tmp_path / "x", every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        ms.discover(trained, stopped, part, config=few, name="c -> K", checkpoint=kept, compute=sequential, check=False)
    first = ms.discover(trained, loss, part, config=few, name="c -> K", checkpoint=True)
    (file,) = (tmp_path / "maskscope-checkpoints").iterdir()
    assert re.fullmatch(r"c-K-[0-9a-f]{12}\.safetensors", file.name)
    assert f"its state is kept in maskscope-checkpoints/{file.name}" in capsys.readouterr().err
    again = ms.discover(trained, loss, part, config=few, name="c -> K", checkpoint=True)
    assert torch.equal(first.logits.flat, whole.logits.flat)
    assert torch.equal(again.logits.flat, whole.logits.flat)
    ms.discover(trained, loss, part, config=few, name="other", checkpoint=True)
    assert len(list((tmp_path / "maskscope-checkpoints").iterdir())) == 2
    with pytest.raises(ConfigError, match="a path was expected"):
        as_checkpoint(True)


def test_analyses_say_that_a_mask_is_weak(trained, tmp_path):
    found = [ms.discover(trained, loss, part, config=ms.MaskConfig(steps=3), repeat=repeat).mask for repeat in range(2)]
    found[1].save(tmp_path / "weak.safetensors")
    found[1] = ms.BinaryMask.load(tmp_path / "weak.safetensors")  # a file remembers it
    with pytest.warns(ms.WeakMaskWarning, match="ceiling: mask 1 is weak: it keeps every unit"):
        ceiling(found)
    by_hand = [ms.BinaryMask(dict(mask)) for mask in found]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ceiling(by_hand)


def test_a_mask_whose_loss_is_infinite_can_be_kept(trained, tmp_path):
    with pytest.warns(LossWarning, match="the loss is inf"):
        found = ms.discover(trained, lambda net, batch: loss(net, batch) + torch.inf, part, config=ms.MaskConfig(steps=2))
    assert found.mask.made_by["judgement"]["masked_loss"] is None
    found.mask.save(tmp_path / "mask.safetensors")
    assert ms.BinaryMask.load(tmp_path / "mask.safetensors").faults == found.judgement.faults


@pytest.mark.parametrize("name", ["learning_rate", "initial_logit", "temperature", "clip_norm"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_settings_are_finite(name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value}; a finite number was expected"):
        ms.MaskConfig(**{name: value})
