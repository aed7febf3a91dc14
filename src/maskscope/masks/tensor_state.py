"""Saves the parameters and buffers of a network, finds what has changed since, and restores it."""

import torch
from torch import Tensor, nn

from maskscope.masks.maskable import is_plain


class TensorState:
    """The parameters and buffers of a network: which objects they are, and copies of their bytes.

    Args:
        network: any module.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._objects = _tensors(network)
        plain = {name: tensor for name, tensor in self._objects.items() if is_plain(tensor)}
        self._memories = {name: tensor.detach() for name, tensor in plain.items()}  # the old memory, in case `.data` is set
        self._copies = {name: tensor.clone() for name, tensor in self._memories.items()}

    def changed(self) -> list[str]:
        """The names of parameters and buffers that were replaced by other objects, have other bytes, or were removed."""
        now = _tensors(self._network)
        return [name for name, one in self._objects.items() if now.get(name) is not one or not self._is_as_it_was(name)]

    def forget(self) -> None:
        """Frees the copies of the bytes; only whether other objects took their places can be told from then on."""
        self._memories, self._copies = {}, {}

    def restore(self) -> None:
        """Restores the values in their old memory. Which object has which name is restored by `maskscope.masks.guest`."""
        with torch.no_grad():
            for name, memory in self._memories.items():
                if not self._is_as_it_was(name):
                    self._objects[name].data = memory
                    memory.copy_(self._copies[name])

    def _is_as_it_was(self, name: str) -> bool:
        return name not in self._copies or _same_bytes(self._objects[name].detach(), self._copies[name])


def _same_bytes(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype or not is_plain(first):
        return False
    flat = (one.contiguous().reshape(-1).view(torch.uint8) for one in (first, second))
    return torch.equal(*flat)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.named_parameters()) | dict(network.named_buffers())
