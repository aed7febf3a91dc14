"""Runs several samples at the same time, each in its own thread: for networks whose operations are small.

On a CPU, torch divides each operation among all threads; for small operations, synchronising the threads takes longer than the
work. Here the samples are divided instead, and each thread uses its own share of the CPU.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from threading import Barrier
from typing import Any, final

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError, GuestError
from maskscope.masks.copying import copy_network
from maskscope.masks.executors.executor import Executor, Networks
from maskscope.masks.executors.gated import GatedWeight
from maskscope.masks.executors.packed import PackedLSTMMode
from maskscope.masks.gradient import BackwardPass, Loss, loss_and_reached_gradients
from maskscope.masks.guest import Belongings, held_by
from maskscope.masks.twin import twin_of

_NO_THREADS = "Leave the executor at 'auto', or take executor='sequential'."
_MUTABLE = (list, dict, set, deque)


@final
class ThreadedExecutor(Executor):
    """One call and one backward pass for each sample, like the sequential executor, but as many in parallel as torch has threads.

    Gradients are added in the order of the samples, so that the result does not depend on which thread finishes first. Each
    thread calls a copy of the module that shares its tensors. Use another executor if the loss or a module draws random numbers,
    or keeps state outside the module. On an accelerator, the calls are made one after the other.
    """

    name = "threads"
    _pool: ThreadPoolExecutor | None = None
    _guests: list[tuple[nn.Module, dict[str, Tensor], BackwardPass]]

    def __init__(self, network: Networks, loss: Loss, units: Mapping[str, GatedWeight]) -> None:
        super().__init__(network, loss, units)
        self._on_processor = all(unit.device.type == "cpu" for unit in units.values())

    def run(self, parts: Sequence[Sequence[Any]]) -> Tensor:
        """See `Executor.run`."""
        rows = [(mask, sample, part) for mask, mine in enumerate(parts) for sample, part in enumerate(mine)]
        if self._pool is None:
            self._start_threads([self.networks[mask] for mask, _, _ in rows])
        assert self._pool is not None
        # the compiled passes use all threads themselves, so they run before and after the calls, not inside them
        for unit in self.units.values():
            unit.draw()
        for (mask, sample, _), (_, copies, _) in zip(rows, self._guests, strict=False):
            for name, unit in self.units.items():
                unit.copy_sample(mask, sample, copies[name].view(-1))
        with ExitStack() as only_copies_may_be_called:
            for network in self.distinct:
                only_copies_may_be_called.enter_context(twin_of(network))
            calls = [
                self._pool.submit(self._call, guest, copies, backward, part)
                for (_, _, part), (guest, copies, backward) in zip(rows, self._guests, strict=False)
            ]
            wait(calls)  # also after an error in one: no thread may still be running when we return
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

    def _start_threads(self, networks: Sequence[nn.Module]) -> None:
        """Makes a copy of the module and memory for masked copies for each sample, and threads that share torch's threads."""
        self._guests = [
            (
                self._copy_of(network),
                {name: torch.empty(unit.shape, dtype=unit.dtype, device=unit.device) for name, unit in self.units.items()},
                BackwardPass(),
            )
            for network in networks
        ]
        threads = torch.get_num_threads()
        workers = min(len(networks), threads) if self._on_processor else 1
        ready = Barrier(workers + 1)

        def start() -> None:
            torch.set_num_threads(max(1, threads // workers))
            torch.get_num_threads()  # a thread reads the global number at first use: this makes it happen now, not later
            ready.wait()

        self._pool = ThreadPoolExecutor(workers, "maskscope-sample", start)
        for _ in range(workers):  # each start waits at the barrier, so every worker starts exactly once
            self._pool.submit(bool)
        ready.wait()
        torch.set_num_threads(threads)  # restore it: the number that a thread sets is also the default for new threads

    def _copy_of(self, network: nn.Module) -> nn.Module:
        belongings = Belongings(network)
        shared = (*network.parameters(), *network.buffers(), *belongings.tensors())  # safe to share: calls get copies of them
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
    """The objects in a function's closure, which all copies of the function share; arguments of a ``partial`` are copied."""
    if not isinstance(function, partial):
        yield from held_by(function)
