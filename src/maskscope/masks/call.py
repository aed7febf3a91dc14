"""Runs a network with other tensors in place of its weights, and leaves no trace on it. The network is the user's: our guest.

`torch.func.functional_call` replaces the tensors during one call. It alone would still change the network, so:

* parameters that are not replaced are passed as detached copies: else they collect gradients, and modules may write into them;
* buffers are passed as copies: else a module that writes its buffers (BatchNorm in training mode) changes those of the network;
* attributes are restored (`maskscope.masks.guest`): an RNN, for example, stores the replaced weights in ``_flat_weights``.

A network whose weights processes share (`fully_shard`) is called in another way: see `maskscope.masks.shards`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import UninitializedParameter

from maskscope.errors import GuestError, MaskMismatchError
from maskscope.masks.binary import BinaryMask
from maskscope.masks.bits import check_mask
from maskscope.masks.copying import copy_network
from maskscope.masks.guest import Belongings
from maskscope.masks.lender import Lender, Replaced, refuse_closures
from maskscope.masks.sample import masked_weights
from maskscope.masks.shards import is_sharded, locals_of
from maskscope.masks.shards.call import call_unmasked_shards, call_with_shards
from maskscope.masks.shards.mask import ShardedMask
from maskscope.masks.shards.shard import refuse_sharded
from maskscope.masks.tensor_state import TensorState
from maskscope.masks.twin import ours, twin_of

Result = TypeVar("Result")


class _Use(nn.Module):
    """Wraps the network and the function that uses it, so that one functional call covers everything that the function does."""

    def __init__(self, network: nn.Module, use: Callable[[nn.Module], Any], twin: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._use = (use, twin)  # in a tuple, so that a loss that is a module does not become a submodule

    def forward(self) -> Any:
        use, twin = self._use
        return use(twin)


def call_with(
    network: nn.Module, tensors: Mapping[str, Tensor], use: Callable[[nn.Module], Result], *, hooks_collect: bool = False
) -> Result:
    """Calls ``use`` with the network while the named parameters are replaced; then restores the network, also on an error.

    ``use`` never gets the network's own memory: all other parameters, buffers and tensors in attributes are replaced by copies
    without gradient. Changes that modules make to themselves during the call are undone, so every call starts from the same
    state.

    Args:
        network: any module; it stays in the mode that it is in.
        tensors: replacements by canonical dotted name.
        use: may do anything with the module that it gets as its argument, but must not keep it.
        hooks_collect: whether what hooks put into their own lists stays there, as after a plain call.

    Raises:
        GuestError: a replaced parameter is also in the closure of a function that the network contains, or in an attribute as
            another dtype; or ``use`` calls the network itself instead of its argument; or processes share the network.
    """
    refuse_sharded(network, "a call in one process", "take maskscope.discover_sharded, and maskscope.call_masked for a mask")
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


# During a call, this attribute of the network has the state to which the network will be restored.
_UNTOUCHED = "_maskscope_untouched"


class _Untouched:
    def __init__(self, belongings: Belongings) -> None:
        self.belongings = belongings

    def __deepcopy__(self, memo: object) -> None:
        """None: a copy of the network is not in a call, so it does not get this state."""


# Calls from several threads at the same time would leave the wrong weights on the network.
_ONE_AT_A_TIME = RLock()


class Unmasked:
    """See `unmasked`."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the network without a mask, without gradient."""
        with ours():
            return self._outputs(*args, **kwargs)

    def _outputs(self, *args: Any, **kwargs: Any) -> Any:
        network = self._network
        if is_sharded(network):
            return call_unmasked_shards(network, lambda guest: guest(*args, **kwargs))
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
    """A callable that always runs the network without a mask, also inside a loss while the network is masked.

    Use: the outputs of the unmasked network are targets that need no labels; the mask is to keep the network's behaviour.

    Args:
        network: any module; it runs in its current mode, which is eval mode during a search.

    Returns:
        A callable with the arguments of the network; its outputs have no gradient history.

    Examples:
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
    """Sets eval mode inside the ``with`` block; afterwards each module is in its earlier mode, also on an error.

    Exception: fused recurrent layers on an accelerator have no backward pass in eval mode. They are set to training mode with
    dropout 0, which computes the same.

    Raises:
        GuestError: setting eval mode changes weights, for example if adapters are merged then; the weights are restored.
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
    """Whether ``train`` or ``eval`` of one of its modules is overridden, and so may do more than to set the mode."""
    for module in network.modules():
        own = type(module).train is not nn.Module.train or type(module).eval is not nn.Module.eval
        if own or "train" in vars(module) or "eval" in vars(module):
            return True
    return False


class _State:
    """The attributes, weights and buffers of a network before it changes its mode, to restore them afterwards."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self.attributes, self._tensors = network, Belongings(network), TensorState(network)

    def refuse_changed_weights(self) -> None:
        changed = self._tensors.changed()
        if changed:
            self._tensors.restore()
            raise GuestError(
                f"Going over to eval mode changes weights of this {type(self._network).__name__}: {', '.join(changed)} (adapters "
                "that are merged?). They have been restored. Call network.eval() yourself first: masks are then found on, and "
                "belong to, the weights that it makes."
            )
        self._tensors.forget()  # as large as the network, and not needed any more


def _is_fused(module: nn.RNNBase) -> bool:
    return any(parameter.is_cuda for parameter in module.parameters())


def call_masked(network: nn.Module, mask: BinaryMask | ShardedMask, *args: Any, **kwargs: Any) -> Any:
    """``network(*args, **kwargs)`` with every weight outside the mask off: exactly 0, or as `BinaryMask.off` says.

    The network itself is not changed. What hooks collect elsewhere, such as activations in a list of yours, stays there.

    The network runs in its current mode. Its weights get no gradient; gradients with respect to inputs work.

    If processes share the network (`fully_shard`), each of them has to make the call. The mask may be a whole one, the same in
    each, or a `ShardedMask`; no gradients are recorded.

    Raises:
        MaskMismatchError: the mask names weights that the network does not have, or that have another shape; or its off-values
            are those of another state dict, which is not there.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 1, bias=False)
        >>> nothing = ms.BinaryMask({"weight": torch.zeros(1, 2, dtype=torch.bool)})
        >>> ms.call_masked(network, nothing, torch.ones(1, 2)).item()
        0.0
    """
    if is_sharded(network):
        mine = mask if isinstance(mask, ShardedMask) else ShardedMask.of(network, mask)
        values = masked_weights(locals_of(network, mine.bits), mine.bits)
        return call_with_shards(network, values, lambda guest: guest(*args, **kwargs), hooks_collect=True)
    if isinstance(mask, ShardedMask):
        raise MaskMismatchError("The mask is one of a sharded network, and this network is not sharded: give mask.whole().")
    return call_with(network, weights_under(network, mask), lambda guest: guest(*args, **kwargs), hooks_collect=True)


def weights_under(network: nn.Module, mask: BinaryMask) -> dict[str, Tensor]:
    """The weights that a mask covers, by canonical name, with exactly the off-values (zeros) where the mask does not keep them.

    Raises:
        MaskMismatchError: see `call_masked`.
        GuestError: processes share the network.
    """
    refuse_sharded(network, "masked weights of one process", "take maskscope.call_masked, or gather its weights first")
    check_mask(network, mask, values=False)
    parameters = dict(network.named_parameters())
    weights = {name: parameters[name].detach() for name in mask}
    is_open = {name: bits.to(weights[name].device) for name, bits in mask.items()}
    return masked_weights(weights, is_open, mask.off.of(weights))


def bake(network: nn.Module, mask: BinaryMask) -> nn.Module:
    """A deep copy of the network in which the weights outside the mask are off: 0, or as `BinaryMask.off` says.

    Raises:
        MaskMismatchError: see `call_masked`.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 1, bias=False)
        >>> first = ms.BinaryMask({"weight": torch.tensor([[True, False]])})
        >>> ms.bake(network, first).weight[0, 1].item(), bool(network.weight[0, 1] == 0)
        (0.0, False)
    """
    weights = weights_under(network, mask)
    baked = copy_network(network)
    with torch.no_grad():
        for name, parameter in baked.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
    return baked
