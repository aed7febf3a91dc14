"""Running a network with other tensors in place of its weights, and leaving nothing behind: the network is a guest.

`torch.func.functional_call` swaps the tensors in for the length of one call. What would leak all the same is dealt with here:

* parameters that are not replaced would collect gradients: all of them are passed, detached;
* a module that writes its buffers (BatchNorm in training mode) would write the guest's: clones are passed;
* an RNN keeps the swapped tensors in its private list ``_flat_weights`` until its next call: it is put back.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from maskscope.masks.binary import BinaryMask, check_mask
from maskscope.masks.sample import masked_weights

Result = TypeVar("Result")


class _Use(nn.Module):
    """Holds the network and what is done with it, so that one functional call covers everything that the function does."""

    def __init__(self, network: nn.Module, use: Callable[[nn.Module], Any]) -> None:
        super().__init__()
        self.network = network
        self._use = (use,)  # in a tuple, lest a loss that is a module becomes a submodule

    def forward(self) -> Any:
        return self._use[0](self.network)


def call_with(network: nn.Module, tensors: Mapping[str, Tensor], use: Callable[[nn.Module], Result]) -> Result:
    """``use(network)`` while the named parameters are replaced; afterwards the network is as it was, also on an error.

    Args:
        network: any module, in whatever mode it is in.
        tensors: replacements by canonical dotted name; the other parameters take part detached.
        use: does what it likes with the network, but must not keep it.
    """
    everything = {f"network.{name}": parameter.detach() for name, parameter in network.named_parameters()}
    everything |= {f"network.{name}": buffer.clone() for name, buffer in network.named_buffers()}
    everything |= {f"network.{name}": tensor for name, tensor in tensors.items()}
    with flat_weights_kept(network):
        result: Result = functional_call(_Use(network, use), everything, ())
    return result


@contextmanager
def flat_weights_kept(network: nn.Module) -> Iterator[None]:
    """Puts every RNN's private weight list back: the same list, holding the same tensors."""
    kept = [(module, module._flat_weights) for module in network.modules() if isinstance(module, nn.RNNBase)]
    contents = [list(weights) for _, weights in kept]
    try:
        yield
    finally:
        for (module, weights), content in zip(kept, contents, strict=True):
            weights[:] = content
            module._flat_weights = weights


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode for the length of the block; afterwards each module is in the mode it was in, also on an error.

    Fused recurrent layers on an accelerator have no backward pass in eval mode. In training mode without dropout they compute the
    same; so that is what they get.
    """
    modes = [(module, module.training) for module in network.modules()]
    recurrent = [(module, module.dropout) for module in network.modules() if isinstance(module, nn.RNNBase) and _is_fused(module)]
    network.eval()
    for fused, _ in recurrent:
        fused.training, fused.dropout = True, 0.0
    try:
        yield
    finally:
        for fused, dropout in recurrent:
            fused.dropout = dropout
        for module, mode in modes:
            module.training = mode


def _is_fused(module: nn.RNNBase) -> bool:
    return any(parameter.is_cuda for parameter in module.parameters())


def call_masked(network: nn.Module, mask: BinaryMask, *args: Any, **kwargs: Any) -> Any:
    """``network(*args, **kwargs)`` with every weight outside the mask set to exactly 0; nothing is left on the network.

    The network runs in whatever mode it is in. No gradient reaches its weights; gradients of the inputs work.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or has in another shape.
    """
    check_mask(network, mask, values=False)
    parameters = dict(network.named_parameters())
    weights = {name: parameters[name].detach() for name in mask}
    is_open = {name: bits.to(weights[name].device) for name, bits in mask.items()}
    return call_with(network, masked_weights(weights, is_open), lambda guest: guest(*args, **kwargs))


def bake(network: nn.Module, mask: BinaryMask) -> nn.Module:
    """A new module, a deep copy of the network, with the zeros written into its weights.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or has in another shape.
    """
    check_mask(network, mask, values=False)
    baked = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in baked.named_parameters():
            if name in mask:
                parameter.masked_fill_(~mask[name].to(parameter.device), 0)
    return baked
