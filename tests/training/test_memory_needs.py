"""What the forecast of memory counts beside the state: the check, what is not masked, tied weights."""

import gc

import torch
from torch import nn

import maskscope as ms
from maskscope.training import measure_part, needs


class Tied(nn.Module):
    """An embedding whose weight is the output layer's, too."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.middle, self.head = nn.Embedding(50, 8), nn.Linear(8, 8), nn.Linear(8, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.middle(self.embedding(x)).tanh())
        return scores


def _rows(network: nn.Module, **more: bool) -> dict[str, int]:
    selection = ms.select(network, exclude=["*bias"])
    compute = ms.Compute(executor="sequential", state="lean")
    rows = needs(network, selection, compute, torch.device("cpu"), samples=4, masks=1, **more)
    return {need.what: need.bytes for need in rows}


def test_other_parameters_are_copied_and_a_tied_weight_has_two_gradients() -> None:
    found = _rows(Tied())
    assert found["copies of what is not masked, and second gradients of tied weights"] == 4 * 8 + 4 * 50 * 8


def test_the_check_holds_two_networks_where_moments_are_small() -> None:
    network = Tied()
    whole = sum(one.nbytes for one in network.parameters())
    name = "the check before the first step, beyond the moments"
    assert _rows(network)[name] == 2 * whole - 2 * (400 + 64) - 4 * 400
    assert name not in _rows(network, checks=False)


def test_measuring_a_part_leaves_nothing_in_memory() -> None:
    network, part = Tied(), torch.arange(6)[None]
    selection = ms.select(network)

    def measured() -> int:
        measure_part(network, lambda net, x: net(x).square().mean(), part, selection, ms.Compute(), None)
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())

    assert measured() == measured()
