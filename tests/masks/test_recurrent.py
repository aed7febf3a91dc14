"""Recurrent layers in plain operations, which vmap can batch, are torch's own to rounding; what they cannot do is said."""

import pytest
import torch
from torch import nn

from maskscope.masks.executors.stand_ins import StandInMode


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("settings", [{}, {"bidirectional": True}, {"bias": False}, {"batch_first": True, "num_layers": 3}])
def test_recurrent_layers_in_plain_operations_are_torchs_own(kind, settings):
    layer = kind(3, 4, **settings)
    x = torch.randn(5, 6, 3)
    wanted = layer(x)
    with StandInMode({}, torch.zeros(()), torch.zeros(())):
        found = layer(x)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell])
def test_recurrent_cells_in_plain_operations_are_torchs_own(kind):
    cell = kind(3, 4)
    x = torch.randn(5, 3)
    with StandInMode({}, torch.zeros(()), torch.zeros(())):
        found = cell(x)
    torch.testing.assert_close(found, cell(x), rtol=1e-5, atol=1e-6)


def test_what_the_plain_recurrent_layers_cannot_do_is_said():
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 2, 3), torch.tensor([5, 3]))
    layer = nn.LSTM(3, 4)
    wanted = layer(packed)[0].data
    with StandInMode({}, torch.zeros(()), torch.zeros(())):
        torch.testing.assert_close(layer(packed)[0].data, wanted)  # packed sequences stay with torch
        with pytest.raises(NotImplementedError, match="projections"):
            nn.LSTM(3, 4, proj_size=2)(torch.randn(5, 2, 3))
        with pytest.raises(NotImplementedError, match="dropout"):
            nn.LSTM(3, 4, num_layers=2, dropout=0.5)(torch.randn(5, 2, 3))
