"""The layout of masks in a folder or a repository of the Hub: ``config.json``, the mask files, and the card.

One mask is ``mask.safetensors``; several are ``masks/NAME.safetensors``. ``config.json`` names them, and the network that they
were found on: its id and revision, and a digest over the digests that the mask files hold.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from maskscope.errors import ConfigError, FileFormatError, HubError, MaskMismatchError
from maskscope.masks import BinaryMask, check_mask
from maskscope.storage import Json, digest, read_plain_json, user_path

LIBRARY = "maskscope"
CONFIG = "config.json"
FORMAT = 1
ONE = "mask.safetensors"
PATTERNS = (CONFIG, ONE, "masks/*.safetensors")
# names of files on every system; no sign that leads out of the folder
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+=-]{0,98}[A-Za-z0-9_+=-]|[A-Za-z0-9_]")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Base:
    """The network that masks were found on.

    Args:
        model: its id on the Hub; None if it is not there.
        revision: the commit, in full.
        digest: over the names and digests of the masked weights; None if the masks do not hold them.
    """

    model: str | None = None
    revision: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        if (self.model is None) != (self.revision is None):
            raise ConfigError("base_model and base_revision belong together: the id of the network on the Hub, and its commit.")
        if self.revision is not None and not _COMMIT.fullmatch(self.revision):
            raise ConfigError(
                f"base_revision is {self.revision!r}; a commit of 40 hexadecimal digits was expected, because branches and tags "
                f"move. `network.config._commit_hash` has it, or `huggingface_hub.model_info({self.model!r}).sha`."
            )

    def __str__(self) -> str:
        return f"{self.model} at revision {self.revision}" if self.model else "a network that is not on the Hub"


@dataclass(frozen=True)
class Layout:
    """What a folder of masks holds.

    Args:
        files: the path of each mask in the folder, by its name.
        base: the network that they were found on.
    """

    files: Mapping[str, str]
    base: Base


def files_of(masks: BinaryMask | Mapping[str, BinaryMask]) -> dict[str, tuple[str, BinaryMask]]:
    """The path and the mask, by name. One mask alone is called ``mask``.

    Raises:
        ConfigError: there is no mask, or a name cannot be that of a file on every system.
    """
    if isinstance(masks, BinaryMask):
        return {"mask": (ONE, masks)}
    bad = [name for name in masks if not _NAME.fullmatch(str(name))]
    lower = [str(name).lower() for name in masks]
    bad += [name for name in masks if lower.count(str(name).lower()) > 1]
    if bad or not masks:
        raise ConfigError(
            f"{', '.join(map(repr, bad)) or 'No name'}: names of masks become names of files. Give at least one, of at most 100 "
            "letters, digits, spaces and . _ + = -, not the same but for case."
        )
    return {name: (f"masks/{name}.safetensors", mask) for name, mask in masks.items()}


def base_digest(masks: Mapping[str, BinaryMask]) -> str | None:
    """One digest over the weights that masks were found on; None if they do not say.

    Raises:
        MaskMismatchError: two masks were found on different weights.
    """
    known: dict[str, tuple[str, str]] = {}
    faults = []
    for title, mask in masks.items():
        for name, weight in mask.weights.items():
            if weight.digest is not None and known.setdefault(name, (title, weight.digest))[1] != weight.digest:
                faults.append(f"{name}: {known[name][0]} and {title} were found on other values")
    if faults:
        raise MaskMismatchError("Masks of one repository are of one network:\n  " + "\n  ".join(faults))
    return digest({name: found for name, (_, found) in known.items()}) if known else None


def read_layout(folder: Path, source: str) -> Layout:
    """Reads ``config.json``.

    Args:
        folder: where it is.
        source: how messages call the folder: the repository, for example.

    Raises:
        HubError: the folder is none of masks, or one of a later version.
    """
    if not (folder / CONFIG).exists():
        raise HubError(f"{source} holds no masks: it has no {CONFIG}. `maskscope.hub_folder` and `push_to_hub` write one.")
    try:
        found = read_plain_json(folder / CONFIG)
    except FileFormatError as error:
        raise HubError(f"{source} holds no masks: {error}") from error
    if not isinstance(found, dict) or found.get("library_name") != LIBRARY:
        kind = found.get("model_type") or found.get("library_name") if isinstance(found, dict) else None
        what = f"a model of type {str(kind)[:80]!r}" if kind else "something else"
        raise HubError(f"{source} holds no masks: its {CONFIG} is that of {what}.")
    if found.get("format") != FORMAT:
        raise HubError(f"{source} has layout {str(found.get('format'))[:20]}; this version reads {FORMAT}. Update maskscope.")
    match found:
        case {"masks": dict(masks), "base_model": base, "base_revision": revision, "weights_sha256": weights}:
            texts = all(isinstance(one, str | None) for one in (base, revision, weights))
            files = {name: file for name, entry in masks.items() if (file := _file(name, entry))}
            if texts and files and len(files) == len(masks):
                return Layout(files, _base(base, revision, weights, source))
    raise HubError(f"{source}: its {CONFIG} does not say which masks there are, and of which network. Take another revision.")


def read_masks(folder: Path, source: str, network: nn.Module | None = None, name: str | None = None) -> dict[str, BinaryMask]:
    """The masks of a folder, or one of them, compared with what ``config.json`` says and with a network.

    Args:
        folder: where they are.
        source: how messages call the folder.
        network: if given, the masks must have been found on it.
        name: of the only mask that is read.

    Raises:
        HubError: the folder is none of masks, or has no mask of that name.
        FileFormatError: a mask file is missing, cut short or altered.
        MaskMismatchError: the masks are of another network than ``network``, or than ``config.json`` says.
    """
    layout = read_layout(folder, source)
    if name is not None and name not in layout.files:
        raise HubError(f"{source} has no mask {name!r}; it has {', '.join(layout.files)}.")
    masks = {title: BinaryMask.load(folder / file) for title, file in layout.files.items() if name in (None, title)}
    if name is None and base_digest(masks) != layout.base.digest:
        raise MaskMismatchError(f"The masks in {source} are not of the network that its {CONFIG} names: files were mixed up.")
    if network is not None:
        for title, mask in masks.items():
            _check(network, mask, layout.base, f"{source}, mask {title!r}")
    return masks


def masks_in_folder(folder: str | Path, network: nn.Module | None = None) -> dict[str, BinaryMask]:
    """The masks of a folder that `hub_folder` wrote, by name; one mask alone is called ``mask``.

    Args:
        folder: the folder.
        network: if given, the masks must have been found on it.

    Raises:
        HubError: the folder is none of masks.
        FileFormatError: a mask file is missing, cut short or altered.
        MaskMismatchError: the masks are of another network.
    """
    path = user_path(folder, argument="folder")
    return read_masks(path, str(path), network)


def as_json(layout: Layout, masks: Mapping[str, Json], version: str) -> Json:
    """What stands in ``config.json``; of each mask, besides its file, what ``masks`` says."""
    return {
        "library_name": LIBRARY,
        "format": FORMAT,
        "maskscope_version": version,
        "base_model": layout.base.model,
        "base_revision": layout.base.revision,
        "weights_sha256": layout.base.digest,
        "masks": {name: {"file": file} | masks[name] for name, file in layout.files.items()},
    }


def _file(name: str, entry: object) -> str | None:
    """The path of a mask, if it is one of the two that there can be: a file of others must not lead out of its folder."""
    file = entry.get("file") if isinstance(entry, dict) else None
    return str(file) if _NAME.fullmatch(name) and file in (ONE, f"masks/{name}.safetensors") else None


def _base(model: str | None, revision: str | None, weights: str | None, source: str) -> Base:
    try:
        return Base(model, revision, weights)
    except ConfigError as error:
        raise HubError(f"{source}: its {CONFIG} does not name a network as it should. {error}") from error


def _check(network: nn.Module, mask: BinaryMask, base: Base, source: str) -> None:
    """Checks that a mask is of a network; where it is not, says which network it is of."""
    loaded: Any = getattr(getattr(network, "config", None), "_commit_hash", None)
    this = f" This network was loaded from revision {loaded}." if loaded else ""
    cure = f" Load {base.model!r} with revision={base.revision!r}." if base.model else ""
    try:
        check_mask(network, mask)
    except MaskMismatchError as error:
        raise MaskMismatchError(f"{source} is of {base}.{this}{cure}\n{error}") from error
    # without digests, the revision is all that can be compared
    if base.digest is None and base.revision and loaded and loaded != base.revision:
        raise MaskMismatchError(f"{source} is of {base}.{this}{cure}")
