"""How loops become machine code: numba, which needs no C compiler on the user's machine (docs/dependencies.md says why numba)."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

try:
    from numba import config, get_num_threads, njit, set_num_threads
except ImportError:
    raise
except Exception as error:  # of any type: numba looks at its settings in the environment while it is imported
    raise ImportError(f"{error} See the variables NUMBA_... in the environment") from error


if vars(config)["DISABLE_JIT"]:
    # the loops would run in plain Python, those of them that can
    raise ImportError("NUMBA_DISABLE_JIT is set in the environment, so that it compiles nothing")


class KernelCacheWarning(UserWarning):
    """There is no folder for compiled kernels, so that they are compiled at every start."""


def compiled(*, contract: bool = False, parallel: bool = True) -> Callable[[Any], Any]:
    """A loop that other threads of Python can run beside, compiled at its first call for each kind of arguments and kept on disk.

    Args:
        contract: whether a product and a sum may become one rounding. Never for gates, which must come out the same anywhere.
        parallel: whether it is divided among threads itself.
    """
    options: dict[str, Any] = {"parallel": parallel, "error_model": "numpy", "nogil": True}
    if contract:
        options["fastmath"] = {"contract"}

    def decorate(function: Any) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            warnings.warn(
                f"the compiled kernels cannot be kept on disk ({error}): they are compiled at every start, some ten seconds. Set "
                "the environment variable NUMBA_CACHE_DIR to a folder that can be written",
                KernelCacheWarning,
                stacklevel=2,
            )
            return njit(**options)(function)

    return decorate


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Loops run on so many threads, if there are as many; afterwards the setting is as it was."""
    before = get_num_threads()
    set_num_threads(max(1, min(count, int(vars(config)["NUMBA_NUM_THREADS"]))))
    try:
        yield
    finally:
        set_num_threads(before)
