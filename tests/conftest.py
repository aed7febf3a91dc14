"""Annotations are checked while the tests run: the hook must be there before the first import.

jaxtyping's hook decorates every function. What it decorates them with is replaced by what takes less time, and asks the same.
"""

import dataclasses
import inspect
from functools import wraps
from pathlib import Path
from types import CodeType, FunctionType
from typing import Self

import jaxtyping
from beartype import beartype

ROOT = Path(__file__).parent.parent / "src"


def _hooked():
    """The name of every module but those that numba and triton compile."""
    for file in sorted((ROOT / "maskscope").rglob("*.py")):
        if not file.stem.endswith("loops"):
            yield ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


_SHAPES = jaxtyping.jaxtyped("context")
_WRITTEN: dict[tuple[CodeType, tuple[tuple[str, object], ...]], FunctionType] = {}


def _checked(thing=None, *, typechecker=None):
    """In the place of `jaxtyping.jaxtyped`, by which its hook decorates all functions and classes of a module.

    What jaxtyping itself does is bind the arguments of each call, and check them twice: more than half of the time of all tests.
    """
    if thing is None:
        return _checked
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing):
            thing.__init__ = _checked(thing.__init__)
        return thing
    notes = inspect.get_annotations(thing)
    # a type that has a name for mypy only, that of what hashlib makes; Self has a meaning in a class alone
    if Self in notes.values() or "hashlib._Hash" in notes.values():
        return thing
    checked = _closure(thing, notes) if "<locals>" in thing.__qualname__ else beartype(thing)
    if not any("jaxtyping" in repr(note) for note in notes.values()):
        return checked

    @wraps(thing)
    def with_shapes(*args, **kwargs):
        # the names of sizes are those of this call
        with _SHAPES:
            return checked(*args, **kwargs)

    return with_shapes


def _closure(function, notes):
    """A function inside a function is new in every call, and of the same code: its check is written once, and copied for it."""
    known = (function.__code__, tuple(notes.items()))
    if known not in _WRITTEN:
        _WRITTEN[known] = beartype(function)
    check = _WRITTEN[known]
    if check.__code__ is function.__code__:
        return function
    copy = FunctionType(check.__code__, check.__globals__, function.__name__, check.__defaults__, check.__closure__)
    assert "__beartype_func" in check.__kwdefaults__
    copy.__kwdefaults__ = {**check.__kwdefaults__, "__beartype_func": function}
    return wraps(function)(copy)


jaxtyping.jaxtyped = _checked
_hook = jaxtyping.install_import_hook([], "beartype.beartype").hook
# it would compare each module that is imported with the beginning of every name, and hook what is below a package, too
_hook.should_instrument = frozenset(_hooked()).__contains__

import pytest  # noqa: E402
import torch  # noqa: E402

# files of more than 15 seconds: begun first, so that no process waits at the end for another's long file
LONG = (
    "contracts/test_rooms.py",
    "test_robustness.py",
    "engine/test_run_processes.py",
    "test_pretrained_examples.py",
    "engine/test_sweep.py",
    "cli/test_new_command.py",
    "studies/test_sequence_studies.py",
    "goldens/test_goldens.py",
    "cli/test_cli.py",
    "report/test_sweep_page.py",
    "contracts/test_executors.py",
    "studies/test_image_studies.py",
    "masks/test_threaded.py",
    "training/test_compute.py",
    "studies/test_planted.py",
    "report/test_sequence_pages.py",
)


def pytest_collection_modifyitems(items):
    """The order of `LONG`, then that of the folders."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


def pytest_configure(config):
    """Searches of a few steps find weak masks; who tests for the warning asks for it with `pytest.warns`."""
    config.addinivalue_line("filterwarnings", "ignore::maskscope.masks.WeakMaskWarning")


@pytest.fixture(autouse=True)
def _one_thread():
    """Every test runs on one thread, from the same state of torch's generator."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
