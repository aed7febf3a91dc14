"""What a notebook shows for a mask and for a selection."""

from typing import Any

from maskscope.storage import Json
from maskscope.storage.notebook_html import Html, bar, cell, paragraph, table

_LONGEST = 160
_SIGNS = {"and": " & ", "or": " | ", "minus": " - "}


def mask_cell(mask: Any) -> Html:
    """A mask: what it is for, how much it keeps, and of which tensors.

    Args:
        mask: a `Mask`, whose method this is.

    Returns:
        HTML of a few kB, however many tensors there are.
    """
    purpose = function_of(mask.made_by)
    # the name of a search that was given none
    head = f"Mask for {purpose}" if purpose not in ("", "mask") else "Mask"
    off = "" if mask.off.is_zero else f"; what is off is not zero but {mask.off.kind}"
    parts = [paragraph(f"{repr(mask).partition('(')[2].removesuffix(')')}{off}")]
    parts += [paragraph(f"It is weak: {fault}", strong=True) for fault in mask.faults]
    kept = mask.kept_by_group
    shares = {group.name: kept[group.name] / group.count if group.count else 0.0 for group in mask.groups}
    rows = [
        (group.name, kept[group.name], group.count, _percent(shares[group.name]), bar(shares[group.name]))
        for group in mask.groups
    ]
    return cell(head, *parts, table(("tensor", "kept", "of", "density", ""), rows, more="tensors"))


def selection_cell(selection: Any) -> Html:
    """A selection: which tensors masks are over, in which units.

    Args:
        selection: a `Selection`, whose method this is.

    Returns:
        HTML of a few kB, however many tensors there are.
    """
    units = {name: group for group in selection.groups for name in group.names}
    patterns = f"include {', '.join(selection.include)}"
    if selection.exclude:
        patterns += f"; exclude {', '.join(selection.exclude)}"
    total = selection.count or 1
    rows = [
        (
            one.name,
            " × ".join(map(str, one.shape)) or "scalar",
            one.dtype,
            one.count,
            units[one.name].kind,
            bar(one.count / total),
        )
        for one in selection.weights
    ]
    counts = f"{selection.count:,} weights in {len(selection.weights)} tensors, {selection.unit_count:,} bits in a mask"
    listed = table(("tensor", "shape", "dtype", "weights", "unit", "share of all"), rows, more="tensors")
    return cell("Selection", paragraph(counts), paragraph(patterns, faint=True), listed)


def function_of(made_by: Json) -> str:
    """What a mask is for, from how it was made: the name of its search, or an expression of such names; empty if not known."""
    words = _words(made_by)
    return words if len(words) <= _LONGEST else ""


def _words(made_by: object) -> str:
    if not isinstance(made_by, dict):
        return ""
    noise = made_by.get("noise")
    if isinstance(noise, dict):
        return str(noise.get("mask", ""))
    if isinstance(made_by.get("not"), dict):
        inner = _words(made_by["not"])
        return inner and f"~({inner})"
    for word, sign in _SIGNS.items():
        parts = made_by.get(word)
        if isinstance(parts, list):
            inner_words = [_words(part) for part in parts]
            return sign.join(f"({one})" if " " in one else one for one in inner_words) if all(inner_words) else ""
    return ""


def _percent(share: float) -> str:
    return f"{share:.2%}"
