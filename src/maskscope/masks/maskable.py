"""Which parameters can be masked: dense, real, with values, and no two that share memory."""

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils import _python_dispatch

from maskscope.masks.shards.shard import foreign_fault, is_shard, shard_fault

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def unmaskable(parameters: Mapping[str, nn.Parameter], chosen: Iterable[str]) -> list[str]:
    """The reasons why some of the chosen parameters cannot be masked, one sentence for each; empty if all can.

    Args:
        parameters: all parameters of the network, by dotted name; those that are not chosen may be anything.
        chosen: the names of the parameters to mask.
    """
    chosen = list(chosen)
    faults = [f"{name} {fault}" for name in chosen if (fault := _fault(parameters[name]))]
    return faults or _shared(parameters, set(chosen))


def wrapped(network: nn.Module) -> str | None:
    """Why a network of this kind cannot be masked, with what to pass instead; None if it can."""
    kind = type(network).__name__
    if kind == "OptimizedModule":
        return "is compiled, and would not see masked weights: pass network._orig_mod, the module that was compiled"
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return f"is wrapped in {kind}, which copies weights to several devices: pass network.module"
    if isinstance(network, torch.jit.ScriptModule):
        return "is a TorchScript module, whose weights cannot be replaced for a call: pass the module that it was made from"
    if fault := foreign_fault(network):
        return fault
    quantised = next((name or "itself" for name, module in network.named_modules() if _is_quantised(module)), None)
    if quantised is not None:
        return (
            f"has quantised layers ({quantised}), whose weights are whole numbers: pass the network as it was before that "
            "(float16, bfloat16, float32 or float64)"
        )
    return None


def _is_quantised(module: nn.Module) -> bool:
    home = type(module).__module__
    return "quantized" in home.split(".") or home.startswith("bitsandbytes.")


def is_uninitialised(tensor: Tensor) -> bool:
    """Whether it belongs to a lazy layer and has no shape before the first call."""
    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def is_plain(tensor: Tensor) -> bool:
    """Whether it is an ordinary strided tensor: not sparse, quantised, wrapped, lazy or without values."""
    return not (
        is_uninitialised(tensor)
        or _is_wrapper(tensor)
        or tensor.layout is not torch.strided
        or tensor.is_quantized
        or tensor.is_meta
    )


def is_packed(tensor: Tensor) -> bool:
    """Whether its elements fill a contiguous range of memory, each once, in any order of the dimensions."""
    expected = 1
    if not tensor.numel():
        return True
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def overlaps_itself(tensor: Tensor) -> bool:
    """Whether several of its elements are at the same memory address, as after ``expand``."""
    if is_packed(tensor) or not tensor.numel():
        return False
    if any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True)):
        return True
    places = torch.zeros(reach(tensor), dtype=torch.bool, device="cpu")
    places.as_strided(tensor.shape, tensor.stride()).fill_(True)
    return int(torch.count_nonzero(places)) < tensor.numel()


def untrainable(parameter: Tensor) -> str | None:
    """Why our optimizers cannot update a parameter in place, as the end of a sentence; None if they can."""
    if is_uninitialised(parameter):
        return None  # it will be dense when it has a gradient
    if parameter.is_meta:
        return "is on the meta device and has no values: load the weights first"
    if parameter.layout is not torch.strided:
        return "is sparse: replace it by its to_dense(), or freeze it (requires_grad_(False))"
    if overlaps_itself(parameter):
        return "has several elements at one memory address (after expand?): replace it by its contiguous(), or freeze it"
    return None


def _is_wrapper(tensor: Tensor) -> bool:
    """Whether its class stores its values in other tensors, as quantised and sharded weights do."""
    return bool(_python_dispatch.is_traceable_wrapper_subclass(tensor))


def _fault(parameter: nn.Parameter) -> str | None:
    if is_uninitialised(parameter):
        return "is not initialised yet: run the network once on an example first"
    if parameter.is_meta:
        return "is on the meta device and has no values: load the weights first"
    if is_shard(parameter):
        return shard_fault(parameter)
    if _is_wrapper(parameter):
        return f"is a {type(parameter).__name__}, not a plain tensor: exclude it, or replace it by its values"
    if parameter.layout is not torch.strided:
        kind = str(parameter.layout).removeprefix("torch.")
        return f"is sparse ({kind}); only dense weights can be masked: exclude it, or replace it by its to_dense()"
    if parameter.dtype not in DTYPES:
        dtype = str(parameter.dtype).removeprefix("torch.")
        return (
            f"is {dtype}; only real floating-point weights can be masked (float16, bfloat16, float32, float64): exclude it, or "
            "convert it"
        )
    if overlaps_itself(parameter):
        return "has several elements at one memory address (after expand?): replace it by its contiguous(), or exclude it"
    return None


def _shared(parameters: Mapping[str, nn.Parameter], chosen: set[str]) -> list[str]:
    """Faults of different parameters that share memory: if one were masked, the other would still use the unmasked values."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for name, parameter in parameters.items():
        if is_plain(parameter) and parameter.numel():
            start = int(parameter.storage_offset()) * parameter.itemsize
            end = start + reach(parameter) * parameter.itemsize
            spans.setdefault(parameter.untyped_storage().data_ptr(), []).append((start, end, name))
    return [
        f"{first} and {second} are different parameters over the same memory: clone one of them, or exclude both"
        for group in spans.values()
        for first, second in _crossing(sorted(group))
        if (first in chosen or second in chosen) and have_common(parameters[first], parameters[second])
    ]


def _crossing(spans: list[tuple[int, int, str]]) -> Iterator[tuple[str, str]]:
    """The pairs of names whose ranges of memory overlap."""
    open_spans: list[tuple[int, str]] = []
    for start, end, name in spans:
        open_spans = [(until, other) for until, other in open_spans if until > start]
        yield from ((other, name) for _, other in open_spans)
        open_spans.append((end, name))


def have_common(first: Tensor, second: Tensor) -> bool:
    """Whether two views of one storage share a byte. Ranges that overlap need not: columns of one matrix do not."""
    starts = [tensor.storage_offset() * tensor.itemsize for tensor in (first, second)]
    low = min(starts)
    unit = math.gcd(first.itemsize, second.itemsize, max(starts) - low)
    places = [
        (
            (*tensor.shape, tensor.itemsize // unit),
            (*(stride * tensor.itemsize // unit for stride in tensor.stride()), 1),
            (start - low) // unit,
        )
        for tensor, start in zip((first, second), starts, strict=True)
    ]
    ends = [start + reach(tensor) * tensor.itemsize for tensor, start in zip((first, second), starts, strict=True)]
    marks = torch.zeros((max(ends) - low) // unit, dtype=torch.bool, device="cpu")
    shape, strides, offset = places[0]
    once = [0 if stride else 1 for stride in strides]  # an address is marked once, also if many elements are there
    shape = tuple(1 if single else size for single, size in zip(once, shape, strict=True))
    marks.as_strided(shape, strides, offset).fill_(True)
    return bool(marks.as_strided(*places[1]).any())


def reach(tensor: Tensor) -> int:
    """The length of the range from the first element to the last, in elements."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
