"""The folder of compiled loops: what fails there costs time, and nothing else."""

import errno
import warnings

import pytest
from numba.core.caching import IndexDataCacheFile

from maskscope.masks.kernels.compiler import KernelCacheWarning, compiled


def source(factor):
    return f"def times(x):\n    return {factor} * x\n"


@pytest.fixture
def loop(tmp_path):
    """Compiles ``times`` from a file of its own, which numba keeps what it makes beside."""

    def make(factor):
        path = tmp_path / "loop.py"
        path.write_text(source(factor))
        names = {"__file__": str(path), "__name__": "loop"}
        exec(compile(path.read_text(), path, "exec"), names)
        return compiled(parallel=False)(names["times"])

    return make


def kept(tmp_path):
    return {path.suffix for path in tmp_path.rglob("*.nb?")}


def test_a_full_disk(tmp_path, monkeypatch, loop):
    assert loop(2)(3) == 6
    assert kept(tmp_path) == {".nbi", ".nbc"}

    def full(self, name, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(IndexDataCacheFile, "_save_data", full)
        with pytest.warns(KernelCacheWarning, match="No space left on device.*NUMBA_CACHE_DIR"):
            assert loop(50)(3) == 150
    # the old loop's machine code lies there under the name that the index was to give to the new one's
    assert kept(tmp_path) == {".nbc"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loop(50)(3) == 150
    assert kept(tmp_path) == {".nbi", ".nbc"}


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"nothing of numba's"])
def test_a_damaged_file(tmp_path, loop, suffix, content):
    assert loop(2)(3) == 6
    for path in tmp_path.rglob(f"*.{suffix}"):
        path.write_bytes(content)
    with pytest.warns(KernelCacheWarning):
        assert loop(2)(3) == 6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KernelCacheWarning)
        assert loop(2)(3) == 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loop(2)(3) == 6
