"""Recurrent layers lose hidden units that nobody reads, and inputs; the outputs stay."""

import pytest
import torch
from torch import nn

import maskscope as ms
from tests.surgery.networks import Recurrent, assert_equal, mask_of

pytest.importorskip("torch_pruning")


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
