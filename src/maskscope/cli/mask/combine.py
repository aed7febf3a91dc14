"""Masks that are made of masks: and, or, minus, not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.analysis import require_one_network
from maskscope.cli.mask.files import Files, read_masks, reading
from maskscope.cli.output.printing import print_json
from maskscope.cli.words.parsing import parse
from maskscope.exchange import require_free
from maskscope.masks import combine_masks
from maskscope.storage import user_path


@dataclass(frozen=True)
class CombineOptions:
    """Write the mask that a set operation makes of some masks: of the same network, with the same units and off-values.

    maskscope mask and add.safetensors mul.safetensors --out both.safetensors
    """

    files: Positional[Files]
    out: Path
    """The file to write, whole or not at all."""
    by_weight: bool = False
    """Combine weight by weight, also where the masks have other units than each other."""
    force: bool = False
    """Replace the file if there is one."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def intersect(words: list[str]) -> None:
    """``mask and``."""
    _combine("and", words)


def unite(words: list[str]) -> None:
    """``mask or``."""
    _combine("or", words)


def subtract(words: list[str]) -> None:
    """``mask minus``."""
    _combine("minus", words)


def invert(words: list[str]) -> None:
    """``mask not``."""
    _combine("not", words)


def _combine(name: str, words: list[str]) -> None:
    options = parse(CombineOptions, words, f"mask {name}")
    out = user_path(options.out, argument="--out")
    require_free(out, force=options.force)
    masks = read_masks(options.files, name, fewest=1 if name == "not" else 2, most=1 if name == "not" else None)
    if options.by_weight:
        masks = {file: mask.by_weight() for file, mask in masks.items()}
    require_one_network(masks, f"`{name}`")
    with reading(f"writing {out.name}", masks) as advance:
        made = combine_masks(name, list(masks.values()), out, advance=advance)
    if options.as_json:
        print_json({"file": str(out), "kept": made.kept, "count": made.count, "density": made.density})
    else:
        print(f"wrote {out}: {made!r}")
