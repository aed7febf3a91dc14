"""Running a network with other tensors in place of its weights, and leaving nothing behind: the network is a guest.

`torch.func.functional_call` swaps the tensors in for the length of one call. What would leak all the same is dealt with here:

* parameters that are not replaced would collect gradients, and a module may write into them: copies are passed, detached;
* a module that writes its buffers (BatchNorm in training mode) would write the guest's: copies are passed;
* what a module keeps in its attributes, such as an RNN its swapped weights in ``_flat_weights``: `maskscope.masks.guest`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import UninitializedParameter

from maskscope.errors import GuestError
from maskscope.masks.binary import BinaryMask, check_mask
from maskscope.masks.copying import copy_network
from maskscope.masks.guest import Belongings
from maskscope.masks.lender import Lender, Replaced, refuse_closures
from maskscope.masks.sample import masked_weights
from maskscope.masks.tensor_state import TensorState
from maskscope.masks.twin import twin_of

Result = TypeVar("Result")


class _Use(nn.Module):
    """Holds the network and what is done with it, so that one functional call covers everything that the function does."""

    def __init__(self, network: nn.Module, use: Callable[[nn.Module], Any], twin: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._use = (use, twin)  # in a tuple, lest a loss that is a module becomes a submodule

    def forward(self) -> Any:
        use, twin = self._use
        return use(twin)


def call_with(
    network: nn.Module, tensors: Mapping[str, Tensor], use: Callable[[nn.Module], Result], *, hooks_collect: bool = False
) -> Result:
    """``use(network)`` while the named parameters are replaced; afterwards the network is as it was, also on an error.

    None of the network's own memory is lent: parameters that are not replaced take part as copies, without gradient, and so do
    buffers and tensors in attributes. What modules change on themselves meanwhile is forgotten, so that each call begins from the
    same state.

    Args:
        network: any module, in whatever mode it is in.
        tensors: replacements by canonical dotted name.
        use: does what it likes with the module that it is given, but must not keep it.
        hooks_collect: whether what hooks put into lists of their own stays there, as after a plain call.

    Raises:
        GuestError: a parameter that is replaced is also in the closure of a function that the network holds, or under another
            dtype in an attribute; or ``use`` calls the network itself instead of what it is given.
    """
    parameters = dict(network.named_parameters())
    everything = {name: tensors[name] if name in tensors else _copy(parameter) for name, parameter in parameters.items()}
    belongings = Belongings(network, hooks_collect=hooks_collect)
    if belongings.functions:
        refuse_closures(network, belongings, {name: parameters[name] for name in tensors})
    lender = Lender([Replaced(name, one, everything[name], name in tensors) for name, one in parameters.items()])
    everything |= {name: lender(buffer) for name, buffer in network.named_buffers()}
    given = {f"network.{name}": tensor for name, tensor in everything.items()}
    try:
        belongings.lend(lender)
        vars(network).setdefault(_UNTOUCHED, _Untouched(belongings))
        with twin_of(network) as twin:
            result: Result = functional_call(_Use(network, use, twin), given, ())
    finally:
        belongings.restore()
    return result


# Under this name a network that is being called holds the state that it will be given back in.
_UNTOUCHED = "_maskscope_untouched"


class _Untouched:
    def __init__(self, belongings: Belongings) -> None:
        self.belongings = belongings

    def __deepcopy__(self, memo: object) -> None:
        """A copy of a network is not being called."""


# A network that is called from several threads at a time would be left with the wrong weights.
_ONE_AT_A_TIME = RLock()


class Unmasked:
    """See `unmasked`."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the untouched network, without gradient."""
        network = self._network
        with _ONE_AT_A_TIME, torch.no_grad():
            being_called = vars(network).get(_UNTOUCHED)
            if being_called is None:
                return call_with(network, {}, lambda guest: guest(*args, **kwargs))
            here = Belongings(network)
            being_called.belongings.restore()
            try:
                return call_with(network, {}, lambda guest: guest(*args, **kwargs))
            finally:
                here.restore()


def unmasked(network: nn.Module) -> Unmasked:
    """A callable that is always the untouched network, also inside a loss while the network is being masked.

    The frozen network's own answers are a target that needs no labels: "keep doing what you do".

    Args:
        network: any module; it runs in the mode that it is in, in a search in eval mode.

    Returns:
        What is called as the network is; its outputs have no gradient history.

    Example:
        >>> network = nn.Linear(3, 2)
        >>> whole = unmasked(network)
        >>> def loss(net, x):
        ...     return nn.functional.mse_loss(net(x), whole(x))
        >>> bool(torch.equal(whole(torch.ones(1, 3)), network(torch.ones(1, 3))))
        True
    """
    return Unmasked(network)


def _copy(parameter: Tensor) -> Tensor:
    return parameter.detach() if isinstance(parameter, UninitializedParameter) else parameter.detach().clone()


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Eval mode for the length of the block; afterwards each module is in the mode it was in, also on an error.

    Fused recurrent layers on an accelerator have no backward pass in eval mode. In training mode without dropout they compute the
    same; so that is what they get.

    Raises:
        GuestError: the way to eval mode changes weights, as of adapters that are merged; they are put back.
    """
    before = _State(network) if has_modes_of_its_own(network) else None
    modes = [(module, module.training) for module in network.modules()]
    recurrent = [(module, module.dropout) for module in network.modules() if isinstance(module, nn.RNNBase) and _is_fused(module)]
    try:
        network.eval()
        if before:
            before.refuse_changed_weights()
        for fused, _ in recurrent:
            fused.training, fused.dropout = True, 0.0
        yield
    finally:
        for fused, dropout in recurrent:
            fused.dropout = dropout
        for module, mode in modes:
            module.training = mode
        if before:
            before.attributes.restore()


def has_modes_of_its_own(network: nn.Module) -> bool:
    """Whether going over to another mode may do more than to say so, in one of its modules."""
    for module in network.modules():
        own = type(module).train is not nn.Module.train or type(module).eval is not nn.Module.eval
        if own or "train" in vars(module) or "eval" in vars(module):
            return True
    return False


class _State:
    """A network's attributes, weights and buffers, for modules whose ``train`` or ``eval`` does more than it is asked."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self.attributes, self._tensors = network, Belongings(network), TensorState(network)

    def refuse_changed_weights(self) -> None:
        changed = self._tensors.changed()
        if changed:
            self._tensors.restore()
            raise GuestError(
                f"Going over to eval mode changes weights of this {type(self._network).__name__}: {', '.join(changed)} (adapters "
                "that are merged?). They have been put back. Call network.eval() yourself first: masks are then found on, and "
                "belong to, the weights that it makes."
            )


def _is_fused(module: nn.RNNBase) -> bool:
    return any(parameter.is_cuda for parameter in module.parameters())


def call_masked(network: nn.Module, mask: BinaryMask, *args: Any, **kwargs: Any) -> Any:
    """``network(*args, **kwargs)`` with every weight outside the mask set to exactly 0; nothing is left on the network.

    What its hooks collect elsewhere, such as activations in a list of yours, stays there.

    The network runs in whatever mode it is in. No gradient reaches its weights; gradients of the inputs work.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or has in another shape.
    """
    return call_with(network, weights_under(network, mask), lambda guest: guest(*args, **kwargs), hooks_collect=True)


def weights_under(network: nn.Module, mask: BinaryMask) -> dict[str, Tensor]:
    """The weights that a mask covers, by canonical name, with exact zeros where it closes them.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or has in another shape.
    """
    check_mask(network, mask, values=False)
    parameters = dict(network.named_parameters())
    weights = {name: parameters[name].detach() for name in mask}
    return masked_weights(weights, {name: bits.to(weights[name].device) for name, bits in mask.items()})


def bake(network: nn.Module, mask: BinaryMask) -> nn.Module:
    """A new module, a deep copy of the network, with the zeros written into its weights.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or has in another shape.
    """
    check_mask(network, mask, values=False)
    baked = copy_network(network)
    with torch.no_grad():
        for name, parameter in baked.named_parameters():
            if name in mask:
                parameter.masked_fill_(~mask[name].to(parameter.device), 0)
    return baked
