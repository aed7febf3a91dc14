"""Units: what one bit stands for. On real modules, against sums by hand."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.errors import ConfigError, SelectionError, UnknownNameError
from maskscope.masks import (
    UNITS,
    LearnedMask,
    Noise,
    evaluation_mode,
    gate,
    loss_and_gradient,
    make_estimator,
    make_executor,
    make_kernels,
    masked_weights,
)
from maskscope.masks.kernels.counter import draw_words


class Conv1D(nn.Module):
    """As in transformers: its weight is ``[in, out]``."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * 0.3)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


def attend(q, k, v, width):
    """Attention of heads of a width; query heads are next to each other that share a key/value head."""
    q, k, v = (one.unflatten(-1, (-1, width)).transpose(1, 2) for one in (q, k, v))
    k, v = (one.repeat_interleave(q.shape[1] // k.shape[1], 1) for one in (k, v))
    return (torch.softmax(q @ k.mT, -1) @ v).transpose(1, 2).flatten(2)


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.num_heads = 2
        self.c_attn, self.c_proj = Conv1D(6, 18), Conv1D(6, 6)

    def forward(self, x):
        return self.c_proj(attend(*self.c_attn(x).chunk(3, -1), 3)).mean(1)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.num_heads, self.num_key_value_heads = 4, 2
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(6, 8), nn.Linear(6, 4), nn.Linear(6, 4)
        self.o_proj = nn.Linear(8, 6)

    def forward(self, x):
        return self.o_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), 2)).mean(1)


class Packed(nn.Module):
    def __init__(self, **sizes):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True, **sizes)

    def forward(self, x):
        keys, values = x[..., : self.attention.kdim], x[..., : self.attention.vdim]
        return self.attention(x, keys, values, need_weights=False)[0].mean(1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.core = nn.LSTM(6, 3, batch_first=True)

    def forward(self, x):
        return self.core(x)[0][:, -1]


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(5, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean(-1))


HEADS = {"*out_proj.bias": "weight", "*": "head"}
# the network, its units, and by group of units the number of units
KINDS = {
    "packed heads": (Packed, HEADS, {"attention": 2, "attention.out_proj.bias": 6}),
    "separate heads": (lambda: Packed(kdim=5, vdim=4, add_bias_kv=True), HEADS, {"attention": 2, "attention.out_proj.bias": 6}),
    "heads of Conv1D": (GPT, {"c_proj.bias": "weight", "*": ms.Heads(2)}, {"GPT": 2, "c_proj.bias": 6}),
    "grouped-query heads": (Grouped, {"o_proj.bias": "tensor", "*": "head"}, {"Grouped": 2, "o_proj.bias": 1}),
    "rows of Conv1D": (GPT, "row", {"c_attn.weight": 18, "c_proj.weight": 6}),
    "rows of an LSTM": (Recurrent, "row", {"core.weight_ih_l0": 3}),
    "columns of an LSTM": (Recurrent, {"*bias*": "weight", "*": "column"}, None),
    "filters": (Convolution, {"conv*": "filter", "*": "row"}, {"conv.weight": 4, "head.weight": 3}),
    "channels": (Convolution, {"conv.weight": "channel", "head.weight": "column", "*": "weight"}, None),
    "tensors": (Convolution, "tensor", None),
    "blocks": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(30, 4), nn.ReLU(), nn.Linear(4, 3)), "block", {"1": 1, "3": 1}),
}


def made(kind):
    build, units, counts = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.4)
    return network, ms.select(network, units=units), counts


def loss(network, part):
    return cross_entropy(network(part[0]), part[1])


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(4, 5, 6, generator=random), torch.randint(3, (4,), generator=random)


def by_hand(group, tensor_name, shape):
    """The unit of each weight, by the definition: flat weight i belongs to (i // after) % units."""
    layout = dict(group.members)[tensor_name]
    return torch.tensor([i // layout.after % layout.units for i in range(layout.count)]).view(shape)


@pytest.mark.parametrize("kind", KINDS)
def test_each_weight_belongs_to_one_unit(kind):
    _, selection, counts = made(kind)
    if counts is not None:
        assert {group.name: group.count for group in selection.units} == counts
    owners = [name for group in selection.units for name in group.names]
    assert sorted(owners) == sorted(selection.names)
    for group in selection.units:
        for name, layout in group.members:
            units = by_hand(group, name, selection.shapes[name]).flatten()
            assert torch.equal(layout.index(0, layout.count), units)
            assert torch.equal(layout.expand(torch.arange(layout.units)), units)
            assert layout.total(torch.ones(layout.count)).tolist() == [layout.each] * layout.units
            piece = layout.total(torch.ones(layout.count - 1), 1)
            assert torch.equal(piece, torch.bincount(units[1:], minlength=layout.units).float())


@pytest.mark.parametrize("kind", ["packed heads", "separate heads", "heads of Conv1D", "grouped-query heads"])
def test_without_its_weights_a_head_has_no_say(kind):
    """What is left without a head does not depend on its weights: all of them are in the unit, and no others."""
    network, selection, _ = made(kind)
    group = next(group for group in selection.units if group.kind == "head")
    bits = {name: torch.ones(shape, dtype=torch.bool) for name, shape in selection.unit_shapes.items()}
    bits[group.name][1] = False
    mask = ms.BinaryMask.from_units(selection.groups, bits, selection.shapes)
    x, _ = part(0)
    with torch.no_grad():
        before = ms.call_masked(network, mask, x)
        for name, tensor in network.named_parameters():
            if name in group.names:
                tensor[by_hand(group, name, tensor.shape) == 1] += 1.0
        torch.testing.assert_close(ms.call_masked(network, mask, x), before)
        assert not torch.allclose(network(x), before)
        for name, tensor in network.named_parameters():
            if name in group.names:
                tensor[by_hand(group, name, tensor.shape) == 0] += 1.0
        assert not torch.allclose(ms.call_masked(network, mask, x), before)


@pytest.mark.parametrize("executor", ["sequential", "batched", "threads"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_unit_is_the_sum_over_its_weights(kind, executor):
    network, selection, _ = made(kind)
    weights = {name: weight.contiguous() for name, weight in selection.of(network).items()}
    logits = ms.MaskLogits(selection, torch.randn(selection.unit_count, generator=torch.Generator().manual_seed(1)) + 0.5)
    mask = LearnedMask(logits, torch.zeros_like(logits.flat), Noise(3, "f"))
    estimator, samples, step = make_estimator("rao-blackwell"), 3, 5
    gated = gate(weights, weights, [mask], make_kernels(torch.device("cpu")), estimator.law())
    parts = [part(index) for index in range(samples)]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with evaluation_mode(network):
        running = make_executor(executor, network, loss, gated)
        losses = running.add_gradients(step, [parts], samples)
        running.close()
    wanted, total = {name: torch.zeros(group.count) for group in selection.groups for name in [group.name]}, 0.0
    for index, one in enumerate(parts):
        drawn = ms.sample(logits, mask.noise, step=step, index=index)
        assert drawn.units == selection.units
        with evaluation_mode(network):
            value, gradients = loss_and_gradient(network, loss, one, masked_weights(weights, drawn))
        total += float(value) / samples
        for group in selection.groups:
            words = draw_words(mask.noise.key(group.name), step=step, block=0, first=0, count=group.count)[index : index + 1]
            slope = estimator.gates(logits.by_unit()[group.name].flatten(), words).slope[0]
            for name in group.names:
                units = by_hand(group, name, selection.shapes[name]).flatten()
                sums = torch.zeros(group.count).index_add_(0, units, (weights[name] * gradients[name]).flatten())
                wanted[group.name] += sums * slope / samples
    torch.testing.assert_close(float(losses[0]), total, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(mask.gradient, torch.cat(list(wanted.values())), rtol=1e-4, atol=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_large_linear_weight_is_copied_in_blocks(monkeypatch):
    """Rows and columns of a weight that the batched executor never makes whole: the same gradient as one by one."""
    from maskscope.masks.executors import batched, product

    monkeypatch.setattr(batched, "WHOLE_BYTES", 0)
    monkeypatch.setitem(product.CACHE_BYTES, "cpu", 400)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = nn.Sequential(nn.Flatten(), nn.Linear(30, 7), nn.ReLU(), nn.Linear(7, 3))
    for units in ("row", {"*weight": "column", "*": "weight"}, "block"):
        for estimator in ("rao-blackwell", "soft-gumbel"):
            found = []
            for executor in ("sequential", "batched"):
                selection = ms.select(network, units=units)
                weights = selection.of(network)
                mask = LearnedMask(ms.MaskLogits.full(selection, 0.3), torch.zeros(selection.unit_count), Noise(3, "f"))
                law = make_estimator(estimator).law()
                gated = gate(weights, weights, [mask], make_kernels(torch.device("cpu")), law)
                make_executor(executor, network, loss, gated).add_gradients(2, [[part(0), part(1)]], 2)
                found.append(mask.gradient)
            torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["packed heads", "rows of an LSTM", "filters", "blocks"])
def test_a_search_finds_units(kind):
    network, selection, _ = made(kind)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    config = ms.MaskConfig(steps=6, samples_per_step=2, learning_rate=0.5)
    found = ms.discover(network, loss, part, selection=selection, config=config, watch=False, judge=False)
    assert found.mask.units == selection.units
    assert found.mask.count == selection.unit_count == found.logits.flat.numel()
    assert torch.equal(torch.cat([bits.flatten() for bits in found.mask.by_unit().values()]), found.logits.flat > 0)
    everything = ms.BinaryMask.from_logits(ms.MaskLogits.full(selection, 1.0))
    x, _ = part(0)
    with torch.no_grad():
        torch.testing.assert_close(ms.call_masked(network, everything, x), network(x))
        emptied = ms.bake(network, ~everything)
        torch.testing.assert_close(ms.call_masked(network, ~everything, x), emptied(x))
    assert all(not tensor.any() for tensor in emptied.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def whole(roles):
    return ms.UnitGroup("all", "network", 1, tuple((role.name, ms.Layout(1, 1, role.count)) for role in roles))


@pytest.mark.parametrize(
    ("make", "units", "message"),
    [
        (lambda: nn.Linear(3, 2), "neuron", "no unit 'neuron'"),
        (
            lambda: nn.Linear(3, 2),
            "filter",
            r"weight: a filter does not fit this linear weight of shape .*\n.*bias: a filter",
        ),
        (lambda: nn.Linear(3, 2), "column", "bias: a column does not fit this bias"),
        (lambda: nn.Conv2d(4, 4, 3, groups=2), {"weight": "channel", "*": "weight"}, "a channel does not fit"),
        (lambda: nn.Linear(3, 2), "head", "not known as a part of attention"),
        (Packed, "head", "out_proj.bias: the bias of the output is shared by all heads"),
        (Grouped, {"o_proj.bias": "weight", "*": ms.Heads(3)}, "q_proj.weight: its 8 features cannot be divided equally among 3"),
        (Grouped, {"o_proj.bias": "weight", "*": ms.Heads(4)}, r"unlike sizes; give the numbers: ms.Heads\(count, key_value"),
        (lambda: nn.Linear(3, 2), {"weight": "row"}, "no pattern matches bias"),
        (lambda: nn.Linear(3, 2), {"wieght": "row", "*": "row"}, "'wieght' matches none"),
        (lambda: nn.Linear(3, 2), lambda net, roles: [whole(roles), whole(roles)], "weight: in several groups of units"),
        (lambda: nn.Linear(3, 2), lambda net, roles: [whole(roles[:1])], "bias: in no group of units"),
        (lambda: nn.Linear(3, 2), ms.UnitRule("half", lambda role: ms.Layout(1, 2, 2)), "weight: the units of 'weight' have 4"),
    ],
    ids=range(13),
)
def test_units_that_do_not_fit_are_refused(make, units, message):
    with pytest.raises((SelectionError, UnknownNameError), match=message):
        ms.select(make(), units=units)


def test_heads_need_numbers_that_divide():
    with pytest.raises(ConfigError, match="6 query heads cannot be divided equally among 4"):
        ms.Heads(6, key_value=4)
    network = GPT()
    del network.num_heads
    with pytest.raises(SelectionError, match=r"the number of heads is not known: give it, units=ms.Heads\(8\)"):
        ms.select(network, exclude=["c_proj.bias"], units="head")
    assert ms.select(network, exclude=["c_proj.bias"], units=ms.Heads(2)).unit_count == 2


def test_every_unit_of_the_table_is_tried_here():
    tried = {unit for _, units, _ in KINDS.values() for unit in (units.values() if isinstance(units, dict) else [units])}
    assert set(UNITS) <= {unit for unit in tried if isinstance(unit, str)}
