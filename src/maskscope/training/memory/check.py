"""The memory that a search needs, checked before it starts: an error then is better than a killed process later."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from maskscope.errors import OutOfMemoryError
from maskscope.masks import SAMPLES_PER_GROUP, Selection
from maskscope.masks.executors import working_bytes
from maskscope.masks.maskable import is_uninitialised
from maskscope.masks.selection import aliases
from maskscope.training.mask_config import Compute


@dataclass(frozen=True)
class Need:
    """A need of memory: the bytes, what they are for, and what lowers them."""

    bytes: int
    what: str
    cure: str


def needs(
    network: nn.Module,
    selection: Selection,
    compute: Compute,
    device: torch.device,
    *,
    samples: int,
    masks: int,
    checks: bool = True,
) -> list[Need]:
    """The memory that `discover_many` allocates in addition to the frozen network and the activations of one call.

    Args:
        network: the network whose weights are masked.
        selection: the weights that are masked.
        compute: how the computation is done.
        device: the device of the network.
        samples: S, the number of samples in a step.
        masks: the number of masks that are found together.
        checks: whether it is checked first that masking works.
    """
    count, logits = selection.count, selection.unit_count
    exclude = "select fewer weights (exclude=...)"
    rows = masks * min(samples, SAMPLES_PER_GROUP)
    weights = selection.of(network)
    itemsizes = {name: compute.of_copies(weight).itemsize for name, weight in weights.items()}
    lean = "Compute(state='lean')"
    full, more = not compute.is_lean, ", or fewer masks at once" if masks > 1 else ""
    moments = (8 if full else 2) * logits * masks
    whole, others, tied = _of_network(network, set(weights))
    found = [
        Need((4 if full else 2) * logits * masks, "logits", f"{lean}, or {exclude}" if full else exclude),
        Need(4 * logits * masks, "their gradient", exclude),
        Need(
            moments,
            "two moments of Adam" if full else "their second moments",
            f"{f'{lean}, or ' if full else ''}{exclude}{more}",
        ),
        Need(count * masks, "gates", exclude),
        Need(
            working_bytes(compute.executor, network, itemsizes, device, rows),
            "masked copies and weight gradients in work",
            "Compute(executor='sequential'), lower samples_per_step, or Compute(dtype='bfloat16')",
        ),
        Need(others + tied, "copies of what is not masked, and second gradients of tied weights", "a smaller network"),
    ]
    # the check holds two copies of the network when there are no moments yet
    beyond = 2 * whole - moments - max(itemsizes[name] * weight.numel() for name, weight in weights.items())
    if checks and beyond > 0:
        found.append(Need(beyond, "the check before the first step, beyond the moments", "check=False"))
    if compute.dtype == "bfloat16":
        found.append(Need(2 * count, "the weights in bfloat16", "Compute(dtype='weight')"))
    if device.type == "cpu":
        # Measured on GPT-2 with 12 layers: the forecast is 4 % below the peak with it, 12 % without (docs/scale.md). Where every
        # block has pages of its own, there is none of it, and a step takes longer.
        unused = sum(need.bytes for need in found) // 10
        found.append(
            Need(unused, "what the C library keeps between blocks in use", "MALLOC_MMAP_THRESHOLD_=262144 in the environment")
        )
    return found


def _of_network(network: nn.Module, masked: set[str]) -> tuple[int, int, int]:
    """Bytes of all tensors of a network; of those that are not masked, which each call copies; and of tied masked weights."""
    parameters = dict(network.named_parameters())
    sizes = {name: _bytes_of(one) for name, one in parameters.items()}
    whole = sum(sizes.values()) + sum(map(_bytes_of, network.buffers()))
    names = aliases(network)
    tied = sum(size * (len(names[name]) - 1) for name, size in sizes.items() if name in masked)
    return whole, whole - sum(sizes[name] for name in masked), tied


def _bytes_of(tensor: torch.Tensor) -> int:
    """What a tensor takes; a sparse one has, beside its values, a place of 8 bytes for each of its dimensions."""
    if is_uninitialised(tensor):
        return 0
    return tensor.nbytes if tensor.layout == torch.strided else tensor._nnz() * (tensor.element_size() + 8 * tensor.dim())


def check_memory(wanted: Sequence[Need], device: torch.device) -> None:
    """Compares the needs with the available memory.

    Raises:
        OutOfMemoryError: there is too little; the message says how much is needed, for what, and what lowers it.
    """
    there = available_bytes(device)
    if there is not None and sum(need.bytes for need in wanted) > there:
        raise OutOfMemoryError(_message(wanted, device, there))


@contextmanager
def said_on_failure(wanted: Sequence[Need], device: torch.device) -> Iterator[None]:
    """Turns torch's own out-of-memory error inside the ``with`` block into one that says how much is needed, and for what.

    Raises:
        OutOfMemoryError: an allocation failed.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemoryError(_message(wanted, device, available_bytes(device))) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise OutOfMemoryError(_message(wanted, device, available_bytes(device))) from error


def _message(wanted: Sequence[Need], device: torch.device, there: int | None) -> str:
    total = sum(need.bytes for need in wanted) / 2**30
    free = f", and {there / 2**30:.2f} GiB are free on {device}" if there is not None else ""
    rows = "\n  ".join(f"{need.bytes / 2**30:8.2f} GiB  {need.what}; lowered by: {need.cure}" for need in wanted)
    return f"There is not enough memory. This needs {total:.2f} GiB above the network and its activations{free}:\n  {rows}"


def available_bytes(device: torch.device) -> int | None:
    """The available memory in bytes; None if the system does not tell."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch keeps it to reuse it
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    listing = Path("/proc/meminfo")
    if device.type != "cpu" or not listing.exists():
        return None
    lines = listing.read_text().splitlines()
    machine = next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)
    limits = [limit for limit in (machine, _container_bytes()) if limit is not None]
    return min(limits) if limits else None


def _container_bytes() -> int | None:
    """The memory that is left within the limit of a container (cgroup v2); None if there is no limit."""
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not limit.exists() or not used.exists():
        return None
    most = limit.read_text().strip()
    return max(0, int(most) - int(used.read_text())) if most.isdigit() else None
