"""Planted networks on disk: made once, checked whenever they are read."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.errors import FileFormatError
from maskscope.masks import BinaryMask
from maskscope.storage import Json, digest, read_tensors, write_tensors
from maskscope.studies.planted.kinds import KINDS
from maskscope.studies.planted.network import PlantedNetwork, PlantingConfig, plant
from maskscope.tasks.multiplexer import Multiplexers

# Goes up whenever the construction itself changes, so that networks of an older one are not taken for the new.
CONSTRUCTION = 2


def planted_path(cache: Path, config: PlantingConfig, seed: int) -> Path:
    """Where the network of these settings and this seed is kept."""
    return cache / f"planted-{config.kind.replace(',', '').replace(' ', '-')}-{digest(_identity(config, seed))[:16]}.safetensors"


def planted_network(cache: Path, config: PlantingConfig, seed: int) -> PlantedNetwork:
    """The planted network of these settings and this seed: read if it was made before, else made and kept.

    Raises:
        FileFormatError: the kept file is damaged, or is not this network's.
        ConfigError: none of the attempts counts.
        RunFolderError: the cache cannot be written.
    """
    path = planted_path(cache, config, seed)
    if path.exists():
        return _read(path, config, seed)
    made = plant(config, seed)
    tensors = {f"network/{name}": parameter.detach() for name, parameter in made.network.named_parameters()}
    for part, masks in (("truth", made.truth), ("territory", made.territory)):
        tensors |= {f"{part}/{function}/{name}": bits for function, mask in masks.items() for name, bits in mask.items()}
    metadata: Json = {
        "identity": _identity(config, seed),
        "magnitude_f1": dict(made.magnitude_f1),
        "gradient_f1": dict(made.gradient_f1),
        "steps": made.steps,
        "rejected": dict(made.rejected),
    }
    write_tensors(path, tensors, kind="planted", metadata=metadata)
    return made


def _read(path: Path, config: PlantingConfig, seed: int) -> PlantedNetwork:
    tensors, metadata = read_tensors(path, kind="planted")
    if metadata.get("identity") != _identity(config, seed):
        raise FileFormatError(f"{path} holds a planted network of other settings than its name says. Delete it and run again.")
    kind = KINDS[config.kind]
    task = kind.task()
    network = kind.network(task, config.hidden)
    _require_all(path, network, task, tensors, metadata)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(tensors[f"network/{name}"])
    return PlantedNetwork(
        network,
        task,
        _masks(tensors, "truth", task),
        _masks(tensors, "territory", task),
        metadata["magnitude_f1"],
        metadata["gradient_f1"],
        metadata["steps"],
        metadata["rejected"],
    )


def _require_all(path: Path, network: nn.Module, task: Multiplexers, tensors: Mapping[str, Tensor], metadata: Json) -> None:
    """Raises `FileFormatError` unless a file has what `planted_network` writes: the right checksum says nothing of that."""
    parameters = dict(network.named_parameters())
    expected = {f"network/{name}": (parameter.shape, parameter.dtype) for name, parameter in parameters.items()}
    masks = [f"{part}/{function}" for part in ("truth", "territory") for function in task.functions]
    masked = [name for name in parameters if f"{masks[0]}/{name}" in tensors]
    expected |= {f"{mask}/{name}": (parameters[name].shape, torch.bool) for mask in masks for name in masked}
    found = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    of_functions = all(isinstance(metadata.get(name), dict) for name in ("magnitude_f1", "gradient_f1", "rejected"))
    if found != expected or not masked or not of_functions or not isinstance(metadata.get("steps"), int):
        raise FileFormatError(f"{path} does not hold what a planted network is made of. Delete it and run again.")


def _masks(tensors: Mapping[str, Tensor], part: str, task: Multiplexers) -> dict[str, BinaryMask]:
    masks = {}
    for function in task.functions:
        prefix = f"{part}/{function}/"
        masks[function] = BinaryMask({key.removeprefix(prefix): bits for key, bits in tensors.items() if key.startswith(prefix)})
    return masks


def _identity(config: PlantingConfig, seed: int) -> Json:
    return {"construction": CONSTRUCTION, "config": asdict(config), "seed": seed}
