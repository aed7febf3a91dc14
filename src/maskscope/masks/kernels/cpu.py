"""The passes on CPUs: calls the loops of `loops.py` with tensors, on as many threads as torch uses."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import BFloat16, Float32, UInt8
from torch import Tensor

from maskscope.errors import ConfigError
from maskscope.masks.kernels.exact import as_integers, weight_times_value
from maskscope.masks.kernels.gate_laws import GateLaw, LogisticSlope, SignGate, SoftGate, TableSlope
from maskscope.masks.kernels.passes import Address, Kernels, add_straight_gradient
from maskscope.masks.kernels.reference import ReferenceKernels
from maskscope.masks.kernels.threshold import threshold_table

_LOW = 0xFFFFFFFF


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
            with compiler.on_threads(threads):  # starts numba's threads, which resets torch's number of threads to all cores
                torch.set_num_threads(threads)
        except (ValueError, RuntimeError) as error:
            what = str(error).partition("\n")[0].rstrip(".")
            raise ImportError(f"{what}: see NUMBA_NUM_THREADS and NUMBA_THREADING_LAYER in the environment") from error

    def prepare(self, law: GateLaw, dtypes: Iterable[tuple[torch.dtype, torch.dtype]], say: Callable[[str], object]) -> None:
        """See `Kernels.prepare`: runs every pass on a few weights, and compares gates and gradient with the definition.

        Raises:
            ConfigError: they differ: the compiled code on disk is of another version. Numba checks only date and size of a file.
        """
        began = time.perf_counter()
        folder = self._loops.open_gates.stats.cache_path
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
        folder = self._loops.open_gates.stats.cache_path
        return folder is not None and any(Path(folder).glob("loops.open_gates-*.nbi"))

    def open_gates(self, logits: Float32[Tensor, " n"], at: Address, samples: int, gates: UInt8[Tensor, " n"]) -> None:
        """See `Kernels.open_gates`."""
        with self._on_threads(torch.get_num_threads()):
            for here, words in _pieces(logits.numel(), at):
                self._loops.open_gates(logits[here].numpy(), _thresholds(), *words, samples, gates[here].numpy())

    def copy_open(self, weights: Tensor, gates: UInt8[Tensor, " n"], first_sample: int, out: Tensor) -> None:
        """See `Kernels.copy_open`."""
        with self._on_threads(torch.get_num_threads()):
            self._loops.copy_open(_bits(weights), gates.numpy(), first_sample, *_flat(out))

    def draw_masked(
        self, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, gates: UInt8[Tensor, " n"], out: Tensor
    ) -> None:
        """See `Kernels.draw_masked`."""
        flat, stride, rows = _flat(out)
        with self._on_threads(torch.get_num_threads()):
            for here, words in _pieces(logits.numel(), at):
                into = (gates[here].numpy(), flat[here.start :], stride, rows)
                self._loops.draw_masked(logits[here].numpy(), _bits(weights[here]), _thresholds(), *words, *into)

    def copy_soft(
        self, law: SoftGate, logits: Float32[Tensor, " n"], weights: Tensor, at: Address, first_sample: int, out: Tensor
    ) -> None:
        """See `Kernels.copy_soft`; where the weights are not float32, the values are written first, and multiplied then."""
        if out.dtype != torch.float32:
            values = torch.empty(out.shape, dtype=torch.float32)
            self.copy_soft(law, logits, torch.ones_like(logits), at, first_sample, values)
            out.copy_(weight_times_value(weights, values))
            return
        parameters = (*_soft(law), np.float32(law.low), np.float32(law.span))
        with self._on_threads(torch.get_num_threads()):
            self._soft.copy_soft(logits.numpy(), weights.numpy(), *parameters, *_words(at), first_sample, out.numpy())

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
        given = (_numbers(weights), _numbers(gradients))
        with self._on_threads(torch.get_num_threads()):
            match law:
                case TableSlope():
                    table, into = _slopes(law), (first_sample, np.float32(scale), out.numpy())
                    self._loops.add_table_gradient(logits.numpy(), given[0], gates.numpy(), given[1], *table, *into)
                case LogisticSlope():
                    for here, words in _pieces(logits.numel(), at):
                        where = (np.float32(law.temperature), *words, first_sample, np.float32(scale), out[here].numpy())
                        # a copy where there is more than one piece, which is rare: the loop is compiled for one layout only
                        mine = (logits[here].numpy(), given[0][here], np.ascontiguousarray(given[1][:, here]))
                        self._logistic.add_logistic_gradient(*mine, *where)
                case SoftGate():
                    factor = np.float32(scale * law.span / law.temperature)
                    mine = (logits.numpy(), weights.to(torch.float32).numpy(), gradients.to(torch.float32).numpy())
                    self._soft.add_soft_gradient(*mine, *_soft(law), *_words(at), first_sample, factor, out.numpy())
                case SignGate():
                    add_straight_gradient(weights, gradients, scale, out)
                case _:
                    raise TypeError(f"the CPU kernels know no gate of type {type(law).__name__}")

    def round_by_chance(self, values: Float32[Tensor, " n"], at: Address, out: BFloat16[Tensor, " n"]) -> None:
        """See `Kernels.round_by_chance`."""
        key0, key1, step0, step1, _, first = _words(at)
        with self._on_threads(torch.get_num_threads()):
            self._rounding.round_by_chance(
                values.view(torch.uint32).numpy(), key0, key1, step0, step1, first, out.view(torch.uint16).numpy()
            )


def _pieces(elements: int, at: Address) -> Iterator[tuple[slice, tuple[Any, ...]]]:
    """The elements in pieces in which the low word of the index does not overflow (nearly always one), with the loops' words."""
    start = 0
    while start < elements:
        here = at.moved(start)
        end = min(elements, start + (1 << 32) - (here.first & _LOW))
        yield slice(start, end), _words(here)
        start = end


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


def _soft(law: SoftGate) -> tuple[Any, ...]:
    """The parameters of a soft gate that both loops take."""
    shut, whole = law.bounds
    return np.float32(1 / law.temperature), law.drawn, np.float32(shut), np.float32(whole)


def _flat(out: Tensor) -> tuple[Any, int, int]:
    """Rows as one array of integers, the distance from one to the next, and their number."""
    rows, stride = out.shape[0], out.stride(0)
    return _bits(out.as_strided(((rows - 1) * stride + out.shape[1],), (1,))), stride, rows


@cache
def _thresholds() -> Any:
    return threshold_table(torch.device("cpu"))[0].numpy().astype(np.uint32)


@cache
def _slopes(law: TableSlope) -> tuple[Any, Any]:
    """Both tables in one, that of closed gates in front at each point; and the slope of a closed gate at the lowest position."""
    closed, opened = (table.numpy() for table in law.tables)
    lowest = closed[0] + (closed[1] - closed[0]) / np.float32(512)
    return np.stack([closed, opened], axis=1).view(np.uint64)[:, 0].copy(), lowest
