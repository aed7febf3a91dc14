"""What masks are: info, overlap, diff."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.cli.mask.files import Files, read_masks
from maskscope.cli.mask.tables import show_differences, show_masks, show_overlaps
from maskscope.cli.words.parsing import parse
from maskscope.masks import MaskFile

_Shown = Callable[[Mapping[str, MaskFile], bool], None]


@dataclass(frozen=True)
class ShowOptions:
    """Read masks and print what they are, what they have in common, or in what they differ.

    maskscope mask info runs/demo/artefacts/*/mask.safetensors
    """

    files: Positional[Files]
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def info(words: list[str]) -> None:
    """``mask info``."""
    _show("info", 1, None, show_masks, words)


def overlap(words: list[str]) -> None:
    """``mask overlap``."""
    _show("overlap", 2, None, show_overlaps, words)


def diff(words: list[str]) -> None:
    """``mask diff``."""
    _show("diff", 2, 2, show_differences, words)


def _show(name: str, fewest: int, most: int | None, shown: _Shown, words: list[str]) -> None:
    options = parse(ShowOptions, words, f"mask {name}")
    shown(read_masks(options.files, name, fewest, most), options.as_json)
