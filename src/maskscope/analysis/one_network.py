"""Checks that several masks belong to the same network, and warns if one is weak: done before any measure of several masks."""

import warnings
from collections.abc import Mapping

from maskscope.errors import MaskMismatchError
from maskscope.masks import BinaryMask, Mask, WeakMaskWarning


def require_one_network(masks: Mapping[str, Mask], quantity: str) -> None:
    """Refuses masks over different weights, and masks that were found on different values of the same weights.

    Warns of masks with known faults (`BinaryMask.faults`): masks of a failed search make any measure meaningless.

    A mask stores the digests of the weights that it was found on, unless it was made by hand. If two masks have a digest of the
    same tensor, the digests must be equal.

    Args:
        masks: by the name that is used in messages.
        quantity: what is to be computed, for messages; for example ``ceiling``.

    Raises:
        MaskMismatchError: the message lists every difference from the first mask.
    """
    for title, mask in masks.items():
        if mask.faults:
            warnings.warn(f"{quantity}: {title} is weak: {'; '.join(mask.faults)}", WeakMaskWarning, stacklevel=3)
    found: list[tuple[str, Mask]] = [*masks.items()]
    (reference, first), *others = found or [("", BinaryMask({}))]
    faults = []
    for title, mask in others:
        faults += [f"{name}: in {reference}, not in {title}" for name in first if name not in mask]
        faults += [f"{name}: in {title}, not in {reference}" for name in mask if name not in first]
        faults += [
            f"{name}: shape {list(first.shapes[name])} in {reference}, {list(mask.shapes[name])} in {title}"
            for name in first
            if name in mask and mask.shapes[name] != first.shapes[name]
        ]
        if not faults and mask.units != first.units:
            faults.append(f"{reference} is over {_units(first)}, {title} over {_units(mask)}")
        if not faults and mask.off != first.off:
            faults.append(
                f"weights that are off are {first.off.kind} in {reference}, {mask.off.kind} in {title}, or of another state"
            )
    if faults:
        raise MaskMismatchError(
            f"A {quantity} of masks that do not cover the same weights, units and off-values:\n  "
            + "\n  ".join(faults)
            + "\nFind all masks with the same selection."
        )
    known: dict[str, tuple[str, str]] = {}
    for title, mask in masks.items():
        for name, weight in mask.weights.items():
            if weight.digest is None:
                continue
            since, digest = known.setdefault(name, (title, weight.digest))
            if digest != weight.digest:
                faults.append(
                    f"{name}: {since} was found on weights {digest[:12]}..., {title} on weights {weight.digest[:12]}..."
                )
    if faults:
        raise MaskMismatchError(
            f"A {quantity} from another network: all masks were expected to be found on the same weights.\n  "
            + "\n  ".join(faults)
            + "\nCompute it for each network from its own masks, and average the numbers."
        )


def _units(mask: Mask) -> str:
    kinds = dict.fromkeys(group.kind for group in mask.groups)
    return f"{mask.count} units ({', '.join(kinds)})"
