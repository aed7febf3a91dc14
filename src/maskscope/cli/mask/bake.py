"""``maskscope mask bake``: the weights under a mask, for any program to load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.cli.output.printing import announce, print_json
from maskscope.cli.words.parsing import parse
from maskscope.exchange import bake_files
from maskscope.exchange.stored_names import Copies
from maskscope.masks import MaskFile
from maskscope.storage import user_path


@dataclass(frozen=True)
class BakeOptions:
    """Write weights with those outside a mask off: a safetensors file, or a folder for `from_pretrained`, as they were given.

      maskscope mask bake add.safetensors --weights model.safetensors --out model-add.safetensors

    Names, dtypes and all other tensors and files stay as they are. The network's code is not needed.
    """

    mask: Positional[Annotated[Path, tyro.conf.arg(metavar="MASK", help="The mask file.")]]
    weights: Path
    """The weights that the mask was found on: a safetensors file, or a folder that `save_pretrained` wrote."""
    out: Path
    """The file or folder to write, whole or not at all. A folder is never replaced."""
    copies: Copies = "refuse"
    """If tensors that the mask does not name hold the values of one that it masks: refuse; mask them too (they are tied); or keep
    them (they are weights of their own)."""
    off_weights: Path | None = None
    """For a mask whose weights that are off have the values of another network: that network's weights, a file or a folder."""
    unchecked: bool = False
    """Do not require that dtypes and values are those that the mask was found on. Names and shapes always must be."""
    force: bool = False
    """Replace the file if there is one."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def bake_mask(words: list[str]) -> None:
    """Bakes, and says what was written."""
    options = parse(BakeOptions, words, "mask bake")
    made = bake_files(
        MaskFile.open(options.mask),
        user_path(options.weights, argument="--weights"),
        user_path(options.out, argument="--out"),
        check=not options.unchecked,
        copies=options.copies,
        off_weights=None if options.off_weights is None else user_path(options.off_weights, argument="--off-weights"),
        force=options.force,
    )
    if made.left_out:
        announce(f"left out, because they hold the weights without the mask: {', '.join(made.left_out)}")
    if options.as_json:
        print_json({"where": str(made.where), "masked": list(made.names), "left_out": list(made.left_out)})
    else:
        print(f"wrote {made.where}: {len(made.names)} tensors under the mask")
