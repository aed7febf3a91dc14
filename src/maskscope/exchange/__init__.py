"""Masks and masked weights for other programs and other people: files, folders, the Hugging Face Hub."""

from maskscope.exchange.baked_files import Baked, bake_files
from maskscope.exchange.destination import require_free
from maskscope.exchange.export import export
from maskscope.exchange.hub import from_hub, masks_from_hub, push_to_hub
from maskscope.exchange.hub_folder import hub_folder
from maskscope.exchange.hub_layout import masks_in_folder

__all__ = [
    "Baked",
    "bake_files",
    "export",
    "from_hub",
    "hub_folder",
    "masks_from_hub",
    "masks_in_folder",
    "push_to_hub",
    "require_free",
]
