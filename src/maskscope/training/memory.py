"""What finding masks needs of memory, known before it begins: an error then is better than a killed process later."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from maskscope.errors import OutOfMemoryError
from maskscope.masks import Selection
from maskscope.masks.executors import working_bytes
from maskscope.training.mask_config import Compute


@dataclass(frozen=True)
class Need:
    """Bytes, what they are for, and what lowers them."""

    bytes: int
    what: str
    cure: str


def needs(
    selection: Selection, compute: Compute, device: torch.device, *, samples: int, masks: int, biggest_itemsize: int = 4
) -> list[Need]:
    """What `discover_many` allocates above the frozen network and the activations of one call.

    Args:
        selection: the weights that are masked.
        compute: how the work is done.
        device: where.
        samples: S.
        masks: found together.
        biggest_itemsize: bytes of a weight.
    """
    count = selection.count
    itemsize = 2 if compute.dtype == "bfloat16" else biggest_itemsize
    shapes = [weight.shape for weight in selection.weights]
    working = working_bytes(compute.executor, shapes, device, rows=masks * min(samples, 8), itemsize=itemsize)
    exclude = "select fewer weights (exclude=...)"
    found = [
        Need(4 * count * masks, "logits", exclude),
        Need(4 * count * masks, "their gradient", exclude),
        Need(8 * count * masks, "two moments of Adam", f"{exclude}, or fewer masks at once" if masks > 1 else exclude),
        Need(count * masks, "gates", exclude),
        Need(working, "masked copies and weight gradients in work", "lower samples_per_step, or Compute(dtype='bfloat16')"),
    ]
    if compute.dtype == "bfloat16":
        found.append(Need(2 * count, "the weights in bfloat16", "Compute(dtype='weight')"))
    return found


def check_memory(wanted: Sequence[Need], device: torch.device) -> None:
    """Compares needs with what is there.

    Raises:
        OutOfMemoryError: says how much is needed for what, and what lowers it.
    """
    there = available_bytes(device)
    if there is not None and sum(need.bytes for need in wanted) > there:
        raise OutOfMemoryError(_message(wanted, device, there))


@contextmanager
def said_on_failure(wanted: Sequence[Need], device: torch.device) -> Iterator[None]:
    """Turns torch's own error of memory inside the block into one that says what is needed for what.

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
    """Memory that can still be taken; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    listing = Path("/proc/meminfo")
    if device.type != "cpu" or not listing.exists():
        return None
    for line in listing.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None
