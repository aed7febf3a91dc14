"""``maskscope atlas``: all masks of a network in one HTML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.atlases import AtlasMasks, holds_masks, masks_of_files, masks_of_seed, with_page, write_atlas
from maskscope.cli.output import print_json
from maskscope.errors import ConfigError
from maskscope.storage import user_path


@dataclass(frozen=True)
class AtlasOptions:
    """Write all masks of a network into one HTML file that opens by a double click, without a connection or a server.

    In the browser, two masks are laid over each other, tensor by tensor, down to single weights (docs/atlas.md).
    """

    masks: Positional[
        Annotated[
            tuple[Path, ...], tyro.conf.arg(metavar="RUN|MASK ...", help="The folder of a run; or mask files of one network.")
        ]
    ]
    out: Path = Path("atlas.html")
    """The file to write. An atlas that is there is replaced, another file is not."""
    seed: int | None = None
    """Of a run: the seed of the network whose masks are shown; else the first."""
    only: tuple[str, ...] = ()
    """Patterns of the names of the tensors to show, as in 'encoder.*'; else all."""
    weights: Literal["auto", "yes", "no"] = "auto"
    """Whether the values of the weights are shown, where the run has its network. auto: up to 500,000 of them (1.3 MB)."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print as JSON what was written."""


def atlas_command(words: list[str]) -> None:
    """Writes the atlas."""
    options = tyro.cli(AtlasOptions, args=words, prog="maskscope atlas", config=(tyro.conf.FlagCreatePairsOff,))
    out = user_path(options.out, argument="--out")
    written = write_atlas(_chosen(options, out).only(options.only), out, weights=options.weights)
    if options.as_json:
        print_json(written)
    else:
        print(f"wrote {written}")


def _chosen(options: AtlasOptions, out: Path) -> AtlasMasks:
    """The masks of a run, or of files."""
    paths = [user_path(path, argument="The masks") for path in options.masks]
    if not paths:
        raise ConfigError("`maskscope atlas` takes the folder of a run, or mask files: maskscope atlas RUN --out atlas.html")
    folders = [path for path in paths if path.is_dir()]
    if len(folders) == len(paths) == 1:
        inside = sorted(folders[0].glob("*.safetensors"))
        if holds_masks(folders[0]) or not inside:
            return with_page(masks_of_seed(folders[0], options.seed), folders[0], out)
        paths = inside
    elif folders:
        raise ConfigError(
            f"{folders[0]} is a folder. An atlas is of one run, or of mask files of one network; name one or the other."
        )
    if options.seed is not None:
        raise ConfigError("--seed chooses a network of a run; mask files are of one network already. Leave it out.")
    return masks_of_files(paths)
