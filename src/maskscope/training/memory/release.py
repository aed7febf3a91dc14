"""Gives memory that was freed back to the system, where the C library would keep it."""

import ctypes
import sys


def give_back_freed() -> None:
    """Asks glibc to return freed memory; does nothing with other C libraries.

    glibc keeps freed blocks of up to 32 MiB for later. After the checks of the first step these are the pieces of whole copies of
    the network, and blocks of other sizes do not fit into their places: GPT-2 kept 0.9 GiB for good.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
