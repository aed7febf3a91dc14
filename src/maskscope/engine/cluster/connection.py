"""A Ray cluster, started on this machine or joined, and left or stopped again."""

import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maskscope.engine.cluster.choice import Cluster
from maskscope.engine.processes import held_back
from maskscope.errors import ConfigError, MaskscopeError

# seconds until a head node is taken for gone
_KNOCK = 5.0
# no statistics go to Ray's makers; a task without a GPU is not told by a warning how that will change; a step that takes too much
# memory is not begun again for ever
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_task_oom_retries": "3"}
# sockets lie below it, and their paths may have 107 characters
_SHORT = "/tmp"


@contextmanager
def connected(cluster: Cluster, ray: Any) -> Iterator[bool]:
    """A block in which this process is part of a cluster; tells whether that was started for the block.

    Args:
        cluster: which.
        ray: the package.

    Raises:
        ConfigError: there is no cluster at the address, or this process cannot be part of it.
        MaskscopeError: Ray cannot be started on this machine.
    """
    if ray.is_initialized():  # the caller's own, as in a notebook: it is left as it is
        yield False
        return
    folder = "" if cluster.address else tempfile.mkdtemp(prefix="maskscope-", dir=_SHORT if os.access(_SHORT, os.W_OK) else None)
    try:
        with _signals_kept(), _environment(_SETTINGS):
            _join(cluster.address, folder, ray)
        yield not cluster.address
    finally:
        with _signals_kept():
            ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _join(address: str, folder: str, ray: Any) -> None:
    # What Ray prints of each lost process goes to standard output, and cannot be turned off. We tell of it ourselves; were Ray to
    # rename the function, its lines would be there again.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        _require_answer(address)
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            with held_back():  # Ctrl-C and a closed terminal reach this process, which tells the others
                ray.init(address="local", num_cpus=os.cpu_count(), include_dashboard=False, _temp_dir=folder, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, AssertionError) as error:
        said = " ".join(str(error).split())
        if not address:
            raise MaskscopeError(f"Ray could not be started on this machine: {said}") from error
        raise ConfigError(
            f"No Ray cluster can be joined at {address}: {said} Start one (ray start --head), and run this on one of its "
            "machines, from the environment that Ray was started from, and with RAY_AUTH_MODE=token if it was started so; or "
            "leave --address out, and Ray is started for this run."
        ) from error


def _require_answer(address: str) -> None:
    """Raises `ConfigError` if nothing listens at an address; Ray itself would try for minutes."""
    address = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK).close()
    except OSError as error:
        raise ConfigError(
            f"Nothing answers at {address} ({error.strerror or error}); the address of a Ray cluster's head was expected. Start "
            "one (ray start --head), or leave --address out, and Ray is started on this machine for this run."
        ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """A block after which SIGTERM does what it did before: Ray takes it, and would end this process without saving anything."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """A block with further environment variables, unless the user has set them."""
    new = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)
