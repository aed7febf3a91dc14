"""The LSTM over packed sequences with one product a weight: torch's own to rounding; everything else is left alone."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from maskscope.masks import PackedLSTMMode
from maskscope.masks.executors import packed as module


@pytest.fixture
def counted(monkeypatch):
    """How often the mode's own LSTM ran."""
    calls = []

    def run(*args):
        calls.append(args)
        return module_packed(*args)

    module_packed = module.packed_lstm
    monkeypatch.setattr(module, "packed_lstm", run)
    return calls


def run(layer, lengths, states, *, ours, seed=0):
    """Outputs, last states and all gradients of one call."""
    torch.manual_seed(seed)
    dtype = layer.weight_ih_l0.dtype
    x = torch.randn(len(lengths), max(lengths), 3).to(dtype).requires_grad_()
    given = tuple(state.clone().requires_grad_() for state in states) if states else None
    read = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    layer.zero_grad()
    if ours:
        with PackedLSTMMode():
            written, last = layer(read, given)
    else:
        written, last = layer(read, given)
    weights = [torch.randn(one.shape).to(dtype) for one in (written.data, *last)]
    sum((one * weight).sum() for one, weight in zip((written.data, *last), weights, strict=True)).backward()
    wanted = [x, *layer.parameters(), *(given or ())]
    return [written.data.detach(), *(part.detach() for part in last), *(one.grad.clone() for one in wanted)]


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2}, {"num_layers": 3, "bias": False}])
@pytest.mark.parametrize("lengths", [[4, 7, 1, 7, 2], [3], [1, 1], [5, 5, 5]])
@pytest.mark.parametrize("begins", [False, True])
def test_it_is_torchs_own(settings, lengths, begins, counted):
    torch.manual_seed(1)
    layer = nn.LSTM(3, 4, batch_first=True, **settings)
    states = [torch.randn(layer.num_layers, len(lengths), 4) for _ in range(2)] if begins else None
    found, wanted = (run(layer, lengths, states, ours=ours) for ours in (True, False))
    assert len(counted) == 1
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_dropout_between_layers_is_torchs_own_law():
    torch.manual_seed(0)
    layer = nn.LSTM(3, 64, num_layers=2, dropout=0.5, batch_first=True)
    read = pack_padded_sequence(torch.randn(1, 1, 3), torch.tensor([1]), batch_first=True)
    with torch.no_grad(), PackedLSTMMode():
        different = {tuple(layer(read)[0].data[0, :3].tolist()) for _ in range(5)}
        layer.eval()
        same = {tuple(layer(read)[0].data[0, :3].tolist()) for _ in range(5)}
    assert len(different) == 5
    assert len(same) == 1


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("settings", [{"bidirectional": True}, {"proj_size": 2}])
def test_what_it_cannot_do_stays_with_torch(settings, counted):
    layer = nn.LSTM(3, 4, batch_first=True, **settings)
    read = pack_padded_sequence(torch.randn(2, 5, 3), torch.tensor([5, 3]), batch_first=True)
    wanted = layer(read)[0].data
    with PackedLSTMMode():
        found = layer(read)[0].data
        layer(torch.randn(2, 5, 3))  # padded
        nn.GRU(3, 4)(torch.randn(5, 2, 3))
    assert not counted
    assert torch.equal(found, wanted)


def test_gradients_are_the_derivatives():
    torch.manual_seed(0)
    layer = nn.LSTM(2, 3, num_layers=2, batch_first=True).double()
    lengths = torch.tensor([3, 1, 2])

    def call(x, hidden, memory, *weights):
        read = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        with PackedLSTMMode():
            parameters = dict(zip(dict(layer.named_parameters()), weights, strict=True))
            written, last = torch.func.functional_call(layer, parameters, (read, (hidden, memory)))
        return written.data, *last

    tensors = [torch.randn(3, 3, 2), *(torch.randn(2, 3, 3) for _ in range(2)), *(p.detach() for p in layer.parameters())]
    assert torch.autograd.gradcheck(call, [one.double().requires_grad_() for one in tensors])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e2, 1e6])
def test_small_and_saturated_gates_are_as_exact_as_torchs_own(scale, counted):
    torch.manual_seed(3)
    layer = nn.LSTM(3, 40, batch_first=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(scale)
    ours, torchs = (run(layer, [4, 7, 1], None, ours=mine) for mine in (True, False))
    assert len(counted) == 1
    wanted = run(layer.double(), [4, 7, 1], None, ours=False)
    outputs, gradients = slice(3), slice(3, None)
    # the slopes of gates that are all but shut for good are noise in single precision
    for part in (outputs, gradients) if scale < 1e6 else (outputs,):
        for mine, theirs, exact in zip(ours[part], torchs[part], wanted[part], strict=True):
            error, allowed = ((one - exact).abs().max() for one in (mine, theirs))
            assert error <= 4 * allowed + 2e-7 * exact.abs().max()
