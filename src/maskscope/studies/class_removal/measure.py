"""What is measured of class removal beside the scores."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from maskscope.analysis import GradientCosine, gradient_cosine, random_mask_like
from maskscope.masks import BinaryMask
from maskscope.procedure.measure import SCORING_ITEMS, SCORING_PARTS, score_each
from maskscope.procedure.result import Kept
from maskscope.procedure.subject import Compared, FoundMask, MaskedNetwork
from maskscope.studies.class_removal.result import Filters, Owned, RemovalResult
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.training import child_seed


def measure_removal(
    masked: MaskedNetwork[ClassRemovalSpec], owned: Sequence[Compared], mask_of: Mapping[str, str], distorting: str
) -> RemovalResult:
    """What each class owns, the first filters, and how one mask distorts gradients.

    Args:
        masked: the network with its masks.
        owned: what each class owns, by the class.
        mask_of: name of the mask that was found without a class.
        distorting: name of the mask whose distortion is measured; empty: none.
    """
    full = masked.full
    assert full is not None, "class removal has a full mask"
    first = [one for one in owned if one.repeat == 0]
    return RemovalResult(
        owned=tuple(_measure_owned(masked, one, mask_of[one.name], full) for one in first),
        cosines=_cosines(masked, masked.first_mask(distorting)) if distorting else (),
        filters=first_filters(masked.network, full, {one.name: one.mask for one in first}),
    )


def _measure_owned(masked: MaskedNetwork[ClassRemovalSpec], own: Compared, mask: str, full: BinaryMask) -> Owned:
    """What a class owns of the full mask, and whether removing it does more than removing as many others would."""
    random = torch.Generator().manual_seed(child_seed(masked.random_seed, "random owned", own.name))
    draws = (full - random_mask_like(own.mask, random, among=full) for _ in range(masked.spec.random_draws))
    removed, *at_random = score_each(masked.network, masked.task, [full - own.mask, *draws])
    counts = {name: Kept(int(own.mask[name].sum()), int(bits.sum())) for name, bits in full.items()}
    return Owned(own.name, mask, counts, removed, tuple(at_random))


def _cosines(masked: MaskedNetwork[ClassRemovalSpec], one: FoundMask | None) -> tuple[GradientCosine, ...]:
    if one is None:
        return ()
    task = masked.task
    batches = task.batches(task.whole, SCORING_ITEMS, child_seed(masked.random_seed, "gradients"))
    layers: dict[str, list[str]] = {}
    for weight in reversed(one.logits.selection.weights):
        layers.setdefault(weight.name.rpartition(".")[0], []).append(weight.name)
    parts = [batches(index) for index in range(SCORING_PARTS)]
    return tuple(gradient_cosine(masked.network, task.loss, parts, one.mask, list(layers.values())))


def first_filters(network: nn.Module, full: BinaryMask, owned: Mapping[str, BinaryMask]) -> Filters | None:
    """The first convolution of a network, if it has one that is masked, and what each function owns of it."""
    parameters = dict(network.named_parameters())
    name = next((name for name, weight in parameters.items() if weight.dim() == 4), None)
    if name is None or name not in full:
        return None
    weight = parameters[name].detach()
    return Filters(
        tensor=name,
        shape=tuple(weight.shape),
        weights=tuple(round(value, 4) for value in weight.flatten().tolist()),
        full=_digits(full[name]),
        owned={function: _digits(mask[name]) for function, mask in owned.items()},
    )


def _digits(bits: Tensor) -> str:
    return "".join("1" if bit else "0" for bit in bits.flatten().tolist())
