"""The atlas that a command line asks for."""

from pathlib import Path

from maskscope.atlases import AtlasMasks, holds_masks, masks_of_files, masks_of_seed, with_page, write_atlas
from maskscope.cli.atlas_command import AtlasOptions
from maskscope.cli.output.printing import print_json
from maskscope.errors import ConfigError
from maskscope.storage import user_path


def write_chosen(options: AtlasOptions) -> None:
    """Writes the atlas and says where it is."""
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
