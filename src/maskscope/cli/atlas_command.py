"""``maskscope atlas``: all masks of a network in one HTML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import parse


@dataclass(frozen=True)
class AtlasOptions:
    """Write all masks of a network into one HTML file that opens by a double click, without a connection or a server.

      maskscope atlas runs/demo --out runs/demo/atlas.html
      maskscope atlas add.safetensors mul.safetensors --out atlas.html

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
    options = parse(AtlasOptions, words, "atlas")
    load("maskscope.cli.atlas_writing:write_chosen")(options)
