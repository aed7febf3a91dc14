"""The masks that are learned together, and the weights that they are over: put together for the executors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.slices import Slice, Values, Vectors, Workspace
from maskscope.masks.kernels import GateLaw, Kernels
from maskscope.masks.logits import MaskLogits
from maskscope.masks.sample import Noise
from maskscope.masks.units import Layout


@dataclass(frozen=True)
class LearnedMask:
    """One mask that is being learned.

    Args:
        logits: its logits.
        gradient: the vector to which gradients of the logits are added, in the order of ``logits.flat``.
        noise: the identity of its random stream.
    """

    logits: MaskLogits
    gradient: Float32[Tensor, " n"]
    noise: Noise


# one for all masks, as they are of one network; or one for each mask
Each = Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]]


def gate(
    weights: Each,
    compute: Each,
    masks: Sequence[LearnedMask],
    kernels: Kernels,
    law: GateLaw,
    own_gradients: Mapping[str, Tensor] | None = None,
    off: Each | None = None,
    begins: Mapping[str, int] | None = None,
) -> dict[str, GatedWeight]:
    """Combines weights and masks.

    Args:
        weights: the weights, contiguous, by dotted name; frozen, unless ``own_gradients`` is given. Masks of several networks:
            those of each, in the order of the masks, of equal names, shapes and dtypes.
        compute: the same weights in the dtype of the masked copies.
        masks: at least one mask; all cover these weights.
        kernels: the kernels for the passes over the weights.
        law: the law of the gates.
        own_gradients: if the weights are learned too: contiguous memory to which their gradients are added, the sum over masks of
            the mean over samples of gate times gradient.
        off: the off-values of the weights, in their shapes and dtypes; zero for those that are not named.
        begins: for weights that are one range of a larger tensor, the index of their first element in it; else 0.
    """
    of_masks = [_for_each(given, len(masks)) for given in (weights, compute, off or {})]
    first, known = of_masks[0][0], dict[int, dict[str, Values]]()  # the values of one network are made once
    for its, copied, zero in zip(*of_masks, strict=True):
        if id(its) not in known:
            known[id(its)] = {name: Values.of(one, copied[name], zero.get(name)) for name, one in its.items()}
    values = [known[id(its)] for its in of_masks[0]]
    slices: dict[str, list[Slice]] = {name: [] for name in first}
    layouts: dict[str, Layout] = {}
    for mask, its in zip(masks, values, strict=True):
        gates = torch.zeros(mask.logits.flat.shape, dtype=torch.uint8, device=mask.logits.flat.device)
        whole = Vectors(mask.logits.flat, mask.gradient, gates)
        views = [mask.logits.by_unit(flat) for flat in (whole.logits, whole.gradient, whole.gates)]
        for group in mask.logits.selection.groups:
            key, own = mask.noise.key(group.name), [view[group.name].view(-1) for view in views]
            for name, layout in group.members:
                if group.is_single:
                    wide = own[2]
                else:
                    layouts[name], wide = layout, torch.zeros(layout.count, dtype=torch.uint8, device=gates.device)
                slices[name].append(Slice(whole, its[name], key, own[0], own[1], own[2], wide))
    workspace, of_weights = Workspace(), own_gradients or {}
    return {
        name: GatedWeight(
            weight.shape,
            slices[name],
            kernels,
            law,
            workspace,
            of_weights.get(name),
            layouts.get(name),
            (begins or {}).get(name, 0),
        )
        for name, weight in first.items()
    }


def _for_each(given: Each, masks: int) -> Sequence[Mapping[str, Tensor]]:
    return [given] * masks if isinstance(given, Mapping) else given
