"""Masks on the Hugging Face Hub: up, and down again onto the network that they were found on."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from maskscope.errors import HubError
from maskscope.exchange.hub_folder import hub, hub_folder
from maskscope.exchange.hub_layout import CONFIG, ONE, PATTERNS, read_layout, read_masks
from maskscope.masks import BinaryMask

_OF_A_NEW_REPOSITORY = frozenset((".gitattributes", "README.md"))


def push_to_hub(
    masks: BinaryMask | Mapping[str, BinaryMask],
    repo_id: str,
    *,
    base_model: str | None = None,
    base_revision: str | None = None,
    license: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    commit_message: str = "Masks",
) -> str:
    """Uploads masks as one commit; masks that the repository held before are replaced, and stay in its history.

    Args:
        masks: a mask, or masks of one network by name.
        repo_id: ``USER/NAME``; it is made if it is not there.
        base_model: the id on the Hub of the network that they were found on; None if it is not there.
        base_revision: its commit, in full.
        license: of the masks, as the Hub calls it.
        private: whether a repository that is made is private; by default, as the account has it.
        token: of the account; by default, that of `hf auth login`.
        commit_message: of the commit.

    Returns:
        The address of the repository.

    Raises:
        ConfigError: see `hub_folder`.
        HubError: the repository holds something other than masks, or the Hub cannot be reached.
        MaskMismatchError: the masks were found on different networks.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    package = hub()
    with tempfile.TemporaryDirectory() as temporary:
        told = {"base_model": base_model, "base_revision": base_revision, "license": license}
        folder = hub_folder(masks, Path(temporary) / "masks", repo_id=repo_id, **told)
        with _explained(repo_id):
            address = package.create_repo(repo_id, exist_ok=True, private=private, token=token)
            there = set(package.list_repo_files(repo_id, token=token))
        if CONFIG in there:
            with _explained(repo_id):
                known = package.snapshot_download(repo_id, allow_patterns=[CONFIG], token=token)
            read_layout(Path(known), f"The repository {repo_id}")
        elif others := sorted(there - _OF_A_NEW_REPOSITORY):
            raise HubError(f"The repository {repo_id} holds something other than masks: {', '.join(others[:8])}. Name another.")
        with _explained(repo_id):
            package.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                commit_message=commit_message,
                delete_patterns=[ONE, "masks/*"],
                token=token,
            )
    return str(address)


def from_hub(
    repo_id: str,
    network: nn.Module | None = None,
    *,
    name: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
) -> BinaryMask:
    """Downloads a mask and checks that it is of a network. Only mask files are downloaded, whatever the repository holds.

    Args:
        repo_id: ``USER/NAME``.
        network: if given, the mask must have been found on it: names, shapes, dtypes and values of its weights are compared.
        name: of the mask, if the repository holds several.
        revision: a branch, tag or commit of the repository of masks; by default, its main branch.
        token: of the account; by default, that of `hf auth login`.

    Raises:
        FileFormatError: a mask file is missing, cut short or altered.
        HubError: the repository holds no masks, or several and no name was given; or the Hub cannot be reached.
        MaskMismatchError: the mask is of another network, or of another revision of it.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    folder, source = _downloaded(repo_id, revision, token)
    names = list(read_layout(folder, source).files)
    if name is None and len(names) > 1:
        raise HubError(f"{source} holds several masks: {', '.join(names)}. Give one as name=, or take all: `masks_from_hub`.")
    return next(iter(read_masks(folder, source, network, name).values()))


def masks_from_hub(
    repo_id: str, network: nn.Module | None = None, *, revision: str | None = None, token: str | bool | None = None
) -> dict[str, BinaryMask]:
    """All masks of a repository by name, as `from_hub` reads one; one mask alone is called ``mask``."""
    folder, source = _downloaded(repo_id, revision, token)
    return read_masks(folder, source, network)


def _downloaded(repo_id: str, revision: str | None, token: str | bool | None) -> tuple[Path, str]:
    package = hub()
    with _explained(repo_id):
        folder = package.snapshot_download(repo_id, revision=revision, allow_patterns=list(PATTERNS), token=token)
    return Path(folder), f"The repository {repo_id}{f' at {revision}' if revision else ''}"


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Says what the Hub said. Its errors are OSErrors, those of a name that cannot be one are ValueErrors."""
    try:
        yield
    except (OSError, ValueError, hub().errors.EntryNotFoundError) as error:
        text = " ".join(str(error).split())
        raise HubError(
            f"The Hub refused or was not reached for {repo_id!r} ({type(error).__name__}): {text[:400]} Check the name, the "
            "connection, and `hf auth login`."
        ) from error
