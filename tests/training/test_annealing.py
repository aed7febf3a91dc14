"""Searches whose gates are soft, not drawn, or change over the steps: against the definition by hand, and to the same bits."""

import signal

import pytest
import torch
from torch.func import functional_call

import maskscope as ms
from maskscope.errors import ConfigError
from maskscope.masks import ESTIMATORS
from maskscope.training.sizing import require_fit

FITTING = [name for name, kind in ESTIMATORS.items() if not kind.exact]
UNDRAWN = [name for name in FITTING if not ESTIMATORS[name].draws]


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))


def loss(net, x):
    return (net(x) - x.sum(1, keepdim=True)).square().mean()


def part(index):
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(index))


def config(name, **settings):
    return ms.MaskConfig(**({"steps": 12, "learning_rate": 0.1, "size": ms.Penalty(1e-3), "estimator": name} | settings))


def search(name, *, net=None, batches=part, **settings):
    how = {key: settings.pop(key) for key in ("checkpoint", "observers", "judge", "compute") if key in settings}
    return ms.discover(net or network(), loss, batches, config=config(name, **settings), watch=False, **how)


@pytest.mark.parametrize("own", [None, ms.Annealing(0.5, 0.1, "linear")])
def test_an_annealed_search_is_adam_on_the_soft_network(own):
    """Twelve steps of continuous sparsification, by autograd through sigmoid(logit / tau of the step)."""
    net, selection = network(), ms.select(network())
    found = search("continuous-sparsification", net=net, annealing=own, clip_norm=0.0)
    leaf = torch.full((selection.count,), 2.0, requires_grad=True)
    adam = torch.optim.Adam([leaf], lr=0.1)
    for step in range(12):
        tau = 200 ** (-step / 12) if own is None else 0.5 - 0.4 * step / 12
        gates = ms.MaskLogits(selection, leaf.detach()).by_tensor(torch.sigmoid(leaf / tau))
        masked = {name: weight.detach() * gates[name] for name, weight in net.named_parameters()}
        total = loss(lambda x, masked=masked: functional_call(net, masked, (x,)), part(step)) + 1e-3 * leaf.sum()
        adam.zero_grad()
        total.backward()
        adam.step()
    torch.testing.assert_close(found.logits.flat, leaf.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FITTING)
def test_what_draws_nothing_makes_one_call_a_step(name):
    seen = []

    def batches(index):
        seen.append(index)
        return part(index)

    found = search(name, batches=batches, steps=3, judge=False)
    assert sorted(set(seen)) == list(range(3 if name in UNDRAWN else 12))
    assert found.mask.made_by["config"]["samples_per_step"] == (1 if name in UNDRAWN else 4)
    assert config(name).samples == (1 if name in UNDRAWN else 4)


@pytest.mark.parametrize("name", FITTING)
def test_the_mask_is_where_a_logit_is_above_0(name):
    found = search(name, steps=30, learning_rate=0.3, size=ms.Penalty(1e-2))
    assert 0 < found.mask.density < 1
    for tensor, logits in found.logits.by_tensor().items():
        assert torch.equal(found.mask[tensor], logits > 0)
    judged = found.judgement
    assert (judged.sampled_loss == judged.masked_loss) == (name in UNDRAWN)
    edge = config(name).made_estimator.undecided_below(1.0)
    assert judged.undecided == found.logits.undecided(edge)
    assert name != "deterministic" or judged.undecided == 0


class Stop(ms.Observer):
    """Ends a run after five steps as Ctrl-C would."""

    def after_step(self, report):
        if report.step == 5:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("name", ["continuous-sparsification", "soft-gumbel"])
def test_an_annealed_search_goes_on_to_the_same_bits(name, tmp_path):
    keep = tmp_path / "run.safetensors"
    whole = search(name)
    with pytest.raises(KeyboardInterrupt):
        search(name, checkpoint=keep, observers=[Stop()])
    seen = []

    def batches(index):
        seen.append(index)
        return part(index)

    again = search(name, checkpoint=keep, batches=batches)
    assert min(seen) > 0, "it began anew"
    assert torch.equal(again.logits.flat, whole.logits.flat)
    assert again.history.loss == whole.history.loss


@pytest.mark.parametrize("name", ["soft-gumbel", "deterministic"])
def test_other_annealing_is_another_run(name, tmp_path):
    keep = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        search(name, checkpoint=keep, observers=[Stop()])
    other = "straight-through" if name == "deterministic" else name
    with pytest.raises(ConfigError, match="another config"):
        search(other, checkpoint=keep, annealing=ms.Annealing(1.0, 0.5))


@pytest.mark.filterwarnings("ignore::maskscope.training.mask_config.SlowBfloat16Warning")
def test_bfloat16_copies_are_soft_too():
    """In the precision of the copies; logits and their gradients are float32."""
    found = search("continuous-sparsification", compute=ms.Compute(dtype="bfloat16", kernels="reference"), judge=False, steps=3)
    wanted = search("continuous-sparsification", judge=False, steps=3)
    torch.testing.assert_close(found.logits.flat, wanted.logits.flat, rtol=0, atol=0.05)


def test_exact_k_needs_a_number():
    with pytest.raises(ConfigError, match="Give size=TargetDensity"):
        require_fit(ms.Penalty(1e-3), ms.MaskConfig(size=ms.TargetDensity(0.1), estimator="exact-k").made_estimator)
