"""Calls of several samples at a time, each in a thread of its own: for networks whose operations are too small to be divided.

On a processor an operation of torch is divided among all threads; where it is small, waiting for each other takes longer than the
work. Here the samples are divided instead, and each thread has its share of the processor to itself.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier
from typing import Any, final

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError, GuestError
from maskscope.masks.copying import copy_network
from maskscope.masks.executors.executor import Executor
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.packed import PackedLSTMMode
from maskscope.masks.gradient import BackwardPass, Loss, loss_and_reached_gradients
from maskscope.masks.guest import Belongings, held_by
from maskscope.masks.twin import twin_of

_NO_THREADS = "Leave the executor at 'auto', or take executor='sequential'."
_MUTABLE = (list, dict, set, deque)


@final
class ThreadedExecutor(Executor):
    """A call and its backward pass for each sample, as the sequential executor has them, as many at a time as torch has threads.

    Gradients are added in the order of the samples, so that the bits do not depend on who is done first. Each thread calls a copy
    of the module that shares its tensors. A loss or a module that draws random numbers, or keeps things elsewhere, must not be
    called from several threads: that wants another executor. On an accelerator calls go one by one.
    """

    name = "threads"
    _pool: ThreadPoolExecutor | None = None
    _guests: list[tuple[nn.Module, dict[str, Tensor], BackwardPass]]

    def __init__(self, network: nn.Module, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._on_processor = all(unit.device.type == "cpu" for unit in units.values())

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`."""
        rows = [(mask, sample, part) for mask, mine in enumerate(parts) for sample, part in enumerate(mine)]
        if self._pool is None:
            self._begin(len(rows))
        assert self._pool is not None
        # the compiled passes are divided among all threads: they come before the calls and after them, not in between
        for unit in self.units.values():
            unit.draw()
        for (mask, sample, _), (_, copies, _) in zip(rows, self._guests, strict=False):
            for name, unit in self.units.items():
                unit.copy_sample(mask, sample, copies[name].view(-1))
        with twin_of(self.network):  # only the copies are to be called
            calls = [
                self._pool.submit(self._call, guest, copies, backward, part)
                for (_, _, part), (guest, copies, backward) in zip(rows, self._guests, strict=False)
            ]
            wait(calls)  # after an error in one, nobody may still be at work on the guest
        losses = []
        for (mask, sample, _), call in zip(rows, calls, strict=True):
            value, gradients = call.result()
            losses.append(value.to(torch.float32).reshape(()))
            for name, gradient in gradients.items():
                self.units[name].take_sample(mask, sample, gradient)
        return torch.stack(losses).view(len(parts), -1)

    def close(self) -> None:
        """See `Executor.close`: the threads end."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _begin(self, rows: int) -> None:
        """A guest with copies for each sample, and threads which each have their share of torch's."""
        self._guests = [
            (
                self._copy_of_network(),
                {name: torch.empty(unit.shape, dtype=unit.dtype, device=unit.device) for name, unit in self.units.items()},
                BackwardPass(),
            )
            for _ in range(rows)
        ]
        threads = torch.get_num_threads()
        workers = min(rows, threads) if self._on_processor else 1
        ready = Barrier(workers + 1)

        def start() -> None:
            torch.set_num_threads(max(1, threads // workers))
            torch.get_num_threads()  # a new thread takes over the common number when it first needs it: now, not later
            ready.wait()

        self._pool = ThreadPoolExecutor(workers, "maskscope-sample", start)
        for _ in range(workers):  # each waits for the others, so that none takes two
            self._pool.submit(bool)
        ready.wait()
        torch.set_num_threads(threads)  # what a thread sets is what new threads begin with

    def _copy_of_network(self) -> nn.Module:
        network, belongings = self.network, Belongings(self.network)
        shared = (*network.parameters(), *network.buffers(), *belongings.tensors())  # a call is lent copies
        common = [function for function in belongings.functions if any(isinstance(one, _MUTABLE) for one in _closure(function))]
        if common:
            titles = ", ".join(sorted({str(getattr(function, "__qualname__", function)) for function in common}))
            raise ConfigError(f"What {titles} keeps in its closure would be changed by several threads at a time. {_NO_THREADS}")
        try:
            return copy_network(network, shared)
        except GuestError as error:
            raise ConfigError(f"{error} Each thread calls a copy. {_NO_THREADS}") from error

    def _call(
        self, guest: nn.Module, copies: dict[str, Tensor], backward: BackwardPass, part: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with self.precision(), PackedLSTMMode():
            return loss_and_reached_gradients(guest, self.loss, part, copies, backward)


def _closure(function: Any) -> Iterator[Any]:
    """What a function and all its copies hold together; arguments that were bound to it are copied."""
    if not isinstance(function, partial):
        yield from held_by(function)
