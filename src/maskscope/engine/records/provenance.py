"""Where and with what a record was made."""

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import maskscope
from maskscope.engine.records.record import Provenance

_PACKAGES = ("torch", "numpy", "safetensors", "scipy", "numba", "triton")


def provenance(*, threads: int, device: str, seconds: Mapping[str, float]) -> Provenance:
    """The versions and the machine as they are now."""
    return Provenance(
        maskscope=version("maskscope"),
        code=code_digest(),
        versions={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES if _is_there(name)},
        machine=machine(device),
        threads=threads,
        device=device,
        seconds=dict(seconds),
    )


def _is_there(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


@cache
def code_digest() -> str:
    """Twelve hexadecimal digits over the package's source files: which code it was, also without a version control system."""
    root = Path(maskscope.__file__).parent
    result = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        result.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return result.hexdigest()[:12]


def machine(device: str = "cpu") -> dict[str, str]:
    """Processor, cores, memory, system; and the accelerator if the device is one."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "system": f"{platform.system()} {platform.machine()}"}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory"] = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    if device.startswith("cuda") and torch.cuda.is_available():  # not where other machines of a cluster have it
        found["accelerator"] = torch.cuda.get_device_name(device)
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
