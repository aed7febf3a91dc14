"""Shapes and dtypes in the annotations are checked while the tests run: the hook must be there before the first import."""

from jaxtyping import install_import_hook

install_import_hook("maskscope", "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread_and_untouched_generator():
    """Every test runs on one thread and must leave torch's global generator where it was, unless it draws from it itself."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
