"""How the work is done does not change what is found; what cannot be done is said."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, MaskMismatchError, UnknownNameError
from maskscope.masks import evaluation_mode, has_bfloat16
from maskscope.training import isolated_random
from tests.contracts.guests import GUESTS, IGNORED, make
from tests.training.test_discover import loss, network, part

CONFIG = ms.MaskConfig(steps=6, learning_rate=0.1, size=ms.Penalty(1e-3))
SEARCHES = [
    ms.MaskSearch("f", part),
    ms.MaskSearch("g", lambda index: part(index + 50), seed=2),
    ms.MaskSearch("f", part, repeat=1),
]


@pytest.mark.parametrize("executor", ["auto", "sequential"])
def test_many_masks_are_those_found_one_by_one(executor):
    net, compute = network(), ms.Compute(executor=executor)
    together = ms.discover_many(net, loss, SEARCHES, config=CONFIG, compute=compute)
    for wanted, found in zip(SEARCHES, together, strict=True):
        settings = {"seed": wanted.seed, "name": wanted.name, "repeat": wanted.repeat}
        alone = ms.discover(net, loss, wanted.batches, config=CONFIG, compute=compute, **settings)
        torch.testing.assert_close(found.logits.flat, alone.logits.flat, rtol=1e-4, atol=1e-4)
        assert found.history.loss == pytest.approx(alone.history.loss, rel=1e-5)
        assert found.reference_loss == pytest.approx(alone.reference_loss)
        assert found.mask.made_by["noise"] == alone.mask.made_by["noise"]
    assert len({tuple(found.logits.flat.tolist()) for found in together}) == 3


def test_each_of_many_is_clipped_alone():
    """One track with a gradient a thousand times larger does not shrink the other's."""
    net, config = network(), ms.MaskConfig(steps=1, learning_rate=0.1, clip_norm=1e-3)
    steep = [tuple_ * 1000 for tuple_ in (part(0), part(1), part(2), part(3))]
    pair = [ms.MaskSearch("f", part), ms.MaskSearch("g", steep)]
    together = ms.discover_many(net, loss, pair, config=config)
    alone = ms.discover(net, loss, part, config=config, name="f")
    torch.testing.assert_close(together[0].logits.flat, alone.logits.flat)


@pytest.mark.parametrize(("wanted", "words"), [([], "No mask is wanted"), (SEARCHES[:1] * 2, "Wanted twice.*seed 0, repeat 0")])
def test_what_cannot_be_found_together(wanted, words):
    with pytest.raises(ConfigError, match=words):
        ms.discover_many(network(), loss, wanted, config=CONFIG)


def test_observers_of_many_watch_their_own():
    seen = {}

    class Watcher(ms.Observer):
        def __init__(self, name):
            self.name = name

        def after_step(self, report):
            seen.setdefault(self.name, []).append(report.loss)

    wanted = [ms.MaskSearch(name, part, observers=[Watcher(name)]) for name in ("f", "g")]
    together = ms.discover_many(network(), loss, wanted, config=CONFIG)
    assert seen == {"f": together[0].history.loss, "g": together[1].history.loss}


@pytest.mark.parametrize("kernels", ["cpu", "reference"])
@pytest.mark.parametrize("executor", ["batched", "sequential"])
def test_every_way_finds_the_same_mask(executor, kernels):
    net, config = network(), ms.MaskConfig(steps=40, learning_rate=0.1, size=ms.Penalty(1e-3))
    wanted = ms.discover(net, loss, part, config=config)
    found = ms.discover(net, loss, part, config=config, compute=ms.Compute(executor=executor, kernels=kernels))
    torch.testing.assert_close(found.logits.flat, wanted.logits.flat, rtol=1e-3, atol=1e-3)


def test_accumulation_is_the_mean_over_more_parts_of_the_same_masks():
    """Twice the parts under the same four masks: one step along the mean gradient, which one loss over both parts gives too."""
    net = network()
    config = {"learning_rate": 0.1, "steps": 3, "size": ms.Penalty(1e-3)}
    accumulated = ms.discover(net, loss, part, config=ms.MaskConfig(accumulation=2, **config))
    joined = ms.discover(net, loss, lambda i: torch.cat([part(2 * i), part(2 * i + 1)]), config=ms.MaskConfig(**config))
    torch.testing.assert_close(accumulated.logits.flat, joined.logits.flat, rtol=1e-4, atol=1e-5)
    assert accumulated.reference_loss == pytest.approx(joined.reference_loss, rel=1e-5)


def test_the_learning_rate_follows_its_schedule():
    """With the penalty alone Adam moves every logit by the learning rate: the sum of the factors tells the schedule."""
    net = network()
    for schedule, factors in (
        ("constant", 4.0),
        ("linear", 1 + 0.75 + 0.5 + 0.25),
        ("cosine", 1 + 0.8535534 + 0.5 + 0.1464466),
        ("warm-cosine", 2.5),
    ):
        config = ms.MaskConfig(steps=4, learning_rate=0.1, size=ms.Penalty(1.0), schedule=schedule, clip_norm=0.0)
        found = ms.discover(net, lambda n, x: n(x).sum() * 0, part, config=config)
        torch.testing.assert_close(found.logits.flat, torch.full_like(found.logits.flat, 2 - 0.1 * factors), rtol=1e-4, atol=1e-4)
    with pytest.raises(UnknownNameError, match="Did you mean 'linear'"):
        ms.MaskConfig(schedule="liner")


def test_a_settled_run_ends_early_and_resumed_to_the_same_bits(tmp_path):
    class Interrupt(ms.Observer):
        def after_step(self, report):
            if report.step == 150:
                raise KeyboardInterrupt

    net = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.9, 1.1, 1.0]]))

    def first_input(n, x):
        return (n(x) - x[:, :1]).square().mean()

    config = ms.MaskConfig(steps=2000, learning_rate=0.03, size=ms.Penalty(1e-3), stop_when_settled=True)
    whole = ms.discover(net, first_input, part, config=config)
    assert whole.mask["weight"].tolist() == [[True, False, False, False]]
    assert 150 < len(whole.history.loss) < 1000
    assert whole.history.measures["undecided"][-1] == 0
    keep = ms.Checkpoint(tmp_path / "run.safetensors", every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        ms.discover(net, first_input, part, config=config, checkpoint=keep, observers=[Interrupt()])
    resumed = ms.discover(net, first_input, part, config=config, checkpoint=keep)
    assert torch.equal(resumed.logits.flat, whole.logits.flat)
    assert resumed.history.loss == whole.history.loss
    again = ms.discover(net, first_input, part, config=config, checkpoint=keep)  # it is done, and stays so
    assert again.history.loss == whole.history.loss


@pytest.mark.filterwarnings("ignore::maskscope.training.mask_config.SlowBfloat16Warning", *IGNORED)
@pytest.mark.parametrize("executor", ["batched", "sequential"])
@pytest.mark.parametrize("name", GUESTS)
def test_bfloat16_copies_take_a_step_like_float32s(name, executor):
    """Losses within 2 % (bfloat16 has 8 bits); the frozen network and the logits stay as they are."""
    if name == "spectral norm by hook":
        pytest.skip("torch's autocast leaves out torch.mv, which this hook calls with both dtypes")
    net, guest = make(name)
    recurrent = any(isinstance(module, nn.RNNBase) for module in net.modules())
    compute = ms.Compute(executor=executor, dtype="bfloat16")
    config = ms.MaskConfig(steps=2, learning_rate=0.1)
    refusal = None
    if recurrent and executor == "sequential" and not has_bfloat16(torch.device("cpu")):
        refusal = "recurrent layers cannot run in bfloat16"
    elif executor == "batched" and (not guest.batches or any(isinstance(module, nn.Conv2d) for module in net.modules())):
        refusal = "cannot go in one call"  # autocast does not reach convolutions under vmap; 'auto' takes them one by one
    if refusal:
        with pytest.raises(ConfigError, match=refusal):
            ms.discover(net, guest.loss, guest.part, config=config, compute=compute)
        return
    wanted = ms.discover(net, guest.loss, guest.part, config=config)
    found = ms.discover(net, guest.loss, guest.part, config=config, compute=compute)
    assert found.history.loss[0] == pytest.approx(wanted.history.loss[0], rel=0.02)
    assert found.logits.flat.dtype == torch.float32
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


def test_fused_recurrent_layers_get_training_mode_without_dropout(monkeypatch):
    from maskscope.masks import call

    monkeypatch.setattr(call, "_is_fused", lambda module: True)
    with isolated_random(0):
        net = nn.Sequential(nn.LSTM(3, 4, num_layers=2, dropout=0.5), nn.Dropout(0.5)).eval()
    net[0].train()
    inside = []

    def use():
        with evaluation_mode(net):
            inside.append((net[0].training, net[0].dropout, net[1].training))
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        use()
    assert inside == [(True, 0.0, False)]
    assert (net[0].training, net[0].dropout, net[1].training) == (True, 0.5, False)


def test_a_search_begins_where_it_is_told(tmp_path):
    net = network()
    selection = ms.select(net)
    initial = ms.MaskLogits(selection, torch.linspace(-3, 3, selection.count))
    config = ms.MaskConfig(steps=1, learning_rate=1e-6)
    keep = tmp_path / "run.safetensors"
    found = ms.discover(net, loss, part, config=config, initial=initial, checkpoint=keep)
    torch.testing.assert_close(found.logits.flat, initial.flat, rtol=0, atol=1e-5)
    assert initial.flat[0] == -3  # what was given is left alone
    with pytest.raises(ConfigError, match="another initial"):
        ms.discover(net, loss, part, config=config, checkpoint=keep)
    other = ms.MaskLogits.full(ms.select(net, exclude=["*bias"]), 1.0)
    with pytest.raises(MaskMismatchError, match="for another selection"):
        ms.discover(net, loss, part, config=config, initial=other)


def test_a_mask_that_has_not_begun_to_shrink_is_not_settled():
    config = ms.MaskConfig(steps=60, learning_rate=1e-3, initial_logit=5.0, stop_when_settled=True)
    assert len(ms.discover(network(), loss, part, config=config).history.loss) == 60


def test_the_automatic_choice_is_kept_over_a_resumed_run(tmp_path):
    """A part of another size at the step where a run is taken up must not change what the later steps do."""
    network, guest = make("mlp")

    def part(index):
        x, y = guest.part(index)
        return (x[:5], y[:5]) if index in (8, 9) else (x, y)

    class Interrupt(ms.Observer):
        def after_step(self, report):
            if report.step == 2:
                raise KeyboardInterrupt

    config, keep = ms.MaskConfig(steps=6, learning_rate=0.1), ms.Checkpoint(tmp_path / "run.safetensors", every_seconds=0.0)
    whole = ms.discover(network, guest.loss, part, config=config)
    with pytest.raises(KeyboardInterrupt):
        ms.discover(network, guest.loss, part, config=config, checkpoint=keep, observers=[Interrupt()])
    resumed = ms.discover(network, guest.loss, part, config=config, checkpoint=keep)
    assert torch.equal(resumed.logits.flat, whole.logits.flat)
