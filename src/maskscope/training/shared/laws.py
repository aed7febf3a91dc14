"""Checks before a search by several processes that masking works on the network that they share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from maskscope.errors import GuestError
from maskscope.masks import MaskLogits
from maskscope.masks.parts import PartCopies
from maskscope.masks.shards.executor import ShardedExecutor

_OPEN, _CLOSED = 1e30, -1e30  # logits that open, or close, every gate (`maskscope.masks.laws`)
# of the same loss computed twice, and in another way, relative to the larger loss
_AGAIN, _ROUNDING = 1e-5, {torch.float64: 1e-5, torch.float32: 1e-3}
_LOWEST = 1e-1


def check_sharded_guest(
    executor: ShardedExecutor,
    logits: MaskLogits,
    parts: Sequence[Any],
    weights: Mapping[str, Tensor],
    mean_loss: Callable[[Mapping[str, Tensor], Sequence[Any]], float],
) -> None:
    """The laws of `maskscope.masks.laws`, without a copy of the network, which FSDP2 does not allow.

    The executor is called twice with every gate open, and then with every gate closed. So weights that FSDP2 has gathered, and
    that would not be gathered again, are noticed. What is not noticed is a weight that the network also uses through a reference
    from before `fully_shard`.

    Args:
        executor: of the search. The caller must discard the gradients that it adds up here.
        logits: of this process's parts; they are changed during the check, and restored.
        parts: this process's shares of the parts of the first step.
        weights: this process's parts of the selected weights.
        mean_loss: the mean loss over parts and processes with other values in this process's parts.

    Raises:
        GuestError: a law is broken, in all processes: the losses are the means over them.
    """
    network = type(executor.networks[0]).__name__
    whole = mean_loss({}, _first(parts))
    nothing = mean_loss({name: torch.zeros_like(one) for name, one in weights.items()}, _first(parts))
    opened, again, closed = (_loss_at(logit, executor, logits, parts) for logit in (_OPEN, _OPEN, _CLOSED))
    size = max(abs(whole), abs(nothing))
    rounding = max(_ROUNDING.get(one.dtype, _LOWEST) for one in weights.values())
    faults = [
        f"{words}: {mine:.6g} and {its:.6g}"
        for mine, its, most, words in (
            (opened, whole, rounding, "the loss with every weight kept, and without a mask"),
            (again, opened, _AGAIN, "the loss of the same call twice"),
            (closed, nothing, rounding, "the loss with every selected weight off, and of a network of zeros"),
        )
        if not (mine == its or (mine != mine and its != its) or abs(mine - its) <= most * size)
    ]
    unreached = [name for name in weights if name not in executor.reached]
    if unreached:
        faults.append(f"no gradient leads from the loss to {', '.join(unreached)}: exclude what the loss does not use")
    if faults:
        raise GuestError(
            f"Masking does not work with this {network}:\n  " + "\n  ".join(faults) + "\nDoes the loss use another network than "
            "its argument, or weights from before fully_shard? check=False leaves this check out."
        )


def _loss_at(logit: float, executor: ShardedExecutor, logits: MaskLogits, parts: Sequence[Any]) -> float:
    """The loss of the executor on the first part, if all logits had this value."""
    before = logits.flat.detach().clone()
    with torch.no_grad():
        logits.flat.fill_(logit)
    try:
        for unit in executor.units.values():
            unit.begin(0, 0, 1, 1.0)
        return float(executor.run([_first(parts)])[0, 0])
    finally:
        with torch.no_grad():
            logits.flat.copy_(before)


def _first(parts: Sequence[Any]) -> list[Any]:
    return [PartCopies().copied(parts[0])]
