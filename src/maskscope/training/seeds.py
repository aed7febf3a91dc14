"""Randomness as an argument: named seeds derived from one root seed, and a block with its own state of torch's generator."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from maskscope.storage import canonical_json


def child_seed(root: int, *names: str | int) -> int:
    """The seed for a named purpose, derived from a root seed: 63 bits of SHA-256, so that no two purposes share a stream."""
    text = canonical_json(["maskscope/seed", root, *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


@contextmanager
def isolated_random(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """A ``with`` block in which torch's global generators are seeded; their state is restored afterwards, also on an error.

    So layers that draw from the global generator (initialisation, dropout) are reproducible, and the user's random numbers do not
    change.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        reseed(seed, device)
        yield


@contextmanager
def unchanged_random(device: torch.device) -> Iterator[None]:
    """A ``with`` block after which torch's, numpy's and Python's global generators are as they were before it.

    For what is only tried: a user's loss may draw from any of them.
    """
    python, legacy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)


def reseed(seed: int, device: torch.device | None = None) -> None:
    """Seeds torch's generators for this device; must only be called inside `isolated_random`."""
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
