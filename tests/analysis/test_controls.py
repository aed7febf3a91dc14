import torch
from torch import nn

from maskscope.analysis import shuffled_weights


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 4)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 12)
        self.head.weight = self.embedding.weight


def test_each_tensor_is_permuted_within_itself():
    network = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    shuffled = shuffled_weights(network, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    assert type(shuffled) is type(network)
    for name, tensor in shuffled.state_dict().items():
        assert torch.equal(tensor.flatten().sort().values, before[name].flatten().sort().values)
        assert not torch.equal(tensor, before[name])
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_the_generator_decides():
    network = nn.Linear(30, 20)
    first, again, other = (shuffled_weights(network, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_tied_weights_stay_tied_and_buffers_stay():
    network = Tied().eval()
    network.norm.running_mean.copy_(torch.arange(4.0))
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    shuffled = shuffled_weights(network, torch.Generator().manual_seed(0))
    assert shuffled.head.weight is shuffled.embedding.weight
    assert shuffled.head.weight is not network.head.weight
    assert torch.equal(shuffled.head.weight.flatten().sort().values, network.head.weight.flatten().sort().values)
    assert shuffled.norm.running_mean.tolist() == [0, 1, 2, 3]
    assert not shuffled.training
    assert not any(parameter.requires_grad for parameter in shuffled.parameters())


def test_every_permutation_is_as_likely():
    """Three weights, 3,000 shuffles: each of the 6 orders 500 times, standard deviation 20.4."""
    network = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.0, 1.0, 2.0]]))
    generator = torch.Generator().manual_seed(3)
    seen: dict[tuple[float, ...], int] = {}
    for _ in range(3000):
        order = tuple(shuffled_weights(network, generator).weight[0].tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert all(abs(count - 500) < 4.5 * 20.4 for count in seen.values())


def test_parameters_whose_storage_is_not_in_order_are_permuted_too():
    network = nn.Linear(4, 3, bias=False)
    network.weight = nn.Parameter(torch.arange(12.0).view(4, 3).t())
    shuffled = shuffled_weights(network, torch.Generator().manual_seed(0))
    assert shuffled.weight.flatten().sort().values.tolist() == list(range(12))
