import math
import warnings

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import BatchesError, ConfigError, MaskscopeError, NotFiniteError, SelectionError, UnknownNameError
from maskscope.masks import Noise
from maskscope.training import LossWarning, PartSource, SkippedPartsWarning, child_seed, isolated_random


def network():
    with isolated_random(0):
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))


def loss(net, x):
    return (net(x) - x.sum(1, keepdim=True)).square().mean()


def part(index):
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(index))


CONFIG = ms.MaskConfig(steps=5, learning_rate=0.1, size=ms.Penalty(1e-3))


def test_the_same_arguments_give_the_same_bits_and_each_identity_its_own():
    net = network()
    first = ms.discover(net, loss, part, config=CONFIG, seed=1, name="f")
    again = ms.discover(net, loss, part, config=CONFIG, seed=1, name="f")
    assert torch.equal(first.logits.flat, again.logits.flat)
    for other in ({"name": "g"}, {"seed": 2}, {"repeat": 1}):
        changed = ms.discover(net, loss, part, config=CONFIG, **({"seed": 1, "name": "f"} | other))
        assert not torch.equal(first.logits.flat, changed.logits.flat)


def test_what_is_found_says_how():
    net = network()
    selection = ms.select(net, exclude=["*bias"])
    found = ms.discover(net, loss, part, selection=selection, config=CONFIG, seed=3, name="f")
    assert found.mask.made_by["noise"] == {"seed": 3, "mask": "f", "repeat": 0, "purpose": "mask-noise"}
    assert found.mask.made_by["config"]["estimator"] == "rao-blackwell"
    assert found.mask.made_by["selection"] == {"include": ["*"], "exclude": ["*bias"]}
    assert set(found.mask.weights) == {"0.weight", "2.weight"}
    assert len(found.history.loss) == 5
    assert found.history.measures.keys() == {"density", "undecided"}
    assert found.reference_loss == pytest.approx(sum(float(loss(net, part(i)).detach()) for i in range(4)) / 4, rel=1e-6)


def test_each_sample_gets_its_own_part_and_its_own_mask():
    seen = []

    def batches(index):
        seen.append(index)
        return part(index)

    ms.discover(network(), loss, batches, config=ms.MaskConfig(steps=2, samples_per_step=5, learning_rate=0.1), judge=False)
    assert seen == list(range(10))
    net = network()
    logits = ms.MaskLogits.full(ms.select(net), 0.0)
    masks = [ms.sample(logits, Noise(0, "f"), step=0, index=i) for i in range(6)]
    assert all(masks[i] != masks[j] for i in range(6) for j in range(i))


def test_a_function_that_needs_one_weight_keeps_it():
    """The penalty empties what the function does not need: here the output depends on one input of four."""
    net = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.9, 1.1, 1.0]]))

    def first_input(n, x):
        return (n(x) - x[:, :1]).square().mean()

    found = ms.discover(net, first_input, part, config=ms.MaskConfig(steps=150, learning_rate=0.1, size=ms.Penalty(1e-3)))
    assert found.mask["weight"].tolist() == [[True, False, False, False]]


def test_global_generator_and_grad_mode_do_not_matter_and_do_not_change():
    net = network()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    first = ms.discover(net, loss, part, config=CONFIG)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(321)
    with torch.no_grad():
        second = ms.discover(net, loss, part, config=CONFIG)
        assert not torch.is_grad_enabled()
    assert torch.equal(first.logits.flat, second.logits.flat)


def test_nan_and_infinity_stop_the_run_with_a_reason():
    net = network()
    with pytest.raises(NotFiniteError, match=r"Step 1: the gradient of mask \(.*\) is not finite \(the loss is nan\)"):
        ms.discover(net, lambda n, x: loss(n, x) * math.nan, part, config=CONFIG)
    with torch.no_grad():
        net[0].weight[0, 0] = math.nan
    with pytest.raises(NotFiniteError, match="NaN or infinity in the weights"):
        ms.discover(net, loss, part, config=CONFIG)


def test_warnings_of_the_watchdog():
    net = network()
    heavy = ms.MaskConfig(steps=300, learning_rate=0.1, size=ms.Penalty(10.0))
    target = {}

    def imitate(n, x):
        target.setdefault("net", network())
        return (n(x) - target["net"](x).detach()).square().mean()

    with pytest.warns(LossWarning, match="the mask does not carry the function. Lower the penalty"):
        ms.discover(net, imitate, part, config=heavy, observers=[ms.Watchdog()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        light = ms.MaskConfig(steps=300, learning_rate=0.1, size=ms.Penalty(0.0))
        ms.discover(net, loss, part, config=light, observers=[ms.Watchdog()], judge=False)

    def infinite(n, x):
        return loss(n, x) + torch.tensor(math.inf)

    with pytest.warns(LossWarning, match="step 1: the loss is inf"):
        ms.discover(net, infinite, part, config=CONFIG, observers=[ms.Watchdog()])


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "empty: there is not even one part"),
        ((part(i) for i in range(3)), "ended after 3 parts and cannot begin again.*function batches"),
    ],
)
def test_batches_that_do_not_serve(batches, words):
    with pytest.raises(BatchesError, match=words):
        ms.discover(network(), loss, batches, config=CONFIG)


def test_what_is_neither_function_nor_iterable_is_refused():
    with pytest.raises(BatchesError, match="of type int; a function of an index, or an iterable"):
        PartSource(7)


def test_an_iterable_begins_again_and_equals_the_function():
    parts = [part(i) for i in range(3)]
    found = ms.discover(network(), loss, parts, config=CONFIG)
    wanted = ms.discover(network(), loss, lambda index: parts[index % 3], config=CONFIG)
    assert torch.equal(found.logits.flat, wanted.logits.flat)
    source = PartSource(parts)
    with pytest.warns(SkippedPartsWarning, match="skipping over the 4 parts"):
        assert source.part(4) is parts[1]
    with pytest.warns(SkippedPartsWarning, match="skipping over the 4 parts"):
        assert source.part(9) is parts[0]
    with pytest.raises(BatchesError, match="cannot go back"):
        source.part(0)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"steps": -1}, "steps is -1"),
        ({"samples_per_step": 0}, "samples_per_step is 0; a number from 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"estimator": "straight-trough"}, "Did you mean 'straight-through'"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"annealing": ms.Annealing(2.0, 1.0)}, "one temperature for all steps; annealing goes from 2.0 to 1.0"),
        ({"estimator": "deterministic", "temperature": 2.0}, "has no temperature: leave temperature at 1"),
        ({"estimator": "deterministic", "samples_per_step": 4}, "deterministic draws nothing.*Take samples_per_step=1"),
        ({"estimator": "continuous-sparsification", "samples_per_step": 2}, "all samples would be the same"),
    ],
)
def test_impossible_settings(setting, words):
    with pytest.raises((ConfigError, UnknownNameError), match=words) as error:
        ms.MaskConfig(**setting)
    assert isinstance(error.value, MaskscopeError)


def test_a_selection_for_another_network_is_refused():
    with pytest.raises(SelectionError, match="made for another network"):
        ms.discover(nn.Linear(2, 2), loss, part, selection=ms.select(network()))


def test_double_and_bfloat16_networks_have_float32_logits():
    for dtype in (torch.float64, torch.bfloat16):
        net = network().to(dtype)
        found = ms.discover(net, loss, lambda index, d=dtype: part(index).to(d), config=CONFIG)
        assert found.logits.flat.dtype == torch.float32
        assert next(net.parameters()).dtype == dtype


def test_seeds_have_named_children():
    seeds = {child_seed(0, "a"), child_seed(0, "b"), child_seed(1, "a"), child_seed(0, "a", 0), child_seed(0, "a", "0")}
    assert len(seeds) == 5
    assert child_seed(0, "a") == child_seed(0, "a")
    assert all(0 <= seed < 2**63 for seed in seeds)
