"""The gradient of a loss with respect to weights. This is the only place where backward passes start."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from maskscope.errors import LossError
from maskscope.masks.call import call_with
from maskscope.masks.maskable import is_plain

Part = TypeVar("Part")
Loss = Callable[[nn.Module, Any], Tensor]


class BackwardPass:
    """Runs our backward passes through a loss, and knows when one is running.

    A loss may run backward passes of its own, for example for adversarial attacks or gradient penalties. Gradients from those
    must not be counted as ours.
    """

    def __init__(self) -> None:
        self.is_under_way = False
        self._reentrant: bool | None = None

    def run(self, value: object, leaves: Sequence[Tensor]) -> None:
        """Writes the gradient of a scalar to ``.grad`` of each leaf, and of no other tensor.

        Raises:
            LossError: the value is not a scalar tensor, or has no gradient.
        """
        scalar = scalar_loss(value)
        if scalar.grad_fn is None and not any(scalar is leaf for leaf in leaves):
            raise LossError(NO_PATH)
        if self._reentrant is None:  # only the first graph is searched: to search each one would cost a few percent
            self._reentrant = any(type(node).__name__ == "CheckpointFunctionBackward" for node in _graph(scalar))
        for leaf in leaves:
            leaf.grad = None
        self.is_under_way = True
        try:
            if self._reentrant:
                _backward_through_all(scalar, leaves)
            else:
                torch.autograd.backward(scalar.reshape(()), inputs=leaves)
        finally:
            self.is_under_way = False

    def run_through_all(self, value: object) -> None:
        """Runs the backward pass through every leaf, for weights that FSDP gathers: it takes their gradients on the way.

        Other tensors keep the ``.grad`` that they have.

        Raises:
            LossError: the value is not a scalar tensor, or has no gradient.
        """
        scalar = scalar_loss(value)
        if scalar.grad_fn is None:
            raise LossError(NO_PATH)
        _backward_through_all(scalar, ())


def _backward_through_all(scalar: Tensor, leaves: Sequence[Tensor]) -> None:
    """Backward through all leaves, which then restores ``.grad`` of the others: reentrant checkpointing refuses ``inputs=``."""
    mine = {id(leaf) for leaf in leaves}
    ends = [node.variable for node in _graph(scalar) if hasattr(node, "variable")]
    others = [(leaf, leaf.grad) for leaf in ends if id(leaf) not in mine]
    for leaf, _ in others:
        leaf.grad = None
    try:
        torch.autograd.backward(scalar.reshape(()))
    finally:
        for leaf, gradient in others:
            leaf.grad = gradient


def _graph(scalar: Tensor) -> Iterator[Any]:
    """The nodes of the autograd graph of a scalar."""
    seen, waiting = set(), [scalar.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting.extend(before for before, _ in node.next_functions)


def loss_and_gradient(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor], own: BackwardPass | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss with some weights replaced, and its gradient with respect to the replacements; the network is not changed.

    The backward pass directly follows the call, so that only one copy of the weights is in memory at a time.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: the data for the loss.
        weights: replacements by dotted name, without gradient history. If they are the network's own tensors, they are copied.
        own: runs the backward passes. Callers that call more than once for one network and loss should reuse it.

    Returns:
        The loss, detached; and a gradient for each name, zero if the loss does not depend on the weight.
    """
    value, gradients = loss_and_reached_gradients(network, loss, part, weights, own)
    return value, {name: gradients.get(name, torch.zeros_like(weight)) for name, weight in weights.items()}


def loss_and_reached_gradients(
    network: nn.Module, loss: Loss, part: Any, weights: Mapping[str, Tensor], own: BackwardPass | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The same as `loss_and_gradient`, but without gradients for weights that the loss does not depend on."""
    gradients: dict[str, Tensor] = {}

    def take(name: str, gradient: Tensor) -> None:
        gradients[name] = gradients[name] + gradient if name in gradients else gradient

    lent = {parameter.data_ptr() for parameter in network.parameters() if is_plain(parameter)}
    weights = {name: weight.clone() if weight.data_ptr() in lent else weight for name, weight in weights.items()}
    takers = {name: partial(take, name) for name in weights}
    return loss_and_handed_gradients(network, loss, part, weights, takers, own), gradients


def loss_and_handed_gradients(
    network: nn.Module,
    loss: Loss,
    part: Any,
    weights: Mapping[str, Tensor],
    takers: Mapping[str, Callable[[Tensor], object]],
    own: BackwardPass | None = None,
) -> Tensor:
    """The same as `loss_and_gradient`, but passes each gradient on when it is ready, so that not all are in memory at once.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar.
        part: the data for the loss.
        weights: replacements by dotted name, without gradient history.
        takers: a function for each name, called with its gradient. Not called if the loss does not depend on the weight; called
            more than once if the network's own checkpointing computes the gradient in pieces.
        own: see `loss_and_gradient`.

    Returns:
        The loss, detached.
    """
    own = own or BackwardPass()
    leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
    arrived = False

    def hand_over(taker: Callable[[Tensor], object], leaf: Tensor) -> None:
        nonlocal arrived
        if not own.is_under_way:
            return
        assert leaf.grad is not None
        gradient, leaf.grad, arrived = leaf.grad, None, True
        taker(gradient.to_dense() if gradient.is_sparse else gradient)

    for name, leaf in leaves.items():
        leaf.register_post_accumulate_grad_hook(partial(hand_over, takers[name]))

    def forward_and_backward(guest: nn.Module) -> Tensor:
        value = loss(guest, part)
        own.run(value, list(leaves.values()))  # inside the call, because activation checkpointing runs parts of the network again
        return value

    with torch.enable_grad():
        value = call_with(network, leaves, forward_and_backward)
    if not arrived:
        raise LossError(NO_PATH)
    return value.detach()


def pulled_back(function: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of the input of a function, from that of its result."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(function(leaf), leaf, gradient)
    return found


def scalar_loss(value: object) -> Tensor:
    """Checks that a loss returned a scalar that can be differentiated, and returns it.

    Raises:
        LossError: it is something else.
    """
    if not isinstance(value, Tensor):
        raise LossError(f"The loss returned {type(value).__name__}; a scalar tensor was expected.")
    if value.numel() != 1:
        raise LossError(f"The loss has shape {list(value.shape)}; a scalar was expected: take its mean, for example.")
    if value.is_complex() or not value.is_floating_point():
        raise LossError(f"The loss is {value.dtype}; a real floating-point scalar was expected.")
    return value


NO_PATH = (
    "No gradient leads from the loss back to the selected weights. Look for torch.no_grad, .detach(), .item() or an argmax in "
    "the loss or the network, and whether the selected weights take part at all."
)
