"""``maskscope list``: which studies, presets, estimators there are."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import parse


@dataclass(frozen=True)
class ListOptions:
    """Print the studies that there are, with their networks and presets.

    maskscope list          every study in a few lines
    maskscope list scan     one of them: what each preset is
    """

    study: Positional[Annotated[str, tyro.conf.arg(metavar="[STUDY]", help="The study that is told in full.")]] = ""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def list_command(words: list[str]) -> None:
    """Shows what there is."""
    options = parse(ListOptions, words, "list")
    load("maskscope.cli.listing:print_studies")(options.study, as_json=options.as_json)
