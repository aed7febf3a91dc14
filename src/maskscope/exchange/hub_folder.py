"""Writes masks as a folder that can be uploaded to the Hub as it is: mask files, ``config.json``, card."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from maskscope.analysis import found_for, kinds_of_units, off_in_words
from maskscope.errors import MissingExtraError
from maskscope.exchange.destination import require_free
from maskscope.exchange.hub_layout import CONFIG, LIBRARY, ONE, Base, Layout, as_json, base_digest, files_of
from maskscope.masks import BinaryMask
from maskscope.storage import user_path, write_folder


def hub() -> Any:
    """The package `huggingface_hub`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise MissingExtraError("huggingface_hub", "Sharing masks on the Hub", extra="hub") from error
    return huggingface_hub


def hub_folder(
    masks: BinaryMask | Mapping[str, BinaryMask],
    folder: str | Path,
    *,
    base_model: str | None = None,
    base_revision: str | None = None,
    license: str | None = None,
    repo_id: str = "USER/NAME",
) -> Path:
    """Writes a folder in the layout that `push_to_hub` uploads and `from_hub` reads; whole or not at all.

    Args:
        masks: a mask, or masks of one network by name.
        folder: to write; it must not exist, or be empty.
        base_model: the id on the Hub of the network that they were found on; None if it is not there.
        base_revision: its commit, in full.
        license: of the masks, as the Hub calls it: ``apache-2.0``.
        repo_id: the repository that the card tells to load from.

    Returns:
        The folder.

    Raises:
        ConfigError: the folder is not empty, a name cannot be that of a file, or the revision is no commit.
        MaskMismatchError: the masks were found on different networks.
        MissingExtraError: `huggingface_hub`, which writes the card, is not installed.
        RunFolderError: the folder cannot be written.

    Examples:
        >>> import tempfile, torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 2, bias=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = ms.hub_folder(ms.BinaryMask({"weight": network.weight.detach() > 0}), f"{folder}/masks")
        ...     list(ms.masks_in_folder(f"{folder}/masks", network))
        ['mask']
    """
    path = user_path(folder, argument="folder")
    require_free(path)
    files = files_of(masks)
    named = {name: mask for name, (_, mask) in files.items()}
    layout = Layout({name: file for name, (file, _) in files.items()}, Base(base_model, base_revision, base_digest(named)))
    card = _card(layout, named, license, repo_id)
    with write_folder(path) as unfinished:
        for file, mask in files.values():
            mask.save(unfinished / file)
        text = json.dumps(as_json(layout, {name: _told(mask) for name, mask in named.items()}, version(LIBRARY)), indent=2)
        (unfinished / CONFIG).write_text(text + "\n", encoding="utf-8")
        (unfinished / "README.md").write_text(card, encoding="utf-8")
    return path


def _told(mask: BinaryMask) -> dict[str, Any]:
    return {
        "found_for": found_for(mask),
        "kept": mask.kept,
        "count": mask.count,
        "units": kinds_of_units(mask),
        "off": off_in_words(mask),
    }


def _card(layout: Layout, masks: Mapping[str, BinaryMask], license: str | None, repo_id: str) -> str:
    package, base = hub(), layout.base
    data = package.ModelCardData(
        library_name=LIBRARY, base_model=base.model, license=license, tags=["interpretability", "subnetworks", "binary-masks"]
    )
    rows = [
        f"| `{name}` | {_cell(found_for(mask))} | {mask.kept:,} of {mask.count:,} ({mask.density:.2%}) | {kinds_of_units(mask)} "
        f"| {off_in_words(mask)} |"
        for name, mask in masks.items()
    ]
    digest = f"SHA-256 over the digests of the masked weights: `{base.digest}`." if base.digest else "The files hold no digests."
    found_on = f"[{base.model}](https://huggingface.co/{base.model})" if base.model else "a network that is not on the Hub"
    lines = [
        f"# Masks of {base.model or 'a network'}",
        "",
        "Each mask is the subnetwork that carries one function of the network: one bit says of a unit whether it is kept. "
        "Found by maskscope (`pip install 'maskscope[hub]'`).",
        "",
        "| mask | found for | kept | unit | weights that are off |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Found on {found_on}{f', revision `{base.revision}`' if base.revision else ''}. {digest} Loading compares them.",
        "",
        "## How to load",
        "",
        "```python",
        *_loading(layout, repo_id),
        "```",
    ]
    return str(package.ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(lines) + "\n"))


def _loading(layout: Layout, repo_id: str) -> list[str]:
    model, revision = layout.base.model, layout.base.revision
    loads = [
        "from transformers import AutoModel",
        "import maskscope as ms",
        f'network = AutoModel.from_pretrained("{model}", revision="{revision}")  # or the class that the masks were found on',
    ]
    plain = ["import maskscope as ms", "network = ...  # the network that the masks were found on"]
    first, file = next(iter(layout.files.items()))
    name = "" if file == ONE else f', name="{first}"'
    return [
        *(loads if model else plain),
        f'mask = ms.from_hub("{repo_id}", network{name})',
        "outputs = ms.call_masked(network, mask, **inputs)",
    ]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
