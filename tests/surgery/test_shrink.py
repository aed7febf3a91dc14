"""A smaller network gives the outputs of the baked one, also on inputs that it was not traced with."""

import pytest
import torch
from torch import nn

import maskscope as ms

pytest.importorskip("torch_pruning")


def mask_of(network, **off):
    """A mask that keeps everything but what is said: by name, with dots as double underscores, an index or several."""
    bits = {name: torch.ones_like(one, dtype=torch.bool) for name, one in network.named_parameters()}
    for name, indices in off.items():
        for index in indices if isinstance(indices, list) else [indices]:
            bits[name.replace("__", ".")][index] = False
    return ms.BinaryMask(bits)


def random_mask(network, seed):
    generator = torch.Generator().manual_seed(seed)
    bits = {}
    for name, one in network.named_parameters():
        bits[name] = torch.rand(one.shape, generator=generator) < 0.9
        if one.dim() > 1:
            bits[name][torch.rand(one.shape[0], generator=generator) < 0.4] = False
            bits[name][:, torch.rand(one.shape[1], generator=generator) < 0.4] = False
    return ms.BinaryMask(bits)


def assert_equal(shrunk, network, mask, inputs):
    baked = ms.bake(network, mask).eval()
    with torch.no_grad():
        torch.testing.assert_close(shrunk.network.eval()(inputs), baked(inputs), rtol=0, atol=1e-10)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).double()


class Recurrent(nn.Module):
    def __init__(self, kind, reads="output", **settings):
        super().__init__()
        torch.manual_seed(0)
        self.before = nn.Linear(3, 4)
        self.rnn = kind(4, 5, batch_first=True, **settings)
        self.after = nn.Linear(10 if settings.get("bidirectional") else 5, 2)
        self.reads = reads
        self.double()

    def forward(self, x):
        x = torch.relu(self.before(x))
        if self.reads == "given":
            output, _ = self.rnn(x, torch.zeros(1, len(x), 5, dtype=x.dtype))
        elif self.reads == "packed":
            x = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([4, 2]), batch_first=True)
            last = self.rnn(x)[1]
            return self.after((last[0] if isinstance(last, tuple) else last)[-1])
        elif self.reads == "inner state":
            return self.after(self.rnn(x)[1][0])
        else:
            output, _ = self.rnn(x)
        return self.after(output[:, -1])


class Residual(nn.Module):
    def __init__(self, padding=1):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (
            nn.Conv2d(2, 5, 3, padding=1),
            nn.Conv2d(5, 5, 3, padding=1),
            nn.Conv2d(5, 4, 3, padding=padding),
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(5) for _ in range(2))
        self.out = nn.Linear(16, 3)
        for norm in self.norms:
            nn.init.normal_(norm.bias)
            norm.running_mean.normal_()
        self.double()

    def forward(self, x):
        x = torch.relu(self.norms[0](self.first(x)))
        x = x + torch.relu(self.norms[1](self.second(x)))
        return self.out(nn.functional.adaptive_avg_pool2d(self.third(x), 2).flatten(1))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.gate, self.up, self.down = nn.Linear(4, 6, bias=False), nn.Linear(4, 6), nn.Linear(6, 3, bias=False)
        self.double()

    def forward(self, x):
        return x[:, :3] + self.down(nn.functional.silu(self.gate(x)) * self.up(x))


def test_dead_and_constant_units_of_an_mlp_go_and_constants_are_folded():
    network = mlp()
    mask = mask_of(network, **{"0__weight": 1, "2__weight": [(slice(None), 2), 3], "4__weight": (slice(None), 0)})
    state = {name: one.clone() for name, one in network.state_dict().items()}
    shrunk = ms.shrink(network, mask, torch.randn(3, 4, dtype=torch.double))
    # unit 1 of the first layer and 3 of the second are constants with a live bias; nothing reads the others
    assert shrunk.removed == {"0": (1, 2), "2": (0, 3)}
    assert [tuple(one.weight.shape) for one in shrunk.network if isinstance(one, nn.Linear)] == [(4, 4), (3, 4), (2, 3)]
    assert shrunk.shapes["2.weight"] == ((5, 6), (3, 4))
    assert (shrunk.parameters_before, shrunk.parameters_after) == (77, 43)
    assert shrunk.kept_because == {}
    assert shrunk.difference <= shrunk.tolerance == 1e-10
    assert all(module.training for module in shrunk.network.modules())
    assert all(torch.equal(one, state[name]) for name, one in network.state_dict().items())
    assert all(one.grad is None and one.requires_grad for one in network.parameters())
    assert_equal(shrunk, network, mask, torch.randn(5, 4, dtype=torch.double))


def test_one_unit_that_goes_makes_others_dead():
    network = mlp()
    # nothing reads unit 3 of the second layer, so nothing reads unit 5 of the first
    others = [(number, 5) for number in (0, 1, 2, 4)]
    mask = mask_of(network, **{"2__weight": others, "4__weight": (slice(None), 3)})
    assert ms.shrink(network, mask, torch.zeros(1, 4, dtype=torch.double)).removed == {"0": (5,), "2": (3,)}


def test_a_network_that_is_all_constant_keeps_one_unit_of_each_layer():
    network = mlp()
    mask = mask_of(network, **{"0__weight": slice(None), "2__weight": slice(None)})
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, dtype=torch.double))
    assert [tuple(one.weight.shape) for one in shrunk.network if isinstance(one, nn.Linear)] == [(1, 4), (1, 1), (2, 1)]
    assert shrunk.kept_because["0"] == "one unit of 0 has to stay"
    assert_equal(shrunk, network, mask, torch.randn(5, 4, dtype=torch.double))


def test_a_zero_gate_takes_its_partner_along_and_a_missing_bias_is_made():
    network = Gated()
    mask = mask_of(network, gate__weight=2, up__weight=4)
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, dtype=torch.double))
    assert shrunk.removed == {"gate": (2,), "up": (2,)}
    assert "up" in shrunk.kept_because  # unit 4 of it is a constant, but its gate is not
    assert_equal(shrunk, network, mask, torch.randn(5, 4, dtype=torch.double))
    linear = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1, bias=False)).double()
    mask = mask_of(linear, **{"0__weight": 1})
    shrunk = ms.shrink(linear, mask, torch.randn(2, 2, dtype=torch.double))
    assert shrunk.network[1].bias is not None
    assert_equal(shrunk, linear, mask, torch.randn(4, 2, dtype=torch.double))


def test_a_convolution_takes_up_constants_only_where_it_has_no_padding():
    images = torch.randn(2, 2, 6, 6, dtype=torch.double)
    for padding, kept in ((1, True), (0, False)):
        network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Sigmoid(), nn.Conv2d(3, 2, 3, padding=padding)).double()
        mask = mask_of(network, **{"0__weight": 1})
        shrunk = ms.shrink(network, mask, images)
        assert (shrunk.removed == {}) is kept
        assert ("padding" in shrunk.kept_because.get("0", "")) is kept
        assert_equal(shrunk, network, mask, torch.randn(3, 2, 6, 6, dtype=torch.double))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [mlp, Gated, Residual, lambda: Residual(padding=0)])
def test_random_masks(make, seed):
    network = make()
    mask = random_mask(network, seed)
    shape = (2, 2, 6, 6) if isinstance(network, Residual) else (3, 4)
    shrunk = ms.shrink(network, mask, torch.randn(shape, dtype=torch.double))
    assert shrunk.parameters_after < shrunk.parameters_before
    assert_equal(shrunk, network, mask, torch.randn(shape, dtype=torch.double))


def test_a_residual_stream_of_convolutions_loses_a_channel_in_all_its_layers():
    network = Residual()
    mask = mask_of(network, third__weight=(slice(None), 2), second__weight=(slice(None), 2))
    shrunk = ms.shrink(network, mask, torch.randn(2, 2, 6, 6, dtype=torch.double))
    assert shrunk.removed == {"first": (2,), "second": (2,)}
    assert [norm.num_features for norm in shrunk.network.norms] == [4, 4]
    assert_equal(shrunk, network, mask, torch.randn(2, 2, 8, 8, dtype=torch.double))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_hidden_units_that_nobody_reads_go_also_in_circles(kind):
    network = Recurrent(kind)
    gates = network.rnn.weight_hh_l0.shape[0] // 5
    # units 1 and 2 are read by one another and by nobody else
    rows = [(gate * 5 + unit, column) for gate in range(gates) for unit in (0, 3, 4) for column in (1, 2)]
    mask = mask_of(network, after__weight=[(slice(None), 1), (slice(None), 2)], rnn__weight_hh_l0=rows)
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, 3, dtype=torch.double))
    assert shrunk.removed == {"rnn": (1, 2)}
    assert type(shrunk.network.rnn) is kind
    assert shrunk.network.rnn.hidden_size == 3
    assert_equal(shrunk, network, mask, torch.randn(3, 6, 3, dtype=torch.double))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_unit_with_a_live_bias_is_no_constant_and_one_without_is_zero(kind):
    network = Recurrent(kind)
    gates = network.rnn.weight_hh_l0.shape[0] // 5
    rows = [gate * 5 + 3 for gate in range(gates)]
    candidate = 3 if gates == 1 else 2 * 5 + 3
    example = torch.randn(2, 4, 3, dtype=torch.double)
    alive = mask_of(network, rnn__weight_ih_l0=rows, rnn__weight_hh_l0=rows)
    assert ms.shrink(network, alive, example).removed == {}
    zero = mask_of(network, **{f"rnn__{name}_l0": candidate for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})
    shrunk = ms.shrink(network, zero, example)
    assert shrunk.removed == {"rnn": (3,)}
    assert_equal(shrunk, network, zero, torch.randn(3, 6, 3, dtype=torch.double))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("reads", ["output", "packed"])
def test_layers_of_a_recurrent_network_get_sizes_of_their_own(kind, reads):
    network = Recurrent(kind, reads, num_layers=2)
    gates = network.rnn.weight_hh_l0.shape[0] // 5
    mask = mask_of(
        network,
        before__weight=1,
        before__bias=[] if reads == "output" else 1,  # of packed sequences, only a constant zero is the same everywhere
        after__weight=[(slice(None), 0), (slice(None), 4)],
        rnn__weight_hh_l1=[(slice(None), 0), (slice(None), 4)],
        rnn__weight_ih_l1=(slice(None), 3),
        rnn__weight_hh_l0=(slice(None), 3),
    )
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, 3, dtype=torch.double))
    # the input unit is a constant, which the first layer takes up into its bias
    assert shrunk.removed == {"before": (1,), "rnn.layers.0": (3,), "rnn.layers.1": (0, 4)}
    assert [tuple(one.weight_ih_l0.shape) for one in shrunk.network.rnn.layers] == [(gates * 4, 3), (gates * 3, 4)]
    assert_equal(shrunk, network, mask, torch.randn(2, 4, 3, dtype=torch.double))


def test_layers_of_one_size_stay_one_recurrent_layer():
    network = Recurrent(nn.LSTM, num_layers=2)
    columns = (slice(None), 3)
    mask = mask_of(
        network, after__weight=columns, rnn__weight_hh_l1=columns, rnn__weight_ih_l1=columns, rnn__weight_hh_l0=columns
    )
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, 3, dtype=torch.double))
    assert (type(shrunk.network.rnn), shrunk.network.rnn.hidden_size, shrunk.network.rnn.num_layers) == (nn.LSTM, 4, 2)
    assert_equal(shrunk, network, mask, torch.randn(3, 6, 3, dtype=torch.double))


@pytest.mark.parametrize(
    ("settings", "reads", "why"),
    [
        ({"bidirectional": True}, "output", "two directions"),
        ({"num_layers": 2}, "inner state", "states of inner layers"),
        ({}, "given", "initial state"),
    ],
)
def test_recurrent_layers_whose_units_stay_lose_inputs_all_the_same(settings, reads, why):
    network = Recurrent(nn.GRU, reads, **settings)
    dead = {f"rnn__{name}": (slice(None), 1) for name in dict(network.rnn.named_parameters()) if "weight_hh" in name}
    inputs = {f"rnn__{name}": (slice(None), 2) for name in dict(network.rnn.named_parameters()) if "weight_ih_l0" in name}
    mask = mask_of(network, after__weight=(slice(None), 1), **dead, **inputs)
    shrunk = ms.shrink(network, mask, torch.randn(2, 4, 3, dtype=torch.double))
    assert shrunk.removed == {"before": (2,)}
    assert why in shrunk.kept_because["rnn"]
    assert_equal(shrunk, network, mask, torch.randn(2, 5, 3, dtype=torch.double))


def test_a_layer_norm_keeps_its_units():
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    mask = mask_of(network, **{"0__weight": 1, "2__weight": (slice(None), 1)})
    shrunk = ms.shrink(network, mask, torch.randn(2, 3, dtype=torch.double))
    assert shrunk.removed == {}
    assert "native_layer_norm computes with it" in shrunk.kept_because["0"]


def test_feed_forward_units_of_an_encoder():
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    network = nn.Sequential(
        nn.Linear(3, 8), nn.TransformerEncoder(block, 2, enable_nested_tensor=False), nn.Linear(8, 2)
    ).double()
    mask = mask_of(network, **{"1__layers__0__linear1__weight": slice(0, 3), "1__layers__1__linear2__weight": (slice(None), 7)})
    shrunk = ms.shrink(network, mask, torch.randn(2, 5, 3, dtype=torch.double))
    assert shrunk.removed == {"1.layers.0.linear1": (0, 1, 2), "1.layers.1.linear1": (7,)}
    assert_equal(shrunk, network, mask, torch.randn(3, 4, 3, dtype=torch.double))


def test_feed_forward_units_of_transformers():
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    bert = transformers.BertForMaskedLM(transformers.BertConfig(**sizes)).double()
    gpt2 = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    ).double()
    tokens, others = torch.arange(10).reshape(2, 5), torch.arange(12).reshape(3, 4)
    for network, layer, off in (
        (bert, "bert.encoder.layer.0.intermediate.dense", [slice(0, 7), (slice(None), 0)]),
        (gpt2, "transformer.h.1.mlp.c_fc", (slice(None), slice(0, 7))),
    ):
        mask = mask_of(network, **{f"{layer}.weight".replace(".", "__"): off})
        shrunk = ms.shrink(network, mask, {"input_ids": tokens})
        assert shrunk.removed == {layer: tuple(range(7))}
        with torch.no_grad():
            mine, expected = (one.eval()(input_ids=others).logits for one in (shrunk.network, ms.bake(network, mask)))
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-10)


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.second(self.first(x).view(len(x), 4))


def test_a_width_written_down_in_the_network_is_an_error_that_names_the_layer():
    network = Fixed()
    mask = mask_of(network, second__weight=(slice(None), 1))
    with pytest.raises(ms.MaskscopeError, match="Without units of first"):
        ms.shrink(network, mask, torch.ones(2, 3))
    shrunk = ms.shrink(network, mask, torch.ones(2, 3), keep=["first"])
    assert (shrunk.removed, shrunk.kept_because) == ({}, {"first": "keep= says so"})
    with pytest.raises(ms.MaskscopeError, match="no layer is called third"):
        ms.shrink(network, mask, torch.ones(2, 3), keep=["third"])


def test_what_cannot_be_traced_or_changed_is_an_error():
    network = mlp()
    mask = mask_of(network)
    with pytest.raises(ms.MaskscopeError, match="cannot be called with the example inputs .* Expected: a tensor"):
        ms.shrink(network, mask, torch.ones(2, 9))
    bare = nn.LSTM(2, 3)
    with pytest.raises(ms.MaskscopeError, match="its hidden units are its outputs"):
        ms.shrink(bare, mask_of(bare), torch.ones(2, 2))
    parallel = nn.DataParallel(nn.Linear(2, 2))
    with pytest.raises(ms.MaskscopeError, match="a wrapper around a network"):
        ms.shrink(parallel, mask_of(parallel), torch.ones(2, 2))
