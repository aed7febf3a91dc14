"""How well a network performs under a mask, under its inverse, and with the mask applied to some tensors only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.masks import BinaryMask, call_masked, call_with, evaluation_mode, is_faster_batched, masked_weights, weights_under
from maskscope.tasks import Scores, Task

_Inputs = tuple[tuple[Any, ...], Mapping[str, Any]]
# how many masks share one pass over the data; the outputs of all but the first are kept in memory during the pass
_MASKS_PER_PASS = 32
# memory for masked copies of the weights at one time, in bytes
_BYTES_OF_COPIES = 1 << 29


def score(network: nn.Module, task: Task, mask: BinaryMask | None = None) -> Scores:
    """The scores of a network on the evaluation data of a task, in eval mode, under a mask if one is given.

    The sufficiency of a mask is the score under it; its necessity is the score under its inverse (``~mask``). The task may use
    the network in any way: with keyword arguments, through other methods, through its submodules.

    Raises:
        MaskMismatchError: the mask is for other weights.

    Examples:
        >>> import torch, maskscope as ms
        >>> parts = {"first": [(torch.eye(2), torch.tensor([0, 1]))], "second": [(-torch.eye(2), torch.tensor([1, 0]))]}
        >>> network = torch.nn.Linear(2, 2, bias=False)
        >>> network.weight = torch.nn.Parameter(torch.eye(2))
        >>> config = ms.MaskConfig(steps=1, size=ms.Penalty(1e-4))
        >>> ms.score(network, ms.Study(network, parts, scored=parts, config=config).task).accuracy
        {'first': 1.0, 'second': 1.0}
    """
    masked = {} if mask is None else weights_under(network, mask)
    with evaluation_mode(network), torch.no_grad():
        return call_with(network, masked, task.score, hooks_collect=True)


def score_many(network: nn.Module, task: Task, masks: Sequence[BinaryMask], *, in_one_call: bool | None = None) -> list[Scores]:
    """`score` under each of several masks, with one pass over the evaluation data for up to 32 masks.

    Args:
        network: any module.
        task: must only call the network, and its inputs must not depend on earlier outputs.
        masks: all over the same weights.
        in_one_call: True runs the network under several masks at once (vmap), as many as fit into half a GiB of masked copies.
            False runs each batch under one mask after the other. By default, True on an accelerator for networks that torch can
            batch; on a CPU it saves nothing (`reproduction/benchmarks.md`). Results agree up to rounding.
    """
    if in_one_call is None:
        in_one_call = next(network.parameters()).device.type != "cpu" and _can_batch(network)
    run_masks = _vmapped(network, masks) if in_one_call else _one_by_one(network, masks)
    found: list[Scores] = []
    with evaluation_mode(network), torch.no_grad():
        for start in range(0, len(masks), _MASKS_PER_PASS):
            here = range(start, min(start + _MASKS_PER_PASS, len(masks)))
            found += _score_in_one_pass(task, here, run_masks)
    return found


def _score_in_one_pass(task: Task, places: range, run_masks: Callable[[_Inputs, range], list[Tensor]]) -> list[Scores]:
    """Runs all masks while the task scores the first; the outputs of the others are stored and played back to the task."""
    kept: list[list[Tensor]] = []

    def run(*inputs: Any, **named: Any) -> Tensor:
        first, *others = run_masks((inputs, named), places)
        kept.append(others)
        return first

    found = [task.score(run)]
    found += [task.score(_playback([outputs[place] for outputs in kept])) for place in range(len(places) - 1)]
    return found


def _playback(outputs: Sequence[Tensor]) -> Callable[..., Tensor]:
    answers = iter(outputs)
    return lambda *inputs, **named: next(answers)


def _one_by_one(network: nn.Module, masks: Sequence[BinaryMask]) -> Callable[[_Inputs, range], list[Tensor]]:
    return lambda inputs, places: [call_masked(network, masks[place], *inputs[0], **inputs[1]) for place in places]


def _vmapped(network: nn.Module, masks: Sequence[BinaryMask]) -> Callable[[_Inputs, range], list[Tensor]]:
    parameters = dict(network.named_parameters())
    weights = {name: parameters[name].detach() for name in (masks[0] if masks else ())}
    size = sum(weight.numel() * weight.element_size() for weight in weights.values())
    at_once = max(1, _BYTES_OF_COPIES // max(1, size))

    def run(inputs: _Inputs, places: range) -> list[Tensor]:
        def use(guest: nn.Module) -> Any:
            return guest(*inputs[0], **inputs[1])

        found: list[Tensor] = []
        for start in range(places.start, places.stop, at_once):
            some = masks[start : min(start + at_once, places.stop)]
            copies = [
                masked_weights(weights, {name: bits.to(weights[name].device) for name, bits in one.items()}, one.off.of(weights))
                for one in some
            ]
            stacked = {name: torch.stack([copy[name] for copy in copies]) for name in weights}
            found += torch.func.vmap(lambda own: call_with(network, own, use))(stacked).unbind()
        return found

    return run


def _can_batch(network: nn.Module) -> bool:
    """Whether vmap over masks is fast: it is not for recurrent layers and attention."""
    without = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
    return is_faster_batched(network) and not any(isinstance(module, without) for module in network.modules())


def half_mask_scores(network: nn.Module, task: Task, mask: BinaryMask, early: Iterable[str]) -> tuple[Scores, Scores]:
    """Scores with the mask applied to the early tensors only, and with the mask applied to the other tensors only.

    Source: the half-mask test of Csordás et al. 2021, which asks whether the masks of different layers depend on each other.
    """
    early = list(early)
    late = [name for name in mask if name not in early]
    return score(network, task, mask.only(*early)), score(network, task, mask.only(*late))
