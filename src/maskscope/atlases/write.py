"""Writes an atlas: one HTML file with its masks, script and style."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from torch import nn

from maskscope.atlases.coding import coded_bits, coded_numbers
from maskscope.atlases.named import AtlasMasks, named_masks
from maskscope.atlases.sheet import sheet_of
from maskscope.errors import ConfigError, MissingExtraError, RunFolderError
from maskscope.masks import BinaryMask
from maskscope.storage import user_path, write_bytes
from maskscope.tasks import Task

Weights = Literal["auto", "yes", "no"]
# about 2.5 bytes of a file are spent on each value: these are 1.3 MB
MOST_VALUES = 500_000
_SCRIPTS = ("decode.js", "masks.js", "sheet.js", "paint.js", "map.js", "tables.js", "unit.js", "main.js")
_MARK = b'<meta name="generator" content="maskscope atlas'
_HEAD = 2000


@dataclass(frozen=True)
class AtlasWritten:
    """An atlas that was written.

    Args:
        path: of the file.
        masks: how many it shows.
        weights: how many weights each of them covers.
        bytes: of the file.
        values: whether it shows the values of the weights.
    """

    path: Path
    masks: int
    weights: int
    bytes: int
    values: bool

    def __str__(self) -> str:
        masks = "1 mask" if self.masks == 1 else f"{self.masks} masks"
        return f"{self.path}: {masks} over {self.weights:,} weights, {self.bytes / 1e6:.1f} MB"


def atlas(
    masks: Mapping[str, BinaryMask | Sequence[BinaryMask]],
    out: str | Path,
    *,
    network: nn.Module | None = None,
    title: str = "Masks of a network",
    only: Sequence[str] = (),
    weights: Weights = "auto",
) -> AtlasWritten:
    """Writes all masks of a network into one HTML file, which opens without a connection, a server or this package.

    Args:
        masks: a mask, or the mask and its repeats, by the name of the function: what `maskscope.masks_of_run` returns.
        out: the file to write; an atlas that is there is replaced, another file is not.
        network: that they were found on. Its weights' values can then be shown.
        title: what the masks are of.
        only: patterns of the dotted names of the tensors to show, ``"encoder.*"``; all if empty.
        weights: whether values are shown: ``auto`` shows them up to 500,000 weights, because they need more place than bits.

    Returns:
        What was written; printed, it is a line for the reader.

    Raises:
        ConfigError: there is no mask, the file is no atlas, values are wanted and not known, or a browser could not show it.
        MaskMismatchError: the masks are of different networks.
        MissingExtraError: jinja2 is not installed.
        UnknownNameError: a pattern matches no tensor.

    Examples:
        >>> import tempfile, torch, maskscope as ms
        >>> network = torch.nn.Linear(4, 2)
        >>> half = ms.BinaryMask({"weight": torch.tensor([[True] * 4, [False] * 4])})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = ms.atlas({"first": half, "second": ~half}, f"{folder}/atlas.html", network=network)
        ...     written.path.exists()
        True
    """
    return write_atlas(named_masks(masks, title=title, network=network).only(only), out, weights=weights)


def write_atlas(shown: AtlasMasks, out: str | Path, *, weights: Weights = "auto") -> AtlasWritten:
    """Writes an atlas; further as `atlas`."""
    path = user_path(out, argument="The path of the atlas")
    require_own(path)
    shown.require_shown()
    total = sum(bits.numel() for bits in shown.masks[0].mask.values())
    if weights == "yes" and not shown.weights:
        raise ConfigError(
            "The values of the weights are not known: mask files do not hold them. Name the folder of a run, which has its "
            "network; or, from Python, give network=."
        )
    values = bool(shown.weights) and (weights == "yes" or (weights == "auto" and total <= MOST_VALUES))
    content = _rendered(shown, values).encode()
    write_bytes(path, content)
    return AtlasWritten(path, len(shown.masks), total, len(content), values)


def require_own(path: Path) -> None:
    """Raises `ConfigError` if there is a file that is not an atlas: it is not replaced."""
    try:
        head = b""
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(_HEAD)
        elif path.exists():
            raise ConfigError(f"{path} is no file, and the atlas is one: name it as in --out atlas.html.")
    except OSError as error:
        raise RunFolderError(f"Cannot look at {path}: {error.strerror}. Name another file with --out.") from error
    if path.is_file() and _MARK not in head:
        raise ConfigError(f"There is a file {path} already, and it is not an atlas. Name another with --out, or remove it first.")


def _rendered(shown: AtlasMasks, values: bool) -> str:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise MissingExtraError("jinja2", "An atlas") from error
    templates = {
        item.name: item.read_text(encoding="utf-8") for item in files("maskscope.atlases").joinpath("templates").iterdir()
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n" + "".join(templates[name] for name in _SCRIPTS)
    style = "\n" + templates["atlas.css"]
    content, data = _data(shown, values)
    page: str = environment.get_template("atlas.html.j2").render(
        shown=shown,
        content=content,
        data=data,
        script=script,
        style=style,
        script_digest=_policy_digest(script),
        style_digest=_policy_digest(style),
        version=version("maskscope"),
    )
    return page


def _data(shown: AtlasMasks, values: bool) -> tuple[dict[str, Any], list[str]]:
    """What the page knows of its masks, and the lines of its data: for each tensor one for each mask, then its values."""
    lines: list[str] = []
    tensors: list[dict[str, Any]] = []
    for name, shape in shown.shapes.items():
        parts = [coded_bits(one.mask[name]) for one in shown.masks]
        if values:
            parts.append(coded_numbers(shown.weights[name]))
        lines += [part.text for part in parts]
        tensors.append({"name": name, "shape": shape, "sheet": asdict(sheet_of(shape)), "forms": [part.form for part in parts]})
    masks = [
        {
            "title": one.title,
            "function": one.function,
            "repeat": one.repeat,
            "whole": one.function == Task.whole,
            "faults": list(one.mask.faults),
        }
        for one in shown.masks
    ]
    return {"masks": masks, "tensors": tensors, "values": values}, lines


def _policy_digest(text: str) -> str:
    """The name by which a Content-Security-Policy allows one script or style and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
