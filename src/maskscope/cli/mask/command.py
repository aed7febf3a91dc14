"""``maskscope mask``: masks as things. What they are, what they have in common, and what is made of them."""

from maskscope.cli.commands import Command
from maskscope.cli.words.actions import run_action

_SUMMARY = """Masks as things: what they are, what they have in common, and what is made of them.

  maskscope mask info runs/demo/artefacts/*/mask.safetensors
  maskscope mask overlap add.safetensors mul.safetensors
"""
_MORE = "A run keeps its masks in its folder, as artefacts/*/mask.safetensors."
_MADE, _SHOWN = "maskscope.cli.mask.combine", "maskscope.cli.mask.show"
ACTIONS = {
    "info": Command("", "what each mask was found for, with which settings, and what it keeps", f"{_SHOWN}:info"),
    "and": Command("", "the units that all masks keep", f"{_MADE}:intersect"),
    "or": Command("", "the units that any mask keeps", f"{_MADE}:unite"),
    "minus": Command("", "the units that the first mask keeps and no other", f"{_MADE}:subtract"),
    "not": Command("", "the units that a mask does not keep", f"{_MADE}:invert"),
    "overlap": Command("", "IoU, IoMin and Dice of every pair, beside chance", f"{_SHOWN}:overlap"),
    "diff": Command("", "the tensors and settings in which two masks differ", f"{_SHOWN}:diff"),
    "bake": Command("", "write the weights under a mask, for any program to load", "maskscope.cli.mask.bake:bake_mask"),
}


def mask_command(words: list[str]) -> None:
    """Runs one of the actions."""
    run_action("mask", ACTIONS, words, summary=_SUMMARY, more=_MORE)
