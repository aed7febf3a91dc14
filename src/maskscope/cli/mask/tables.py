"""What `maskscope mask` prints of masks: tables, or the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from maskscope.analysis import (
    density_floor,
    found_for,
    kinds_of_units,
    mask_difference,
    off_in_words,
    require_one_network,
    settings_of,
)
from maskscope.cli.mask.files import reading
from maskscope.cli.output.printing import print_json
from maskscope.columns import print_columns
from maskscope.masks import Mask, MaskFile, OverlapCounts, overlaps
from maskscope.storage.legible import brief, legible

_MEASURES = {"IoU": "iou", "IoMin": "iomin", "Dice": "dice"}


def show_masks(masks: Mapping[str, MaskFile], as_json: bool) -> None:
    """Prints what each mask is."""
    if as_json:
        print_json([{"file": file} | _described(mask) for file, mask in masks.items()])
        return
    for file, mask in masks.items():
        print(legible(f"{file}\n  {mask!r}"))
        for title, text in _lines(mask):
            print(legible(f"  {title:<10}{text}"))
        rows = [(name, f"{one['kept']:,}", f"{one['count']:,}", _number(one["density"])) for name, one in _by_group(mask).items()]
        _print_table(("tensor or group", "kept", "of", "density"), rows)


def show_overlaps(masks: Mapping[str, MaskFile], as_json: bool) -> None:
    """Prints the overlap of every pair of masks, beside what their sizes alone give.

    Raises:
        MaskMismatchError: the masks are of different networks, units or off-values.
    """
    require_one_network(masks, "overlap")
    pairs: list[dict[str, Any]] = []
    with reading("comparing", masks) as advance:
        found = overlaps(list(masks.values()), advance=advance)
    files = list(masks)
    for (a, b), groups in found.items():
        first, second, by_tensor = files[a], files[b], groups.values()
        counts, floor = OverlapCounts.total(by_tensor), density_floor(by_tensor, seed=0)
        measured = {name: {"found": getattr(counts, key), "chance": getattr(floor, key)} for name, key in _MEASURES.items()}
        pairs.append({"first": first, "second": second, "both": counts.both} | measured)
    if as_json:
        print_json(pairs)
        return
    rows = [(pair["first"], pair["second"], f"{pair['both']:,}", *(_beside(pair[name]) for name in _MEASURES)) for pair in pairs]
    _print_table(("first", "second", "both", *_MEASURES), rows)
    print("In brackets: what two random masks of the same sizes in each tensor have on average.")


def show_differences(masks: Mapping[str, MaskFile], as_json: bool) -> None:
    """Prints in what two masks differ."""
    first, second = masks
    with reading("comparing", masks) as advance:
        found = mask_difference(masks[first], masks[second], advance=advance)
    if as_json:
        print_json({"first": first, "second": second, "same": found.is_empty} | _json(found))
        return
    if found.is_empty:
        print(legible(f"{first} and {second} are the same mask, made with the same settings."))
        return
    for title, pair in (("units", found.units), ("off", found.off)):
        if pair:
            print(legible(f"{title}: {pair[0]} in the first, {pair[1]} in the second"))
    if found.other_weights:
        print(legible(f"found on other values of {', '.join(found.other_weights)}"))
    rows = [(one.name, *map(_shape, one.shapes), _count(one.only_first), _count(one.only_second)) for one in found.tensors]
    if rows:
        _print_table(("tensor or group", "in first", "in second", "only first", "only second"), rows)
    if found.settings:
        _print_table(("setting", "first", "second"), [(name, _text(a), _text(b)) for name, a, b in found.settings])


def _described(mask: Mask) -> dict[str, Any]:
    return {
        "found_for": found_for(mask),
        "settings": settings_of(mask),
        "units": kinds_of_units(mask),
        "off": mask.off.as_json(),
        "kept": mask.kept,
        "count": mask.count,
        "weights_kept": mask.weights_kept,
        "weights": mask.by_weight().count,
        "density": mask.density,
        "tensors": _by_group(mask),
        "base": {name: {"dtype": one.dtype, "weights_sha256": one.digest} for name, one in mask.weights.items()},
        "faults": list(mask.faults),
    }


def _by_group(mask: Mask) -> dict[str, dict[str, Any]]:
    kept, density = mask.kept_by_group, mask.density_by_tensor
    return {group.name: {"kept": kept[group.name], "count": group.count, "density": density[group.name]} for group in mask.groups}


def _lines(mask: Mask) -> list[tuple[str, str]]:
    known = {one.dtype for one in mask.weights.values()} - {None}
    base = f"{', '.join(sorted(map(str, known)))}, with digests of the values" if known else "unknown: the file does not say"
    lines = [
        ("found for", found_for(mask)),
        ("weights", base),
        ("units", f"{kinds_of_units(mask)} ({mask.weights_kept:,} of {mask.by_weight().count:,} weights kept)"),
        ("off", off_in_words(mask)),
    ]
    lines += [("fault", fault) for fault in mask.faults]
    return lines + [("setting", f"{name} = {_text(value)}") for name, value in settings_of(mask).items()]


def _json(found: Any) -> dict[str, Any]:
    return {
        "tensors": [vars(one) for one in found.tensors],
        "settings": [{"name": name, "first": a, "second": b} for name, a, b in found.settings],
        "other_weights": list(found.other_weights),
        "units": found.units,
        "off": found.off,
    }


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print_columns(Console(), titles, [[legible(cell) for cell in row] for row in rows], indent=2)


def _number(value: float) -> str:
    return "undefined" if value != value else f"{value:.4f}"


def _beside(measured: Mapping[str, float]) -> str:
    return f"{_number(measured['found'])} ({_number(measured['chance'])})"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else str(list(shape))


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _text(value: Any) -> str:
    return "not set" if value is None else brief(json.dumps(value, ensure_ascii=False))
