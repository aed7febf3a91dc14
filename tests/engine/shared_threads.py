"""Workers that are threads of this process: worker processes would take seconds to import torch.

What is tested with them is that each step finds what it is made from, whoever made it, and gives the same bits in any order. Real
processes are asked for in test_run_processes.py, test_workers.py and, for a study of own networks, in the contract of rooms.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace

import pytest

from maskscope.engine import run, workers
from maskscope.engine.follow import Follower, hear
from maskscope.engine.job import Job
from maskscope.engine.workers import Share, do_share


@contextmanager
def workers_in_threads() -> Iterator[None]:
    """Inside the ``with`` block, runs and sweeps share their steps among threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "make_in_workers", make_in_threads)
        yield


class _Heard:
    """In the place of standard error: what a worker tells its parent is heard."""

    def __init__(self, follower: Follower, announce: Callable[[str], None]) -> None:
        self._follower, self._announce = follower, announce

    def write(self, line: str) -> None:
        hear(line.rstrip("\n"), self._follower, self._announce)

    def flush(self) -> None:
        pass


def make_in_threads(job: Job, number: int, announce: Callable[[str], None], follower: Follower) -> None:
    """In the place of `maskscope.engine.workers.make_in_workers`: the shares of a job, one step at a time."""
    alone, faults = threading.Lock(), []

    def one_at_a_time(function):
        def waiting(*arguments):
            with alone:
                return function(*arguments)

        return waiting

    def work(first: int) -> None:
        try:
            do_share(Share(replace(job, threads=job.threads or 1), first, number))
        except BaseException as error:
            faults.append(error)

    with pytest.MonkeyPatch.context() as patch, redirect_stderr(_Heard(follower, announce)):
        patch.setattr(workers, "make_step", one_at_a_time(workers.make_step))
        patch.setattr(job.study.procedure, "steps", one_at_a_time(job.study.procedure.steps))
        threads = [threading.Thread(target=work, args=(first,), daemon=True) for first in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0 if faults else 120)
    assert not faults
    assert not any(thread.is_alive() for thread in threads), "a worker waits for what nobody makes"
