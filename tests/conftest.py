"""Shapes and dtypes in the annotations are checked while the tests run: the hook must be there before the first import."""

from pathlib import Path

from jaxtyping import install_import_hook

ROOT = Path(__file__).parent.parent / "src"


def _hooked() -> list[str]:
    """Every module but those that numba and triton compile, and the packages above them, which would stand for what is below."""
    files = [file.relative_to(ROOT) for file in sorted((ROOT / "maskscope").rglob("*.py")) if not file.stem.endswith("loops")]
    modules = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in modules if not "maskscope.masks.kernels.loops".startswith(name + ".")]


install_import_hook(_hooked(), "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402


def pytest_configure(config):
    """Searches of a few steps find weak masks; who tests for the warning asks for it with `pytest.warns`."""
    config.addinivalue_line("filterwarnings", "ignore::maskscope.masks.WeakMaskWarning")


@pytest.fixture(autouse=True)
def _one_thread():
    """Every test runs on one thread, from the same state of torch's generator."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
