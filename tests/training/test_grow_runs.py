"""Growing as a run: what is broken off goes on, what it leaves behind, what it says, and what it refuses."""

import copy
import signal

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import (
    ConfigError,
    LossError,
    MaskMismatchError,
    NotFiniteError,
    OutOfMemoryError,
    SelectionError,
    UnknownNameError,
)
from maskscope.masks import MaskLogits
from maskscope.training.memory import check as memory
from tests.training.growing import CONFIG, half, loss, network, part, spread


class Stop(ms.Observer):
    def __init__(self, step):
        self.step = step

    def after_step(self, report):
        if report.step == self.step:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path):
    def noisy(net, batch):
        return loss(net, batch) * (1 + 0.1 * torch.rand(()))  # a loss that draws must resume too

    def run(net, **kwargs):
        selection = ms.select(net)
        kwargs = {"used": half(selection), "initial": spread(selection), "config": CONFIG, "seed": 1} | kwargs
        return ms.grow(net, noisy, part, executor="sequential", **kwargs)

    whole, broken = network(), network()
    unbroken, path = run(whole), tmp_path / "growth.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(broken, observers=[Stop(5)], checkpoint=path)
    saved = path.read_bytes()
    for net in (broken, network()):  # the half-trained network, or the one of the beginning
        path.write_bytes(saved)
        resumed = run(net, checkpoint=path)
        assert torch.equal(resumed.logits.flat, unbroken.logits.flat)
        assert resumed.history == unbroken.history
        assert resumed.mask == unbroken.mask
        assert resumed.mask.weights == unbroken.mask.weights
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), whole.parameters(), strict=True))
    selection = ms.select(whole)
    for words, changed in (
        ("used, weights", {"used": half(selection, 1)}),
        ("initial", {"initial": MaskLogits.full(selection, 1.0)}),
        ("noise", {"seed": 2}),
        ("config", {"config": ms.MaskConfig(steps=3)}),
    ):
        with pytest.raises(ConfigError, match=f"belongs to a run with another {words}. Delete it"):
            run(network(), checkpoint=path, **changed)
    other = network()
    with torch.no_grad():
        other[0].weight[half(selection)["0.weight"]] += 1
    with pytest.raises(ConfigError, match="another weights"):
        run(other, checkpoint=path)


def portrait(net):
    modes = {name: module.training for name, module in net.named_modules()}
    gradients = {name: None if p.grad is None else id(p.grad) for name, p in net.named_parameters()}
    return modes, gradients, {name: id(p) for name, p in net.named_parameters()}, torch.get_rng_state().tolist()


@pytest.mark.parametrize("fails", [False, True])
def test_modes_gradients_and_the_generator_are_as_they_were(fails):
    net = network()
    net[1].eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before, calls = portrait(net), 0

    def sometimes(guest, batch):
        nonlocal calls
        calls += 1
        torch.rand(3)
        assert not any(module.training for module in net.modules())
        if fails and calls == 20:
            raise ValueError("inside")
        return loss(guest, batch)

    def run():
        return ms.grow(
            net, sometimes, part, used=None, initial=MaskLogits.full(ms.select(net), 2.0), config=CONFIG, executor="sequential"
        )

    if fails:
        with pytest.raises(ValueError, match="inside"):
            run()
    else:
        run()
    assert portrait(net) == before
    assert net[0].weight.grad.eq(1).all()


def test_what_is_found_says_how():
    net = network()
    selection = ms.select(net, exclude=["*bias"])
    used, seen = half(selection), []

    class Watch(ms.Observer):
        def after_step(self, report):
            seen.append((report.step, report.loss, report.measure().keys()))

    grown = ms.grow(
        net, loss, part, selection=selection, used=used, initial=spread(selection), config=CONFIG, name="p", observers=[Watch()]
    )
    assert grown.mask.made_by["noise"] == {"seed": 0, "mask": "p", "repeat": 0, "purpose": "mask-noise"}
    assert grown.mask.made_by["config"]["samples_per_step"] == 3
    assert grown.mask.made_by["compute"] == {"executor": "auto", "kernels": "auto", "dtype": "weight"}
    assert grown.mask.made_by["selection"] == {"include": ["*"], "exclude": ["*bias"]}
    assert grown.mask.made_by["used"] == used.kept
    assert grown.mask == ms.BinaryMask.from_logits(grown.logits)
    assert not grown.logits.flat.requires_grad
    assert grown.logits.flat.grad is None
    assert [(step, value) for step, value, _ in seen] == list(zip(range(1, 13), grown.history.loss, strict=True))
    assert {names for _, _, keys in seen for names in keys} == {"density", "undecided"} == grown.history.measures.keys()
    assert grown.seconds > 0


def refuse(error, match, *, net=None, loss=loss, batches=part, **kwargs):
    net = network() if net is None else net
    selection = ms.select(net)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(error, match=match):
        ms.grow(net, loss, batches, **{"used": None, "initial": MaskLogits.full(selection, 2.0), "config": CONFIG} | kwargs)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_is_refused():
    selection = ms.select(network())
    full, weights = half(selection), ms.select(network(), include=["*weight"])
    refuse(ConfigError, "stop_when_settled is for masks over frozen weights", config=ms.MaskConfig(stop_when_settled=True))
    refuse(MaskMismatchError, "initial logits are for other weights", initial=MaskLogits.full(weights, 2.0))
    refuse(MaskMismatchError, "(?s)0.bias: selected, but `used` does not say.*3.bias", used=full.only("0.weight", "3.weight"))
    refuse(
        MaskMismatchError,
        "0.bias: in `used`, but not selected",
        selection=weights,
        initial=MaskLogits.full(weights, 2.0),
        used=full,
    )
    wide = ms.BinaryMask(dict(full) | {"0.bias": torch.ones(7, dtype=torch.bool)})
    refuse(MaskMismatchError, r"0.bias: `used` has shape \[7\], the network \[6\]", used=wide)
    frozen = network()
    frozen[3].requires_grad_(False)
    refuse(SelectionError, r"do not require a gradient: 3\.weight, 3\.bias\. Call requires_grad_\(\)", net=frozen)
    refuse(SelectionError, "made for another network", selection=ms.select(nn.Linear(2, 2)))
    refuse(UnknownNameError, "There is no executor 'sequentiel'", executor="sequentiel")
    refuse(UnknownNameError, "There is no kernels 'gpu'", kernels="gpu")
    refuse(LossError, "No gradient leads from the loss back", loss=lambda net, batch: loss(net, batch).detach())
    refuse(NotFiniteError, r"Step 1: the gradient is not finite \(the loss is nan\)", loss=lambda n, b: loss(n, b) * torch.nan)


def test_too_little_memory_is_said_before_anything_is_done(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 100)
    refuse(OutOfMemoryError, "(?s)the weights' gradient, two moments of Adam; lowered by.*executor='sequential'")
