"""The passes on CPUs: calls the loops of `loops.py` with tensors, on as many threads as torch uses."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import BFloat16, Float, Float32, UInt8
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks.kernels.exact import as_integers, weight_times_value
from maskscope.masks.kernels.gate_laws import GateLaw, LogisticSlope, SignGate, SoftGate, TableSlope
from maskscope.masks.kernels.passes import Address, Kernels, add_straight_gradient
from maskscope.masks.kernels.reference import ReferenceKernels
from maskscope.masks.kernels.threshold import threshold_table

_LOW = 0xFFFFFFFF
_NOTHING = np.empty(0, np.int32)  # weights and copies where only gates are drawn; of the type that most networks have


@final
class CpuKernels(Kernels):
    """Loops compiled by numba, without a C compiler; they are compiled at first use and stored on disk.

    Raises:
        ImportError: numba is not installed, or does not work with its settings in the environment.
    """

    name = "cpu"

    def __init__(self) -> None:
        from maskscope.masks.kernels import compiler, logistic_loops, loops, rounding_loops, soft_loops

        self._loops, self._logistic, self._soft, self._rounding = loops, logistic_loops, soft_loops, rounding_loops
        self._on_threads = compiler.on_threads
        threads = torch.get_num_threads()
        try:
            # starts numba's threads, which resets torch's number of threads to all cores
            compiler.on_threads(threads, torch.set_num_threads, threads)
        except (ValueError, RuntimeError) as error:
            what = str(error).partition("\n")[0].rstrip(".")
            raise ImportError(f"{what}: see NUMBA_NUM_THREADS and NUMBA_THREADING_LAYER in the environment") from error

    def prepare(self, law: GateLaw, dtypes: Iterable[tuple[torch.dtype, torch.dtype]], say: Callable[[str], object]) -> None:
        """See `Kernels.prepare`: runs every pass on a few weights, and compares gates and gradient with the definition.

        Raises:
            ConfigError: they differ: the compiled code on disk is of another version. Numba checks only date and size of a file.
        """
        began = time.perf_counter()
        folder = self._loops.draw_masked.stats.cache_path
        if not self._is_kept():
            say(f"compiling the kernels for this processor, {f'once, into {folder}' if folder else 'at every start'} ...")
        at, logits = Address((1, 2), (1 << 32) + 3, first=(1 << 32) - 100), torch.linspace(-30, 30, 300, dtype=torch.float32)
        for of_weights, of_copies in dtypes:
            weights, copied = torch.linspace(-1, 1, 300, dtype=of_weights), torch.linspace(-1, 1, 300, dtype=of_copies)
            found = [self._sample_of_work(kernels, law, logits, weights, copied, at) for kernels in (self, ReferenceKernels())]
            (bits, numbers), (wanted_bits, wanted) = found
            same = all(torch.equal(mine, theirs) for mine, theirs in zip(bits, wanted_bits, strict=True))
            # soft copies of 16 bits have 8 or 11 binary digits
            close = [1e-2 if of_copies.itemsize == 2 else 1e-3, 1e-3]
            near = [
                torch.allclose(mine, theirs, rtol=rtol, atol=1e-3)
                for mine, theirs, rtol in zip(numbers, wanted, close, strict=True)
            ]
            if not same or not all(near):
                raise ConfigError(
                    f"The compiled kernels do not do what this version defines. Delete {folder}, from where they were loaded, or "
                    "take kernels='reference'."
                )
        seconds = time.perf_counter() - began
        if seconds > 2:
            say(f"compiled the kernels in {seconds:.0f} s")

    @staticmethod
    def _sample_of_work(
        kernels: Kernels, law: GateLaw, logits: Tensor, weights: Tensor, copied: Tensor, at: Address
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The results of the passes: those that must be equal to the bit, and the others."""
        opened, gates = torch.empty(2, 300, dtype=torch.uint8)
        copies, drawn, soft = torch.zeros(3, 4, 300, dtype=copied.dtype)
        gradient = torch.zeros(300, dtype=torch.float32)
        kernels.open_gates(logits, at, 3, opened)
        kernels.draw_masked(logits, copied, at, gates, drawn)
        kernels.copy_open(copied, gates, 0, copies)
        kernels.add_gradient(law, logits, weights, gates, copies, at, first_sample=0, scale=1.0, out=gradient)
        if isinstance(law, SoftGate):
            kernels.copy_soft(law, logits, copied, at, 0, soft)
        return [opened, gates, drawn, copies], [soft, gradient]

    def _is_kept(self) -> bool:
        folder = self._loops.draw_masked.stats.cache_path
        return folder is not None and any(Path(folder).glob("loops.draw_masked-*.nbi"))

    def _run(self, loop: Callable[..., None], *arguments: Any) -> None:
        self._on_threads(torch.get_num_threads(), loop, *arguments)

    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """See `Kernels.open_gates`."""
        given = (logits.numpy(), _NOTHING, _thresholds(), *_words(at), samples)
        self._run(self._loops.draw_masked, *given, gates.numpy(), _NOTHING, 0, 0)

    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """See `Kernels.copy_open`."""
        self._run(self._loops.copy_open, _bits(weights), gates.numpy(), first_sample, *_flat(out))

    def draw_masked(
        self, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, gates: UInt8[Tensor, " n"], out: Tensor
    ) -> None:
        """See `Kernels.draw_masked`."""
        given = (logits.numpy(), _bits(weights), _thresholds(), *_words(at), out.shape[0])
        self._run(self._loops.draw_masked, *given, gates.numpy(), *_flat(out))

    def copy_soft(
        self, law: SoftGate, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """See `Kernels.copy_soft`; for float64 and float16 the values are written first, and multiplied then."""
        if out.dtype not in (torch.float32, torch.bfloat16):
            values = torch.empty(out.shape, dtype=torch.float32)
            self.copy_soft(law, logits, torch.ones_like(logits), at, first_sample, values)
            out.copy_(weight_times_value(weights, values))
            return
        parameters = (*_soft(law), np.float32(law.low), np.float32(law.span), *_words(at), first_sample)
        self._run(self._soft.copy_soft, logits.numpy(), _numbers(weights), *parameters, _numbers(out))

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
        mine, into = (logits.numpy(), _numbers(weights)), (first_sample, np.float32(scale), out.numpy())
        match law:
            case TableSlope():
                self._run(self._loops.add_table_gradient, *mine, gates.numpy(), _numbers(gradients), *_slopes(law), *into)
            case LogisticSlope():
                where = (np.float32(law.temperature), *_words(at))
                self._run(self._logistic.add_logistic_gradient, *mine, _numbers(gradients), *where, *into)
            case SoftGate():
                factor, where = np.float32(scale * law.span / law.temperature), (*_soft(law), *_words(at))
                given = (logits.numpy(), *(_single(one) for one in (weights, gradients)))
                self._run(self._soft.add_soft_gradient, *given, *where, first_sample, factor, out.numpy())
            case SignGate():
                add_straight_gradient(weights, gradients, scale, out)
            case _:
                raise TypeError(f"the CPU kernels know no gate of type {type(law).__name__}")

    def add_open(
        self, gates: UInt8[Tensor, " n"], gradients: Tensor, *, first_sample: int, scale: float, out: Float[Tensor, " n"]
    ) -> None:
        """See `Kernels.add_open`."""
        if out.dtype != torch.float32:
            super().add_open(gates, gradients, first_sample=first_sample, scale=scale, out=out)
            return
        given = (gates.numpy(), _numbers(gradients), first_sample, np.float32(scale), out.numpy())
        self._run(self._loops.add_open, *given)

    def round_by_chance(self, values: Float32[Tensor, " n"], at: Address, out: BFloat16[Tensor, " n"]) -> None:
        """See `Kernels.round_by_chance`."""
        key0, key1, step0, step1, _, first = _words(at)
        words, into = values.view(torch.uint32).numpy(), out.view(torch.uint16).numpy()
        self._run(self._rounding.round_by_chance, words, key0, key1, step0, step1, first, into)


def _words(at: Address) -> tuple[Any, ...]:
    """The words of an address, in the order of the loops' arguments."""
    key0, key1 = at.key
    return np.uint64(key0), np.uint64(key1), np.uint64(at.step & _LOW), np.uint64(at.step >> 32), at.group, at.first


def _bits(tensor: Tensor) -> Any:
    return as_integers(tensor).numpy()


def _numbers(tensor: Tensor) -> Any:
    """The values for the loops: float32 and float64 unchanged, bfloat16 as 16-bit integers, everything else as float32."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy()
    return tensor.numpy() if tensor.dtype in (torch.float32, torch.float64) else tensor.to(torch.float32).numpy()


def _single(tensor: Tensor) -> Any:
    """The same for loops that are not compiled for float64."""
    return _numbers(tensor.to(torch.float32) if tensor.dtype == torch.float64 else tensor)


def _soft(law: SoftGate) -> tuple[Any, ...]:
    """The parameters of a soft gate that both loops take."""
    shut, whole = law.bounds
    return np.float32(1 / law.temperature), law.drawn, np.float32(shut), np.float32(whole)


def _flat(out: Tensor) -> tuple[Any, int, int]:
    """Rows as one array of integers, the distance from one to the next, and their number."""
    (rows, columns), stride = out.shape, out.stride(0)
    if out.is_contiguous():
        return _bits(out).reshape(-1), columns, rows
    return _bits(out.as_strided(((rows - 1) * stride + columns,), (1,))), stride, rows


@cache
def _thresholds() -> Any:
    return threshold_table(torch.device("cpu"))[0].numpy().astype(np.uint32)


@cache
def _slopes(law: TableSlope) -> tuple[Any, Any]:
    """Both tables in one, that of closed gates in front at each point; and the slope of a closed gate at the lowest position."""
    closed, opened = (table.numpy() for table in law.tables)
    lowest = closed[0] + (closed[1] - closed[0]) / np.float32(512)
    return np.stack([closed, opened], axis=1).view(np.uint64)[:, 0].copy(), lowest
