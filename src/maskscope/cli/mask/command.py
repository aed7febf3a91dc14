"""``maskscope mask``: masks as things. What they are, what they have in common, and what is made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import and_, or_, sub
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.analysis import require_one_network
from maskscope.cli.bake_command import bake_mask
from maskscope.cli.mask_tables import show_differences, show_masks, show_overlaps
from maskscope.cli.output import print_json
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.exchange import require_free
from maskscope.masks import BinaryMask
from maskscope.storage import user_path

Json = Annotated[bool, tyro.conf.arg(name="json", help="Print JSON on standard output instead of text.")]
Files = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE ...", help="Mask files.")]


@dataclass(frozen=True)
class CombineOptions:
    """Write the mask that a set operation makes of some masks: of the same network, with the same units and off-values."""

    files: Positional[Files]
    out: Path
    """The file to write, whole or not at all."""
    by_weight: bool = False
    """Combine weight by weight, also where the masks have other units than each other."""
    force: bool = False
    """Replace the file if there is one."""
    as_json: Json = False


@dataclass(frozen=True)
class ShowOptions:
    """Read masks and print what they are, what they have in common, or in what they differ."""

    files: Positional[Files]
    as_json: Json = False


def mask_command(words: list[str]) -> None:
    """Runs one of the actions."""
    if not words or words[0] in ("-h", "--help", "help"):
        _print_help()
        raise SystemExit(0)
    if words[0] not in _ACTIONS:
        raise UnknownNameError("action of `maskscope mask`", words[0], _ACTIONS)
    _ACTIONS[words[0]][1](words[1:])


def _combine(name: str, words: list[str]) -> None:
    options = tyro.cli(CombineOptions, args=words, prog=f"maskscope mask {name}", config=(tyro.conf.FlagCreatePairsOff,))
    out = user_path(options.out, argument="--out")
    require_free(out, force=options.force)
    masks = _read(options.files, name, fewest=1 if name == "not" else 2, most=1 if name == "not" else None)
    if options.by_weight:
        masks = {file: mask.by_weight() for file, mask in masks.items()}
    require_one_network(masks, f"`{name}`")
    made = ~next(iter(masks.values())) if name == "not" else reduce(_RULES[name], masks.values())
    made.save(out)
    if options.as_json:
        print_json({"file": str(out), "kept": made.kept, "count": made.count, "density": made.density})
    else:
        print(f"wrote {out}: {made!r}")


_Shown = Callable[[Mapping[str, BinaryMask], bool], None]
_RULES: dict[str, Callable[[BinaryMask, BinaryMask], BinaryMask]] = {"and": and_, "or": or_, "minus": sub}


def _show(name: str, fewest: int, most: int | None, shown: _Shown, words: list[str]) -> None:
    options = tyro.cli(ShowOptions, args=words, prog=f"maskscope mask {name}", config=(tyro.conf.FlagCreatePairsOff,))
    shown(_read(options.files, name, fewest, most), options.as_json)


def _read(files: tuple[Path, ...], name: str, fewest: int, most: int | None) -> dict[str, BinaryMask]:
    """The masks by the names of their files.

    Raises:
        ConfigError: too few files, too many, or one twice.
        FileFormatError: a file is missing, or no mask.
    """
    if not fewest <= len(files) <= (most or len(files)):
        wanted = f"{fewest}" if fewest == most else f"at least {fewest}"
        raise ConfigError(f"`maskscope mask {name}` takes {wanted} mask file(s); found {len(files)}.")
    if twice := [str(file) for place, file in enumerate(files) if file in files[:place]]:
        raise ConfigError(f"`maskscope mask {name}` was given {', '.join(dict.fromkeys(twice))} more than once.")
    return {str(file): BinaryMask.load(file) for file in files}


_ACTIONS: dict[str, tuple[str, Callable[[list[str]], None]]] = {
    "info": ("what each mask was found for, with which settings, and what it keeps", partial(_show, "info", 1, None, show_masks)),
    "and": ("the units that all masks keep", partial(_combine, "and")),
    "or": ("the units that any mask keeps", partial(_combine, "or")),
    "minus": ("the units that the first mask keeps and no other", partial(_combine, "minus")),
    "not": ("the units that a mask does not keep", partial(_combine, "not")),
    "overlap": ("IoU, IoMin and Dice of every pair, beside chance", partial(_show, "overlap", 2, None, show_overlaps)),
    "diff": ("the tensors and settings in which two masks differ", partial(_show, "diff", 2, 2, show_differences)),
    "bake": ("write the weights under a mask, for any program to load", bake_mask),
}


def _print_help() -> None:
    lines = [
        "Masks as things: what they are, what they have in common, and what is made of them.",
        "",
        "usage: maskscope mask ACTION FILE ... [--out FILE] [--json]    each explains itself: maskscope mask ACTION --help",
        "",
        *(f"  {name:<9}{summary}" for name, (summary, _) in _ACTIONS.items()),
        "",
        "A run keeps its masks in its folder, as artefacts/*/mask.safetensors.",
    ]
    print("\n".join(lines))
