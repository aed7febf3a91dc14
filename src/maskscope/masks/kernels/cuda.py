"""The passes on CUDA devices: calls the programs of `triton_loops.py` and `triton_soft_loops.py` with tensors.

On CPUs, they run in Triton's interpreter. Not yet run on a device: CI has the interpreter (TRITON_INTERPRET=1, set before triton
is first imported), which tells whether the bits are right, and nothing of speed.
"""

from functools import cache
from typing import Any, final

import torch
from jaxtyping import Float32, Int32, Int64, UInt8
from torch import Tensor

from maskscope.masks.kernels.exact import as_integers
from maskscope.masks.kernels.gate_laws import GateLaw, LogisticSlope, SignGate, SoftGate, TableSlope
from maskscope.masks.kernels.passes import Address, Kernels, add_straight_gradient
from maskscope.masks.kernels.reference import ReferenceKernels
from maskscope.masks.kernels.threshold import threshold_table

# Four weights for each thread: a float32 access is then 16 bytes, and all accesses of a program have one layout (except float64).
# With more, Triton chooses different layouts for the gates' bytes and the copies, and moves each row through shared memory.
BLOCK = 1024
# Options for the compiler; the interpreter has none. Unsigned words wrap on purpose, which Triton's debug mode would report;
# Triton 3.9 warns if enable_fp_fusion is not set.
_OPTIONS = {"num_warps": 8, "sanitize_overflow": False, "enable_fp_fusion": False}


@final
class CudaKernels(Kernels):
    """Programs compiled by Triton, at first use of each combination of dtypes and rows; Triton stores them on disk.

    Memory accesses are up to 16 bytes wide if ``n`` is a multiple of 16, else one element.

    Args:
        step: the two words of the number of the step, the low one first, on the device. The passes read it in place of that of
            their address. A recorded graph (torch.cuda.graph) repeats the arguments of a pass, so that its draws would be the
            same in every replay; what this tensor holds may change. None: the step of the address.

    Raises:
        ImportError: Triton is not installed, or does not work on the device at hand (`require_working`).
    """

    name = "cuda"

    def __init__(self, step: Int32[Tensor, "2"] | None = None) -> None:
        from maskscope.masks.kernels import triton_loops, triton_soft_loops

        self._loops, self._soft = triton_loops, triton_soft_loops
        self._step = None if step is None else (step[:1], step[1:])
        if step is None and torch.cuda.is_available():
            require_working(self, torch.device("cuda"))

    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """See `Kernels.open_gates`."""
        given = (logits, _thresholds(logits.device), *self._words(at), gates, logits.numel())
        _launch(self._loops.open_gates, logits, *given, SAMPLES=samples)

    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """See `Kernels.copy_open`."""
        given = (as_integers(weights), gates, first_sample, as_integers(out), weights.numel(), out.stride(0))
        _launch(self._loops.copy_open, weights, *given, ROWS=out.shape[0])

    def draw_masked(
        self, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, gates: UInt8[Tensor, " n"], out: Tensor
    ) -> None:
        """See `Kernels.draw_masked`."""
        given = (logits, as_integers(weights), _thresholds(logits.device), *self._words(at))
        into = (gates, as_integers(out), logits.numel(), out.stride(0))
        _launch(self._loops.draw_masked, logits, *given, *into, ROWS=out.shape[0])

    def copy_soft(
        self, law: SoftGate, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """See `Kernels.copy_soft`."""
        given = (logits, weights, 1 / law.temperature, *law.bounds, law.low, law.span, *self._words(at))
        which = {"FIRST": first_sample, "ROWS": out.shape[0], "DRAWN": law.drawn}
        _launch(self._soft.copy_soft, logits, *given, out, logits.numel(), out.stride(0), **which)

    def add_gradient(
        self,
        law: GateLaw,
        logits: Float32[Tensor, " n"],
        weights: Tensor,
        gates: UInt8[Tensor, " n"],
        gradients: Tensor,
        at: Address,
        *,
        first_sample: int,
        scale: float,
        out: Float32[Tensor, " n"],
    ) -> None:
        """See `Kernels.add_gradient`."""
        rows, into = gradients.shape[0], (scale, out, logits.numel(), gradients.stride(0))
        match law:
            case TableSlope():
                given = (logits, weights, gates, gradients, *_slopes(law, logits.device), first_sample)
                _launch(self._loops.add_table_gradient, logits, *given, *into, ROWS=rows)
            case LogisticSlope():
                drawn = (logits, weights, gradients, 1 / law.temperature, *self._words(at))
                which = {"FIRST": first_sample, "ROWS": rows, "UNIT": law.temperature == 1}
                _launch(self._loops.add_logistic_gradient, logits, *drawn, *into, **which)
            case SoftGate():
                soft = (logits, weights, gradients, 1 / law.temperature, *law.bounds, *self._words(at))
                which = {"FIRST": first_sample, "ROWS": rows, "DRAWN": law.drawn}
                factor = scale * law.span / law.temperature
                _launch(self._soft.add_soft_gradient, logits, *soft, factor, *into[1:], **which)
            case SignGate():
                add_straight_gradient(weights, gradients, scale, out)
            case _:
                raise TypeError(f"the CUDA kernels know no gate of type {type(law).__name__}")

    def _words(self, at: Address) -> tuple[int | Tensor, ...]:
        """The words of an address, in the order of the programs' arguments."""
        first, key = _low_and_high(at.first), (_signed(at.key[0]), _signed(at.key[1]))
        return *first, *(self._step or _low_and_high(at.step)), *key, at.group


def require_working(kernels: CudaKernels, device: torch.device) -> None:
    """Runs a pass on a few weights and compares the gates with the definition.

    At its first use, Triton compiles a launcher by a C compiler, which bare machines lack; and what its own compiler makes of a
    program depends on the device.

    Raises:
        ImportError: the pass cannot be compiled or run, or gives other gates.
    """
    at, logits = Address((1, 2), (1 << 32) + 3, first=(1 << 32) - 100), torch.linspace(-30, 30, 300, dtype=torch.float32)
    expected, gates = torch.zeros(2, len(logits), dtype=torch.uint8)
    ReferenceKernels().open_gates(logits, at, 4, expected)
    try:
        on_device = gates.to(device)
        kernels.open_gates(logits.to(device), at, 4, on_device)
        found = on_device.cpu()
    except Exception as error:  # of any type: of a compiler, of a linker, of the driver
        reason = next(iter(str(error).splitlines()), "no message")
        raise ImportError(f"its first program fails: {type(error).__name__}: {reason}") from error
    if not torch.equal(found, expected):
        raise ImportError("its gates on this device are not the definition's; please report it, with the device and the versions")


def _launch(program: Any, like: Tensor, *arguments: Any, **constants: int) -> None:
    """Runs a program for all elements of ``like``, on its device; Triton alone would use the current device."""
    options = _OPTIONS if like.is_cuda else {}
    with torch.cuda.device_of(like):
        program[(-(-like.numel() // BLOCK),)](*arguments, **constants, BLOCK=BLOCK, **options)


def _low_and_high(number: int) -> tuple[int, int]:
    """The two words of a number of 64 bits."""
    return _signed(number & 0xFFFFFFFF), _signed(number >> 32)


def _signed(word: int) -> int:
    """The signed integer with the bits of an unsigned 32-bit word, so that every word is passed as int32."""
    return word - (word >> 31 << 32)


@cache
def _thresholds(device: torch.device) -> Int64[Tensor, " entries"]:
    """The table of thresholds: the low half of each word is an entry, the high half is its rise to the next entry."""
    table, rise = threshold_table(device)
    return table | rise << 32


@cache
def _slopes(law: TableSlope, device: torch.device) -> tuple[Int64[Tensor, " entries"], Int64[Tensor, " entries"]]:
    """The tables for closed and for open gates, packed like `_thresholds`; entries are float32, rises are divided by 512."""
    rises = law.tables.diff(append=law.tables[:, -1:]) / 512
    closed, opened = torch.stack([law.tables, rises], dim=-1).view(torch.int64)[..., 0].to(device)
    return closed.contiguous(), opened.contiguous()
