"""Compiles loops with numba, which needs no C compiler on the user's machine (docs/dependencies.md says why numba)."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    from numba import config, get_num_threads, njit, set_num_threads
except ImportError:
    raise
except Exception as error:  # of any type: numba reads its environment variables at import, and fails on wrong ones
    raise ImportError(f"{error} See the variables NUMBA_... in the environment") from error


if vars(config)["DISABLE_JIT"]:
    # the loops would run in plain Python, and some of them cannot
    raise ImportError("NUMBA_DISABLE_JIT is set in the environment, so that it compiles nothing")


_MOST_THREADS = int(vars(config)["NUMBA_NUM_THREADS"])


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be stored on disk, so they are compiled at every start."""


def compiled(*, contract: bool = False, parallel: bool = True) -> Callable[[Any], Any]:
    """A decorator that compiles a loop at its first call for each combination of types, stores it on disk, and releases the GIL.

    Args:
        contract: whether a product and a sum may be rounded once (fused). Never for gates, which must be equal on all machines.
        parallel: whether the loop itself is divided among threads.
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
        if (cache := getattr(loop, "_cache", None)) is not None:  # None if NUMBA_DISABLE_JIT is set
            _do_without_cache_where_it_fails(cache)
        return loop

    return decorate


def _do_without_cache_where_it_fails(cache: Any) -> None:
    """If a compiled loop cannot be read from disk, it is compiled; if it cannot be written to disk, it is used without storing.

    Numba itself would raise an error: for a full disk, a file that is cut short, another user's folder.
    """
    load, save = cache.load_overload, cache.save_overload

    def load_or_compile(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception as error:  # a damaged pickle can raise nearly any exception
            _warn(error)
            return None

    def save_if_possible(*arguments: Any) -> None:
        try:
            save(*arguments)
        except Exception as error:
            _warn(error)
            # the index may already name the file that was not written, and an older loop may have that file name
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


def on_threads(count: int, loop: Callable[..., None], *arguments: Any) -> None:
    """Calls a loop on ``count`` threads, or on all if there are fewer; then the setting is restored."""
    before, count = get_num_threads(), max(1, min(count, _MOST_THREADS))
    if before == count:  # setting it takes as long as a loop over a thousand weights
        loop(*arguments)
        return
    set_num_threads(count)
    try:
        loop(*arguments)
    finally:
        set_num_threads(before)
