"""What stands in place of a weight that is off: the same in a search, a call, a score, a baked network and a file."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.errors import MaskMismatchError, UnknownNameError
from maskscope.masks import OFF, LearnedMask, Noise, gate, loss_and_gradient, make_estimator, make_executor, make_kernels
from maskscope.masks.kernels.counter import draw_words
from maskscope.masks.sample import masked_weights


def plain_network():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.fixture
def network():
    network = plain_network()
    with torch.no_grad():
        network[0].weight[0, 0], network[0].weight[1, 1] = -0.0, float("inf")
    return network


def other(network):
    return {name: tensor.flip(0) for name, tensor in network.state_dict().items()}


def kinds(network):
    return [ms.Off(), ms.Off("mean"), ms.Off("drawn", 7), ms.Off.other(other(network))]


def loss(network, part):
    return cross_entropy(network(part[0]), part[1])


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(6, 3, generator=random), torch.randint(2, (6,), generator=random)


def drawn_mask(network, seed=0):
    selection = ms.select(network)
    return ms.sample(ms.MaskLogits.full(selection, 0.0), Noise(seed, "f"), step=0)


def bits_of(tensor):
    return tensor.contiguous().view(torch.int32)


def test_open_and_closed_are_exact_to_the_bit(network):
    for off in kinds(network):
        mask = drawn_mask(network).with_off(off)
        weights = ms.select(network).of(network)
        values = off.of(weights) or {name: torch.zeros_like(weight) for name, weight in weights.items()}
        baked = dict(ms.bake(network, mask).named_parameters())
        for name, weight in weights.items():
            wanted = torch.where(mask[name], bits_of(weight), bits_of(values[name]))
            assert torch.equal(bits_of(baked[name].detach()), wanted)


def test_the_values_are_what_they_are_called():
    finite = plain_network()[0]
    weights = ms.select(finite).of(finite)
    assert ms.Off().of(weights) == {}
    torch.testing.assert_close(ms.Off("mean").of(weights)["weight"], finite.weight.mean().detach().expand(5, 3))
    drawn = ms.Off("drawn", 1).of(weights)["weight"]
    assert torch.equal(drawn.flatten().sort().values, finite.weight.detach().flatten().sort().values)
    assert not torch.equal(drawn, finite.weight)
    assert torch.equal(drawn, ms.Off("drawn", 1).of(weights)["weight"])
    assert not torch.equal(drawn, ms.Off("drawn", 2).of(weights)["weight"])
    assert torch.equal(ms.Off.other(other(finite)).of(weights)["bias"], finite.bias.detach().flip(0))


@pytest.mark.parametrize("executor", ["sequential", "batched", "threads"])
@pytest.mark.parametrize("kind", OFF)
@pytest.mark.parametrize("units", ["weight", "row"])
@pytest.mark.parametrize("estimator", ["rao-blackwell", "continuous-sparsification"])
def test_the_gradient_of_a_gate_is_that_of_the_difference(kind, executor, units, estimator):
    network = plain_network()
    off = next(one for one in kinds(network) if one.kind == kind)
    selection = ms.select(network, units=units)
    weights = selection.of(network)
    values = off.of(weights)
    zeros = {name: values.get(name, torch.zeros_like(weight)) for name, weight in weights.items()}
    logits = ms.MaskLogits(selection, torch.randn(selection.unit_count, generator=torch.Generator().manual_seed(1)))
    mask = LearnedMask(logits, torch.zeros_like(logits.flat), Noise(3, "f"))
    made = make_estimator(estimator)
    law = made.law(0.5)
    gated = gate(weights, weights, [mask], make_kernels(torch.device("cpu")), law, off=values)
    running = make_executor(executor, network, loss, gated)
    losses = running.add_gradients(0, [[part(0)]], 1)
    running.close()
    if estimator == "rao-blackwell":
        copies = masked_weights(weights, ms.sample(logits, mask.noise, step=0), values)
    else:
        share = law.value(logits.flat, torch.zeros(1, selection.unit_count, dtype=torch.int64))[0]
        copies = {
            name: zeros[name] + gate_value * (weights[name] - zeros[name]) for name, gate_value in logits.by_tensor(share).items()
        }
    value, gradients = loss_and_gradient(network, loss, part(0), copies)
    torch.testing.assert_close(float(losses[0]), float(value), rtol=1e-5, atol=1e-6)
    for group in selection.groups:
        words = draw_words(mask.noise.key(group.name), step=0, block=0, first=0, count=group.count)[:1]
        slope = made.gates(logits.by_unit()[group.name].flatten(), words, 0.5).slope[0]
        sums = [layout.total(((weights[one] - zeros[one]) * gradients[one]).flatten()) for one, layout in group.members]
        wanted = torch.stack(sums).sum(0) * slope
        torch.testing.assert_close(logits.by_unit(mask.gradient)[group.name].flatten(), wanted, rtol=1e-4, atol=1e-6)


def test_a_search_records_what_stands_where_it_is_closed(tmp_path):
    network = plain_network()
    x, _ = part(0)
    for off in kinds(network):
        config = ms.MaskConfig(steps=4, samples_per_step=2, learning_rate=1.0)
        mask = ms.discover(network, loss, part, config=config, off=off, watch=False).mask
        assert mask.off == off
        mask.save(tmp_path / "m")
        found = ms.BinaryMask.load(tmp_path / "m", network)
        assert (found, found.off) == (mask, mask.off)
        assert (~mask).off == (mask & ~mask).off == mask.to("cpu").off == off
        if off.kind == "other":
            with pytest.raises(MaskMismatchError, match=r"with_off\(ms.Off.other\(state_dict\)\)"):
                ms.call_masked(network, found, x)
            with pytest.raises(MaskMismatchError, match="Not the state dict that the mask was found with; these differ: 0.bias"):
                found.with_off(ms.Off.other(network.state_dict()))
            found = found.with_off(ms.Off.other(other(network)))
        with torch.no_grad():
            empty = mask & ~mask
            torch.testing.assert_close(ms.call_masked(network, empty, x), ms.bake(network, empty)(x))
            torch.testing.assert_close(ms.call_masked(network, found, x), ms.call_masked(network, mask, x))
            torch.testing.assert_close(ms.call_masked(network, mask | ~mask, x), network(x))


def test_masks_with_different_values_are_not_combined(network):
    mask = drawn_mask(network)
    with pytest.raises(MaskMismatchError, match="different values for weights that are off: zero and mean"):
        mask & mask.with_off(ms.Off("mean"))
    with pytest.raises(UnknownNameError, match="no off-value 'one'"):
        ms.Off("one")
    with pytest.raises(MaskMismatchError, match=r"2.bias: not there[\s\S]*|0.weight: expected shape"):
        ms.bake(network, mask.with_off(ms.Off.other({"0.weight": torch.zeros(2, 2)})))


def test_the_network_is_restored_after_an_error(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def fails(net, data):
        loss(net, data)
        raise RuntimeError("of the loss")

    with pytest.raises(RuntimeError, match="of the loss"):
        ms.discover(network, fails, part, off=ms.Off("drawn"), selection=ms.select(network, units="row"), watch=False)
    assert all(torch.equal(bits_of(tensor), bits_of(before[name])) for name, tensor in network.state_dict().items())
