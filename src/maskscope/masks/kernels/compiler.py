"""How loops become machine code: numba, which needs no C compiler on the user's machine (docs/dependencies.md says why numba)."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
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
            loop = njit(cache=True, **options)(function)
        except RuntimeError as error:
            _warn(error)
            return njit(**options)(function)
        if (cache := getattr(loop, "_cache", None)) is not None:  # none where NUMBA_DISABLE_JIT is set
            _do_without_cache_where_it_fails(cache)
        return loop

    return decorate


def _do_without_cache_where_it_fails(cache: Any) -> None:
    """What cannot be read from the folder of compiled loops is compiled, and what cannot be written there is used all the same.

    Numba lets errors through from there: a full disk, a file that was cut short, another user's folder.
    """
    load, save = cache.load_overload, cache.save_overload

    def load_or_compile(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception as error:  # a damaged pickle can surface as nearly any kind of error
            _warn(error)
            return None

    def save_if_possible(*arguments: Any) -> None:
        try:
            save(*arguments)
        except Exception as error:
            _warn(error)
            # the index may name a file by now that was not written, and under whose name an older loop may lie
            with suppress(OSError):
                Path(cache._cache_file._index_path).unlink(missing_ok=True)

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible


def _warn(error: Exception) -> None:
    warnings.warn(
        f"the compiled kernels cannot be kept on disk ({str(error) or type(error).__name__}): they are compiled at every start, "
        "some ten seconds. Set the environment variable NUMBA_CACHE_DIR to a folder that can be written",
        KernelCacheWarning,
        stacklevel=3,
    )


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Loops run on so many threads, if there are as many; afterwards the setting is as it was."""
    before = get_num_threads()
    set_num_threads(max(1, min(count, int(vars(config)["NUMBA_NUM_THREADS"]))))
    try:
        yield
    finally:
        set_num_threads(before)
