"""Annotations are checked while the tests run: the hooks must be there before the first import.

Functions that annotate shapes and dtypes are checked by jaxtyping. The others have types only, and beartype alone checks them:
jaxtyping has it do the same through a wrapper that took more than half of the time of all tests.
"""

import dataclasses
import inspect
from functools import partial
from pathlib import Path

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.claw import beartype_packages

ROOT = Path(__file__).parent.parent / "src"


def _hooked():
    """Every module but those that numba and triton compile, and the packages above them, which would stand for what is below.

    Returns:
        Those with functions that jaxtyping checks, and those that beartype alone checks.
    """
    shapes, types = [], []
    for file in sorted((ROOT / "maskscope").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not (file.stem.endswith("loops") or "maskscope.masks.kernels.loops".startswith(name + ".")):
            # beartype refuses a type that has a name for mypy only, that of what hashlib makes; jaxtyping passes over it
            known_to_beartype = "hashlib._Hash" not in file.read_text()
            (types if known_to_beartype and "jaxtyping" not in file.read_text() else shapes).append(name)
    return shapes, types


def _has_shapes(function):
    """Whether an annotation names a shape, or is a text, which jaxtyping looks up and beartype may refuse."""
    return any(isinstance(one, str) or "jaxtyping" in repr(one) for one in inspect.get_annotations(function).values())


def _checked(thing=None, *, typechecker):
    """In the place of `jaxtyping.jaxtyped`, by which its hook decorates all functions and classes of a module."""
    if thing is None:
        return partial(_checked, typechecker=typechecker)
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing):
            thing.__init__ = _checked(thing.__init__, typechecker=typechecker)
        return thing
    return _with_shapes(thing, typechecker=typechecker) if _has_shapes(thing) else beartype(thing)


_with_shapes, jaxtyping.jaxtyped = jaxtyping.jaxtyped, _checked
SHAPES, TYPES = _hooked()
# of annotated assignments, jaxtyping checks only the fields of dataclasses
beartype_packages(TYPES, conf=BeartypeConf(claw_is_pep526=False))
jaxtyping.install_import_hook(SHAPES, "beartype.beartype")

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
