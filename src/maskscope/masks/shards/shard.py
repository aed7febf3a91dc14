"""Which part of each weight this process has, if processes share a network; and which networks they share in a way we know.

The way we know is FSDP2 (`torch.distributed.fsdp.fully_shard`) over one dimension of processes: every weight is a DTensor that is
cut along its first dimension, in chunks as `torch.chunk` makes them. So the part of a process is one range of the weight's
row-major elements, perhaps an empty one, and the random draws of its mask are those of that range (`kernels/counter.py`).
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import GuestError, SelectionError
from maskscope.masks.shards.processes import Processes


@dataclass(frozen=True)
class Shard:
    """The part of a weight that this process has.

    Args:
        name: the weight's dotted name.
        shape: of the whole weight.
        begin: the row-major index in it of the first element of the part.
        local_shape: of the part; its first size may be 0.
    """

    name: str
    shape: tuple[int, ...]
    begin: int
    local_shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of elements of the part."""
        return torch.Size(self.local_shape).numel()


def fsdp_modules(network: nn.Module) -> list[Any]:
    """The modules that `fully_shard` was called on, outermost first; empty without importing anything if there are none."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    return [] if kind is None else [module for module in network.modules() if isinstance(module, kind)]


def is_shard(tensor: Tensor) -> bool:
    """Whether a tensor is a DTensor: a part of it is here, and others are in other processes."""
    kind = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return kind is not None and isinstance(tensor, kind)


def is_sharded(network: nn.Module) -> bool:
    """Whether processes share the weights of a network; also while FSDP2 has gathered them for a call."""
    return bool(fsdp_modules(network)) or any(is_shard(parameter) for parameter in network.parameters())


def reshard(network: nn.Module) -> None:
    """Lets FSDP2 drop weights that it has gathered.

    The danger that this averts: FSDP2 keeps those of the root after a forward pass, for the backward pass. Another forward pass
    would use them again, and would not see what was written into the shards since: it would be silently unmasked.
    """
    for module in fsdp_modules(network):
        module.reshard()


def parameters_of(network: nn.Module) -> dict[str, Any]:
    """The parameters by canonical dotted name, each as the part that this process has (a DTensor)."""
    reshard(network)
    return dict(network.named_parameters())


def shard_fault(parameter: Any) -> str | None:
    """Why a DTensor cannot be masked, as the end of a sentence; None if it can."""
    from torch.distributed.tensor import Shard as Cut

    placements = tuple(parameter.placements)
    if len(placements) != 1 or type(placements[0]) is not Cut or placements[0].dim != 0:
        return (
            f"is placed as {placements} over a mesh of {parameter.device_mesh.ndim} dimensions: only fully_shard over one "
            "dimension of processes is supported, placed as (Shard(dim=0),); no tensor parallel, no replicas (HSDP)"
        )
    local = parameter.to_local()
    if local.is_meta:
        return "is on the meta device and has no values: call network.to_empty(...) and load the weights first"
    if not local.is_contiguous() or local.is_quantized or type(local) is not Tensor:
        return f"has a local part that is no plain contiguous tensor ({type(local).__name__})"
    return None


def foreign_fault(network: nn.Module) -> str | None:
    """Why a network that another library shards cannot be searched, as the end of a sentence; None if none does."""
    for name, module in network.named_modules():
        kind = type(module).__name__
        if kind == "FullyShardedDataParallel":
            return f"is sharded by the older FSDP ({name or 'itself'}): shard it with torch.distributed.fsdp.fully_shard"
        if kind in ("DeepSpeedEngine", "PipelineEngine"):
            return "is a DeepSpeed engine: pass its module, and shard it with torch.distributed.fsdp.fully_shard"
    held = next((name for name, parameter in network.named_parameters() if hasattr(parameter, "ds_id")), None)
    if held is not None:
        return f"has weights that DeepSpeed shares ({held}): shard the network with torch.distributed.fsdp.fully_shard instead"
    return None


def shards_of(network: nn.Module, names: Iterable[str]) -> dict[str, Shard]:
    """The parts that this process has of some weights of a sharded network, by dotted name.

    Raises:
        SelectionError: one is not sharded, or in a way that is not supported.
    """
    parameters, found, faults = parameters_of(network), {}, []
    for name in names:
        parameter = parameters[name]
        if not is_shard(parameter):
            faults.append(f"{name} is not sharded (ignored_params?), and FSDP does not add up its gradient: exclude it")
        elif fault := shard_fault(parameter):
            faults.append(f"{name} {fault}")
        else:
            found[name] = _shard(name, parameter)
    if faults:
        raise SelectionError("These weights cannot be masked by several processes:\n  " + "\n  ".join(faults))
    return found


def locals_of(network: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """The live memory of this process's parts of some weights; what is written into it is what the next call uses."""
    parameters = parameters_of(network)
    with torch.no_grad():
        return {name: parameters[name].to_local().detach() for name in names}


def processes_of(network: nn.Module, names: Iterable[str]) -> Processes:
    """The processes that share some weights.

    Raises:
        SelectionError: not all of the weights are shared by the same processes.
    """
    parameters = parameters_of(network)
    meshes = {name: parameters[name].device_mesh for name in names}
    first, mesh = next(iter(meshes.items()))
    other = next((name for name, one in meshes.items() if one != mesh), None)
    if other is not None:
        raise SelectionError(f"{first} and {other} are sharded over different meshes; one for all selected weights was expected.")
    local = parameters[first].to_local()
    uses_cpu = mesh.device_type == "cpu"
    return Processes(
        mesh.get_local_rank(), mesh.size(), torch.device("cpu") if uses_cpu else _mesh_device(mesh, local), mesh.get_group()
    )


def _mesh_device(mesh: Any, local: Tensor) -> torch.device:
    """The accelerator of this process: that of its weights, or the current one where these are kept on the CPU."""
    if local.device.type == mesh.device_type:
        return local.device
    return torch.device(mesh.device_type, torch.get_device_module(mesh.device_type).current_device())


def _shard(name: str, parameter: Any) -> Shard:
    mesh, shape, local = parameter.device_mesh, tuple(parameter.shape), tuple(parameter.to_local().shape)
    rank, rows = mesh.get_local_rank(), shape[0]
    chunk = -(-rows // mesh.size())  # as torch.chunk divides
    first = min(rank * chunk, rows)
    expected = (min(chunk, rows - first), *shape[1:])
    if local != expected:
        raise GuestError(
            f"{name}: this process has {list(local)} of {list(shape)}; {list(expected)} was expected of process {rank} of "
            f"{mesh.size()}. It was sharded in a way that is not supported."
        )
    return Shard(name, shape, first * torch.Size(shape[1:]).numel(), local)


def refuse_sharded(network: nn.Module, verb: str, instead: str) -> None:
    """Raises `GuestError` if processes share the network: a call with replaced weights would silently use the unmasked ones."""
    if is_sharded(network):
        raise GuestError(
            f"The weights of this {type(network).__name__} are shared by several processes (fully_shard), and {verb} cannot "
            f"replace them: {instead}."
        )
