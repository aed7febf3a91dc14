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
# no statistics go to Ray's makers; a task without a GPU sees none, and is not told so by a warning
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
# sockets lie below it, and their paths may have 107 characters
_SHORT = "/tmp"


@contextmanager
def connected(cluster: Cluster, ray: Any) -> Iterator[bool]:
    """A block in which this process is part of a cluster; tells whether that was started for the block."""
    if ray.is_initialized():  # the caller's own, as in a notebook: it is left as it is
        yield False
        return
    own = not cluster.address
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    folder = tempfile.mkdtemp(prefix="maskscope-", dir=_SHORT if os.access(_SHORT, os.W_OK) else None) if own else ""
    try:
        with _signals_kept(), _environment(_QUIET):
            if own:
                with held_back():  # Ctrl-C and a closed terminal reach this process, which tells the others
                    size = {"num_cpus": os.cpu_count(), "include_dashboard": False, "_temp_dir": folder}
                    ray.init(address="local", **size, **quiet)
            else:
                _require_answer(cluster.address)
                ray.init(address=cluster.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, AssertionError) as error:
        _leave(ray, folder)
        said = " ".join(str(error).split())
        if own:
            raise MaskscopeError(f"Ray could not be started on this machine: {said}") from error
        raise ConfigError(
            f"No Ray cluster can be joined at {cluster.address}: {said} Start one (ray start --head), run this on one of its "
            "machines, from the environment that Ray was started from; or leave --address out, and Ray is started for this run."
        ) from error
    except BaseException:
        _leave(ray, folder)
        raise
    try:
        yield own
    finally:
        _leave(ray, folder)


def _leave(ray: Any, folder: str) -> None:
    with _signals_kept():
        ray.shutdown()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


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
