"""Under which names a file stores the weights that a mask covers.

Two things come between: a prefix (a mask that was found on ``AutoModel`` says ``encoder.0.weight`` where the file of the whole
model says ``bert.encoder.0.weight``, or the other way round), and tied weights (one tensor under several names, of which a file
may hold one or all).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from maskscope.errors import MaskMismatchError, suggestion
from maskscope.exchange.weight_files import WeightFiles
from maskscope.masks import Mask
from maskscope.masks.selection import dtype_name
from maskscope.storage import tensor_digest

Copies = Literal["refuse", "mask", "keep"]


@dataclass(frozen=True)
class StoredNames:
    """Where a mask's tensors are stored.

    Args:
        names: the stored names by the mask's name; several if the weight is tied.
        copies: stored names of tensors that hold the values of a masked one, and are not known to be tied to it.
    """

    names: Mapping[str, tuple[str, ...]]
    copies: Mapping[str, str]


def find_names(weights: WeightFiles, mask: Mask, *, check: bool) -> StoredNames:
    """Finds the stored tensors that a mask covers, and compares them with what the mask was found on.

    Args:
        weights: the files.
        mask: the mask.
        check: whether dtypes and values must be those that the mask was found on.

    Raises:
        MaskMismatchError: tensors are missing, or have another shape, dtype or other values; the message lists all.
    """
    shapes = weights.shapes()
    main = _by_prefix(mask, [*shapes, *weights.tied])
    faults, names = [], {}
    for name, shape in mask.shapes.items():
        stored = main.get(name, name)
        if stored not in shapes:
            stored = weights.tied.get(stored) or _by_digest(weights, mask, name, shapes) or stored
        if stored not in shapes:
            faults.append(f"{name}: there is no such tensor.{suggestion(name, shapes)}")
        elif shapes[stored] != shape:
            faults.append(f"{name}: the mask has shape {list(shape)}, {stored} has {list(shapes[stored])}")
        elif check and (fault := _fault(weights, mask, name, stored)):
            faults.append(fault)
        names[name] = (stored, *(one for one in shapes if one != stored and _tied_to(weights, one) == _tied_to(weights, stored)))
    if faults:
        raise MaskMismatchError(f"The mask does not fit the weights in {weights.root}:\n  " + "\n  ".join(faults))
    return StoredNames(names, _copies(weights, names, shapes))


def _by_prefix(mask: Iterable[str], stored: Iterable[str]) -> dict[str, str]:
    """The stored name of each tensor: its own, or with one prefix more or less that all of them have."""
    known, names = set(stored), list(mask)
    longer = {one.removesuffix(names[0]) for one in known if names and one.endswith("." + names[0])}
    shorter = {name[: place + 1] for name in names[:1] for place, sign in enumerate(name) if sign == "."}
    exact = {name: name for name in names}
    others = [{name: prefix + name for name in names} for prefix in sorted(longer)]
    others += [{name: name.removeprefix(prefix) for name in names if name.startswith(prefix)} for prefix in sorted(shorter)]
    found = [(sum(one in known for one in way.values()), way) for way in others]
    most = max((count for count, _ in found), default=0)
    best = [way for count, way in found if count == most]
    # of two prefixes that explain as much, none is guessed
    return best[0] if len(best) == 1 and most > sum(name in known for name in names) else exact


def _by_digest(weights: WeightFiles, mask: Mask, name: str, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The one tensor that has the values of a masked one whose name is not there: files keep tied weights under one name."""
    known = mask.weights.get(name)
    if known is None or known.digest is None:
        return None
    alike = [one for one, shape in shapes.items() if one not in mask and shape == mask.shapes[name]]
    found = [one for one in alike if tensor_digest(weights.read(one)) == known.digest]
    return found[0] if len(found) == 1 else None


def _tied_to(weights: WeightFiles, stored: str) -> str:
    return weights.tied.get(stored, stored)


def _fault(weights: WeightFiles, mask: Mask, name: str, stored: str) -> str | None:
    """What tells a stored tensor from the one that the mask was found on."""
    known = mask.weights.get(name)
    if known is None:
        return None
    tensor = weights.read(stored)
    if known.dtype not in (None, dtype_name(tensor)):
        return f"{name}: the mask was found on {known.dtype}, {stored} is {dtype_name(tensor)}"
    if known.digest not in (None, tensor_digest(tensor)):
        return f"{name}: {stored} has other values than the weights that the mask was found on"
    return None


def _copies(weights: WeightFiles, names: Mapping[str, tuple[str, ...]], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Further tensors with the values of a masked one, with the mask's name. Constant ones (ones, zeros) are alike by design."""
    taken = {stored for group in names.values() for stored in group}
    found: dict[str, str] = {}
    for name, (stored, *_) in names.items():
        alike = [one for one, shape in shapes.items() if one not in taken and shape == shapes[stored]]
        tensor = weights.read(stored) if alike else torch.empty(0)
        if tensor.numel() and bool((tensor != tensor.reshape(-1)[0]).any()):
            found |= {one: name for one in alike if torch.equal(weights.read(one), tensor)}
    return found
