"""Where the common generators of random numbers stand, from which a network or a loss may draw; and back there."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from maskscope.masks.parts import is_same


class Randomness:
    """The states of those generators: torch's, Python's and NumPy's, as they are when this is made.

    Args:
        device: of the network.
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
        """A block after which they are put back."""
        try:
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Puts them where they were when this was made."""
        for (_, write), state in zip(self._ways, self._states, strict=True):
            write(state)

    def has_moved(self) -> bool:
        """Whether anything has been drawn since."""
        return not all(is_same(read(), state) for (read, _), state in zip(self._ways, self._states, strict=True))
