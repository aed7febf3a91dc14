"""Masks that were not learned, as baselines for learned ones: the units with the highest scores, and random masks."""

from collections.abc import Mapping

import torch
from torch import Tensor

from maskscope.errors import MaskMismatchError
from maskscope.masks import BinaryMask, MaskLogits, Selection


def warm_start(scores: Mapping[str, Tensor], selection: Selection, middle: float = 2.0, spread: float = 2.0) -> MaskLogits:
    """Initial logits for a search: in each group evenly spaced by the rank of the scores, the highest at ``middle + spread``.

    Args:
        scores: by unit, for each group (for single weights, each tensor), for example `weight_times_gradient`.
        selection: the weights that are masked, and their units.
        middle: the mean of the initial logits; the default is the paper's initial value of all logits.
        spread: half the difference between the logits of the highest and the lowest score.

    Raises:
        MaskMismatchError: the scores are for other weights or other units.
    """
    _require_scores(scores, selection)
    ranked = {}
    for name, score in scores.items():
        rank = score.reshape(-1).argsort(stable=True).argsort(stable=True).to(torch.float32)
        ranked[name] = (middle - spread + 2 * spread * rank / max(1, score.numel() - 1)).view(score.shape)
    return MaskLogits.from_units(selection, ranked)


def top_weights(
    scores: Mapping[str, Tensor], kept_by_tensor: Mapping[str, int], selection: Selection | None = None
) -> BinaryMask:
    """The mask that keeps the units with the highest scores: a given number in every group (for single weights, every tensor).

    Args:
        scores: by unit, for each group; for single weights by dotted name, in the weights' shapes.
        kept_by_tensor: how many units to keep in each group, for example ``kept_counts(mask)``.
        selection: the weights and their units; needed if the scores are not for single weights.

    Raises:
        MaskMismatchError: the names differ, or more units are to be kept than there are.

    Examples:
        >>> import torch, maskscope as ms
        >>> scores = {"weight": torch.tensor([0.1, 3.0, 2.0])}
        >>> ms.top_weights(scores, {"weight": 2})["weight"]
        tensor([False,  True,  True])
    """
    if selection is not None:
        _require_scores(scores, selection)
    faults = [f"{name}: only in the scores" for name in scores if name not in kept_by_tensor]
    for name, kept in kept_by_tensor.items():
        if name not in scores:
            faults.append(f"{name}: no scores")
        elif not 0 <= kept <= scores[name].numel():
            faults.append(f"{name}: {kept} of {scores[name].numel()} weights were to be kept")
    if faults:
        raise MaskMismatchError("Top weights cannot be chosen:\n  " + "\n  ".join(faults))
    return _mask_of({name: _top(score.flatten(), kept_by_tensor[name]) for name, score in scores.items()}, scores, selection)


def top_weights_overall(scores: Mapping[str, Tensor], k: int, selection: Selection | None = None) -> BinaryMask:
    """The mask that keeps the ``k`` units with the highest scores over all groups together.

    Args:
        scores: see `top_weights`.
        k: the number of units.
        selection: see `top_weights`.

    Raises:
        MaskMismatchError: ``k`` is negative or larger than the number of units.
    """
    if selection is not None:
        _require_scores(scores, selection)
    count = sum(score.numel() for score in scores.values())
    if not 0 <= k <= count:
        raise MaskMismatchError(f"{k} of {count} weights were to be kept.")
    bits = _top(torch.cat([score.flatten() for score in scores.values()]), k)
    pieces = torch.split(bits, [score.numel() for score in scores.values()])
    return _mask_of(dict(zip(scores, pieces, strict=True)), scores, selection)


def random_mask_like(mask: BinaryMask, generator: torch.Generator, among: BinaryMask | None = None) -> BinaryMask:
    """A mask that keeps as many units of every group (for single weights, of every tensor) as another one, chosen at random.

    Args:
        mask: gives the shapes, the units and the counts.
        generator: on the CPU; the result is on the mask's device.
        among: only units of this mask can be chosen; by default, all can.

    Raises:
        MaskMismatchError: in some group, ``among`` has fewer units than ``mask``; or the two masks have different units.

    Examples:
        >>> import torch, maskscope as ms
        >>> mask = ms.BinaryMask({"weight": torch.arange(10) < 4})
        >>> ms.kept_counts(ms.random_mask_like(mask, torch.Generator().manual_seed(0)))
        {'weight': 4}
    """
    if among is not None and among.units != mask.units:
        raise MaskMismatchError("Random units are chosen among those of another mask: both were expected to have the same units.")
    allowed = None if among is None else among.by_unit()
    drawn = {}
    for name, bits in mask.by_unit().items():
        chosen, wanted = torch.zeros(bits.numel(), dtype=torch.bool), int(bits.sum())
        places = torch.arange(bits.numel()) if allowed is None else allowed[name].flatten().cpu().nonzero()[:, 0]
        if wanted > len(places):
            raise MaskMismatchError(f"{name}: {wanted} random units were wanted among {len(places)}.")
        chosen[places[torch.randperm(len(places), generator=generator)[:wanted]]] = True
        drawn[name] = chosen.to(bits.device)
    return BinaryMask.from_units(mask.groups, drawn, {name: bits.shape for name, bits in mask.items()}, off=mask.off)


def kept_counts(mask: BinaryMask) -> dict[str, int]:
    """The number of units that a mask keeps in each group: for single weights, in each tensor.

    Examples:
        >>> import torch, maskscope as ms
        >>> ms.kept_counts(ms.BinaryMask({"weight": torch.tensor([True, False]), "bias": torch.tensor([True])}))
        {'weight': 1, 'bias': 1}
    """
    return {name: int(bits.sum()) for name, bits in mask.by_unit().items()}


def _require_scores(scores: Mapping[str, Tensor], selection: Selection) -> None:
    """Raises `MaskMismatchError` unless there is a score for each unit of a selection."""
    shapes = selection.unit_shapes
    faults = [f"{name}: no scores" for name in shapes if name not in scores]
    faults += [f"{name}: not in the selection" for name in scores if name not in shapes]
    faults += [
        f"{name}: scores of shape {list(scores[name].shape)} for units of shape {list(shape)}"
        for name, shape in shapes.items()
        if name in scores and tuple(scores[name].shape) != shape
    ]
    if faults:
        raise MaskMismatchError("The scores are for another selection of weights or units:\n  " + "\n  ".join(faults))


def _mask_of(bits: Mapping[str, Tensor], scores: Mapping[str, Tensor], selection: Selection | None) -> BinaryMask:
    if selection is None:
        return BinaryMask({name: bits[name].view(score.shape) for name, score in scores.items()})
    return BinaryMask.from_units(selection.groups, bits, selection.shapes)


def _top(scores: Tensor, k: int) -> Tensor:
    # a stable sort, so that exactly k weights are kept also if scores are equal (those of dead neurons are all 0)
    bits = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    bits[torch.argsort(scores, descending=True, stable=True)[:k]] = True
    return bits
