"""Networks in which nothing can be found: the same procedure on them shows what it makes out of nothing."""

import copy

import torch
from torch import nn


def shuffled_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A copy in which every parameter tensor is permuted within itself: the same values, the wiring gone.

    Biases and the parameters of norms are permuted too; buffers (running means) stay. Tied weights stay tied and are permuted
    once. The network itself is untouched.

    Args:
        network: any module.
        generator: on the CPU, whatever device the network is on.
    """
    shuffled = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in shuffled.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.reshape(-1)[order].view(parameter.shape))
    return shuffled
