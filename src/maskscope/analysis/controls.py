"""Control networks without functions: they show what the procedure reports when there is nothing to find."""

import torch
from torch import nn

from maskscope.masks import copy_network


def shuffled_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A copy in which the values of every parameter tensor are shuffled: the distribution stays, the wiring is lost.

    Biases and the parameters of norm layers are shuffled too; buffers (running means) stay. Tied weights stay tied and are
    shuffled once. The network itself is not changed.

    Args:
        network: any module.
        generator: on the CPU, also if the network is on another device.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(50, 1, bias=False)
        >>> shuffled = ms.shuffled_weights(network, torch.Generator().manual_seed(0))
        >>> torch.equal(shuffled.weight, network.weight), torch.equal(shuffled.weight.sort().values, network.weight.sort().values)
        (False, True)
    """
    shuffled = copy_network(network)
    with torch.no_grad():
        for parameter in shuffled.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.reshape(-1)[order].view(parameter.shape))
    return shuffled
