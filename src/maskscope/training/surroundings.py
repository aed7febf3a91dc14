"""Protects training from torch modes that the user's code has set."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from maskscope.errors import ConfigError


@contextmanager
def usual_mode() -> Iterator[None]:
    """A ``with`` block in which gradients are recorded as usual, also inside the user's ``no_grad`` or ``inference_mode``.

    Raises:
        ConfigError: new tensors would be on the meta device, where tensors have no values.
    """
    if torch.empty(0).is_meta:
        raise ConfigError(
            "New tensors are made on the meta device here (torch.device('meta') or torch.set_default_device), and have no "
            "values. Leave that block, or set the default device back, before you train or look for masks."
        )
    with torch.inference_mode(False), torch.enable_grad():
        yield
