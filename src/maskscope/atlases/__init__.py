"""All masks of a network in one HTML file that opens anywhere, to be looked at, laid over each other and zoomed into."""

from maskscope.atlases.named import AtlasMasks, NamedMask, named_masks
from maskscope.atlases.of_files import masks_of_files
from maskscope.atlases.of_run import holds_masks, masks_of_seed, with_page, write_run_atlas
from maskscope.atlases.write import AtlasWritten, atlas, write_atlas

__all__ = [
    "AtlasMasks",
    "AtlasWritten",
    "NamedMask",
    "atlas",
    "holds_masks",
    "masks_of_files",
    "masks_of_seed",
    "named_masks",
    "with_page",
    "write_atlas",
    "write_run_atlas",
]
