"""Runs a sharded network with masked values written into its shards, and puts everything back.

`torch.func.functional_call`, by which other networks are masked, does not work here: under FSDP2 it is right once, and silently
unmasked after one forward pass, because FSDP2 exchanges the parameters of the modules itself. So the values are written into
this process's part of every weight; FSDP2 gathers them for the forward and the backward pass as it gathers trained weights.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.masks.guest import Belongings
from maskscope.masks.lender import Lender, Replaced, refuse_closures
from maskscope.masks.shards.shard import fsdp_modules, locals_of, parameters_of, reshard
from maskscope.masks.twin import twin_of

# During a call, this attribute of the network has the values that are put back into the shards afterwards.
_ORIGINALS = "_maskscope_originals"


@dataclass(frozen=True)
class Lent:
    """A sharded network during a call.

    Args:
        network: what a loss gets: it shares the attributes of the network (`twin_of`).
        live: this process's parts of the weights that may be written, by dotted name.
        parameters: the network's parameters, by dotted name.
    """

    network: nn.Module
    live: Mapping[str, Tensor]
    parameters: Mapping[str, Any]

    def gradients(self) -> dict[str, Tensor]:
        """This process's parts of the gradients that a backward pass left, by dotted name; they are taken away."""
        found = {}
        for name in self.live:
            gradient, self.parameters[name].grad = self.parameters[name].grad, None
            if gradient is not None:
                found[name] = gradient.to_local()
        return found


@contextmanager
def lent_shards(network: nn.Module, originals: Mapping[str, Tensor], *, hooks_collect: bool = False) -> Iterator[Lent]:
    """A ``with`` block in which the shards may be written; after it, also on an error, the network is as it was.

    Inside, exactly the weights that may be written require a gradient, and none has one. Afterwards ``requires_grad``, ``.grad``,
    attributes, buffers and the bytes of the shards are as before. Weights that FSDP2 had gathered before are sharded afterwards.

    Args:
        network: a network that `fully_shard` was called on.
        originals: what is put back afterwards, by dotted name, in the shapes of this process's parts: their present values.
        hooks_collect: see `call_with`.

    Raises:
        GuestError: a function that the network contains uses a masked weight that cannot be replaced there.
    """
    parameters = parameters_of(network)
    live = locals_of(network, originals)
    belongings = Belongings(network, hooks_collect=hooks_collect)
    refuse_closures(network, belongings, {name: parameters[name] for name in originals})
    lender = Lender([Replaced(name, one, one, name in originals) for name, one in parameters.items()])
    with ExitStack() as stack:  # everything is put back, also if putting back something else fails
        for parameter in parameters.values():
            stack.callback(_put_back_flags, parameter, parameter.requires_grad, parameter.grad)
        for buffer in network.buffers():
            stack.callback(_write, buffer, buffer.clone())
        stack.callback(belongings.restore)
        for name, tensor in originals.items():
            stack.callback(_write, live[name], tensor)
        stack.callback(reshard, network)
        stack.push(lambda kind, *_: _start_anew(network) if kind is not None else None)
        for name, parameter in parameters.items():
            parameter.grad = None
            parameter.requires_grad_(name in originals)
        belongings.lend(lender)
        vars(network)[_ORIGINALS] = originals
        yield Lent(stack.enter_context(twin_of(network)), live, parameters)


def call_with_shards(
    network: nn.Module, values: Mapping[str, Tensor], use: Callable[[nn.Module], Any], *, hooks_collect: bool = False
) -> Any:
    """Calls ``use`` with the network while this process's parts of the named weights have other values; without gradients.

    Every process has to call it. What `call_with` is for a network that is in one process.
    """
    originals = {name: tensor.clone() for name, tensor in locals_of(network, values).items()}
    with lent_shards(network, originals, hooks_collect=hooks_collect) as lent, torch.no_grad():
        for name, tensor in values.items():
            lent.live[name].copy_(tensor)
        return use(lent.network)


def call_unmasked_shards(network: nn.Module, use: Callable[[nn.Module], Any]) -> Any:
    """Calls ``use`` with the network without a mask, without gradients; also inside a loss, while the network is masked."""
    originals = vars(network).get(_ORIGINALS)
    if originals is None:
        return call_with_shards(network, {}, use)
    live = locals_of(network, originals)
    masked = {name: tensor.clone() for name, tensor in live.items()}
    here = Belongings(network)
    try:
        with torch.no_grad(), twin_of(network) as twin:
            for name, tensor in originals.items():
                live[name].copy_(tensor)
            return use(twin)
    finally:
        reshard(network)
        for name, tensor in masked.items():
            _write(live[name], tensor)
        here.restore()


def _write(into: Tensor, values: Tensor) -> None:
    with torch.no_grad():
        into.copy_(values)


def _put_back_flags(parameter: Tensor, requires_grad: bool, gradient: Tensor | None) -> None:
    parameter.requires_grad_(requires_grad)
    parameter.grad = gradient


def _start_anew(network: nn.Module) -> None:
    """After an error inside a call: FSDP2 forgets the call that was not finished. Older versions of torch cannot."""
    for module in fsdp_modules(network):
        if hasattr(module, "reset_iter_state"):
            with suppress(AttributeError, RuntimeError):  # it was not called yet, or is not the outermost one
                module.reset_iter_state()
