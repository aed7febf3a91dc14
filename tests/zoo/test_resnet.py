"""The residual network: its size is the paper's, and it is a guest like any other."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope import zoo
from maskscope.training import isolated_random


@pytest.fixture(scope="module")
def network():
    """In eval mode, after batch norm has seen some images."""
    with isolated_random(0):
        net = zoo.ResNet(20, classes=4, channels=1)
        for _ in range(3):
            net(torch.randn(16, 1, 12, 12))
    return net.eval()


def images():
    return torch.randn(5, 1, 12, 12, generator=torch.Generator().manual_seed(1))


def filled(network, value):
    return ms.BinaryMask({name: torch.full_like(p, value, dtype=torch.bool) for name, p in network.named_parameters()})


@pytest.mark.parametrize(("depth", "count"), [(20, 272_474), (110, 1_730_714)])
def test_sizes(depth, count):
    """At depth 110 as the authors' code counts: all parameters are masked. At depth 20, 2,752 of them are the shortcuts'."""
    with torch.device("meta"):
        network = zoo.ResNet(depth)
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    path = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d) and getattr(m, "kernel_size", 0) != (1, 1)]
    assert len(path) == depth


def test_shapes(network):
    x, found = images(), []
    for module in (network.stem, *network.groups):
        x = module(x)
        found.append(tuple(x.shape))
    assert found == [(5, 16, 12, 12), (5, 16, 12, 12), (5, 32, 6, 6), (5, 64, 3, 3)]
    assert torch.equal(network.output(x.mean((2, 3))), network(images()))
    assert network(images()).shape == (5, 4)
    assert ms.select(network, include=["output.*"]).names == ("output.weight", "output.bias")


@pytest.mark.parametrize(("depth", "nearest"), [(18, 20), (2, 8), (-4, 8), (111, 110)])
def test_a_depth_that_there_is_not(depth, nearest):
    with pytest.raises(ValueError, match=rf"depth is {depth}; 6 n \+ 2 was expected .*: take {nearest}, for example"):
        zoo.ResNet(depth)


def test_a_full_mask_is_the_network_and_an_empty_one_the_network_of_zeros(network):
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad():
        assert torch.equal(ms.call_masked(network, filled(network, True), images()), network(images()))
        zeros = ms.bake(network, filled(network, False))
        assert all(parameter.eq(0).all() for parameter in zeros.parameters())
        assert torch.equal(ms.call_masked(network, filled(network, False), images()), zeros(images()))
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in network.named_buffers())


def test_every_weight_takes_part(network):
    weights = dict(network.named_parameters())
    gradients = torch.autograd.grad(network(images()).square().sum(), list(weights.values()))
    assert [name for name, gradient in zip(weights, gradients, strict=True) if not gradient.any()] == []
