"""Random bits, keep thresholds and the passes over the weights: a definition in plain PyTorch, and faster kernels equal to it."""

import warnings
from functools import cache
from importlib import import_module

import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks.kernels.cpu import CpuKernels
from maskscope.masks.kernels.gate_laws import GateLaw, LogisticSlope, SignGate, SoftGate, TableSlope
from maskscope.masks.kernels.passes import SAMPLES_PER_GROUP, Address, Kernels
from maskscope.masks.kernels.reference import ReferenceKernels
from maskscope.masks.kernels.widened import WidenedKernels

__all__ = [
    "KERNELS",
    "SAMPLES_PER_GROUP",
    "Address",
    "CpuKernels",
    "GateLaw",
    "Kernels",
    "LogisticSlope",
    "ReferenceKernels",
    "SignGate",
    "SlowKernelsWarning",
    "SoftGate",
    "TableSlope",
    "WidenedKernels",
    "make_kernels",
]
KERNELS = ("auto", "cpu", "cuda", "reference")


class SlowKernelsWarning(UserWarning):
    """The compiled kernels cannot be used, so plain PyTorch is used instead: the same masks, about ten times slower."""


def make_kernels(device: torch.device, name: str = "auto", logits: torch.dtype = torch.float32) -> Kernels:
    """The kernels for a device.

    Args:
        device: the device of the weights.
        name: ``auto`` for the fastest kernels that are installed, with one warning if that is plain PyTorch, because a package
            is missing or does not work here; ``reference`` for plain PyTorch; ``cpu`` or ``cuda`` for those kernels.
        logits: the dtype of the logits: float32, or bfloat16 for a lean search.

    Raises:
        UnknownNameError: there are no kernels with this name.
        ConfigError: they do not run on this device, or a package that they need is not installed.
    """
    if name not in KERNELS:
        raise UnknownNameError("kernels", name, KERNELS)
    kernels = _made(device, name)
    return kernels if logits == torch.float32 else WidenedKernels(kernels)


@cache
def _made(device: torch.device, name: str) -> Kernels:
    if name == "reference":
        return ReferenceKernels()
    if name != "auto" and device.type != name:
        raise ConfigError(f"The kernels {name!r} run on {name} devices; the network is on {device}. Leave kernels at 'auto'.")
    try:
        return _compiled(device.type)
    except ImportError as error:
        cure = f"{error}. Plain PyTorch gives the same masks, about ten times slower"
        if name != "auto":
            raise ConfigError(f"The kernels {name!r} cannot be used: {cure}: kernels='reference'.") from error
        warnings.warn(f"the compiled kernels cannot be used: {cure}", SlowKernelsWarning, stacklevel=4)
        return ReferenceKernels()


def _compiled(device_type: str) -> Kernels:
    package, kernels = {"cpu": ("numba", "cpu.CpuKernels"), "cuda": ("triton", "cuda.CudaKernels")}.get(device_type, ("", ""))
    if not package:
        raise ImportError(f"there are none for devices of type {device_type}")
    try:
        module, name = kernels.split(".")
        found: Kernels = getattr(import_module(f"maskscope.masks.kernels.{module}"), name)()
    except ModuleNotFoundError as error:
        raise ImportError(f"{package} is missing or broken ({error}); pip install {package}") from error
    except ImportError as error:
        raise ImportError(f"{package} cannot work here ({error})") from error
    return found
