"""What a machine lacks is one line that says what to do."""

import errno

import pytest
import torch

from maskscope.engine.shortage import shortage_explained
from maskscope.errors import MaskscopeError, OutOfMemoryError


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), OutOfMemoryError, "not enough of this here: memory. Close other programs"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 bytes"), OutOfMemoryError, "memory.*fewer --workers"),
        (torch.OutOfMemoryError("CUDA"), OutOfMemoryError, "memory"),
        (RuntimeError("can't start new thread"), MaskscopeError, "threads.*ulimit -u"),
        (OSError(errno.EMFILE, "Too many open files"), MaskscopeError, "open files.*ulimit -n"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), MaskscopeError, "open files.*ulimit -n"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), MaskscopeError, "threads or processes"),
    ],
)
def test_a_shortage_is_named_with_its_cure(error, kind, said):
    with pytest.raises(kind, match=f"{said}.*what is finished is kept"), shortage_explained():
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), OSError(errno.EIO, "x"), MaskscopeError("x"), KeyError("x")])
def test_another_error_passes(error):
    with pytest.raises(type(error)) as caught, shortage_explained():
        raise error
    assert caught.value is error
