"""Weights as others store them: a safetensors file, or a ``from_pretrained`` folder, in one file or in several."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from maskscope.errors import FileFormatError
from maskscope.storage import read_plain_json

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class WeightFiles:
    """Where weights are stored.

    Args:
        root: the file or the folder that was named.
        stored: the file of each tensor, by the name that it has there.
        tied: names that are tied to another, with that name, as safetensors notes them.
    """

    root: Path
    stored: Mapping[str, Path]
    tied: Mapping[str, str]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, each once."""
        return tuple(dict.fromkeys(self.stored.values()))

    @property
    def is_folder(self) -> bool:
        """Whether it is a ``from_pretrained`` folder."""
        return self.root.is_dir()

    def read(self, name: str) -> Tensor:
        """A tensor by its stored name."""
        with _opened(self.stored[name]) as file:
            tensor: Tensor = file.get_tensor(name)
            return tensor

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor, without reading one."""
        found: dict[str, tuple[int, ...]] = {}
        for path in self.files:
            with _opened(path) as file:
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # no mapping
        return found


def find_weights(root: Path) -> WeightFiles:
    """Looks which tensors a file or a folder holds.

    Args:
        root: a safetensors file, or a folder that ``save_pretrained`` wrote.

    Raises:
        FileFormatError: it is missing, holds no safetensors, or one that is cut short.
    """
    files = _files_of(root) if root.is_dir() else [root]
    stored: dict[str, Path] = {}
    tied: dict[str, str] = {}
    for path in files:
        with _opened(path) as file:
            stored |= dict.fromkeys(file.keys(), path)
            tied |= file.metadata() or {}
    return WeightFiles(root, stored, {alias: name for alias, name in tied.items() if name in stored})


def metadata_of(path: Path) -> dict[str, str]:
    """What stands in the header of a safetensors file beside its tensors."""
    with _opened(path) as file:
        return file.metadata() or {}


def _files_of(folder: Path) -> list[Path]:
    if (folder / _INDEX).exists():
        index = read_plain_json(folder / _INDEX)
        names = set(index["weight_map"].values()) if _is_index(index) else set()
        if not names or any(Path(name).name != name for name in names):
            raise FileFormatError(f"{folder / _INDEX} does not say which files of this folder hold which weights.")
        return [folder / name for name in sorted(names)]
    if (folder / _WHOLE).exists():
        return [folder / _WHOLE]
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:12]) or "nothing"
    raise FileFormatError(
        f"{folder} holds no {_WHOLE}; found: {there}. Weights are read from safetensors only, which hold no code: load "
        "the network in Python and write it with `save_pretrained`, or use `maskscope.export`."
    )


def _is_index(found: Any) -> bool:
    weight_map = found.get("weight_map") if isinstance(found, dict) else None
    return isinstance(weight_map, dict) and all(isinstance(name, str) for name in weight_map.values())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise FileFormatError(f"There is no file {path}; a safetensors file or a `from_pretrained` folder was expected.")
    try:
        file = safetensors.safe_open(path, framework="pt")
    except (safetensors.SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} is no safetensors file, or it is cut short: {error}.") from error
    with file as opened:
        yield opened
