"""Saves and restores the global random generators, from which a network or a loss may draw."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from maskscope.masks.parts import is_same


class Randomness:
    """The states of the global generators of torch, Python and NumPy when this object was created.

    Args:
        device: the device of the network; on CUDA, the state of its generator is saved too.
    """

    def __init__(self, device: torch.device) -> None:
        self._ways: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [
            (torch.get_rng_state, torch.set_rng_state),
            (random.getstate, random.setstate),
            (np.random.get_state, np.random.set_state),
        ]
        if device.type == "cuda":
            self._ways.append((partial(torch.cuda.get_rng_state, device), partial(torch.cuda.set_rng_state, device=device)))

        self._states = [read() for read, _ in self._ways]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A ``with`` block; after it, the states are restored."""
        try:
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Restores the states."""
        for (_, write), state in zip(self._ways, self._states, strict=True):
            write(state)

    def has_moved(self) -> bool:
        """Whether any random number was drawn since."""
        return not all(is_same(read(), state) for (read, _), state in zip(self._ways, self._states, strict=True))
