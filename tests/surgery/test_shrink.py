"""A smaller network gives the outputs of the baked one, also on inputs that it was not traced with."""

import pytest
import torch
from torch import nn

import maskscope as ms
from tests.surgery.networks import Gated, Residual, assert_equal, mask_of, mlp, random_mask

pytest.importorskip("torch_pruning")


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
