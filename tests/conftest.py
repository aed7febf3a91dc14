"""Shapes and dtypes in the annotations are checked while the tests run: the hook must be there before the first import."""

from jaxtyping import install_import_hook

install_import_hook("maskscope", "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    """Every test runs on one thread, from the same state of torch's generator."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
