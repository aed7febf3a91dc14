"""What a machine may lack: each is said with its cure, before or while masks are sought."""

import importlib
import warnings

import pytest
import torch

import maskscope as ms
from maskscope.errors import ConfigError, OutOfMemoryError
from maskscope.masks import SlowKernelsWarning, has_bfloat16, make_kernels
from maskscope.masks.kernels import compiler
from maskscope.training.mask_config import SlowBfloat16Warning
from maskscope.training.memory import check as memory
from tests.training.test_discover import loss, network, part

CONFIG = ms.MaskConfig(steps=6, learning_rate=0.1, size=ms.Penalty(1e-3))


@pytest.mark.skipif(has_bfloat16(torch.device("cpu")), reason="this processor has instructions for bfloat16")
def test_a_device_without_bfloat16_warns():
    with pytest.warns(SlowBfloat16Warning, match="no instructions for bfloat16"):
        ms.discover(network(), loss, part, config=ms.MaskConfig(steps=1), compute=ms.Compute(dtype="bfloat16"))


def test_too_little_memory_is_said_before_anything_is_done(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 100)
    with pytest.raises(OutOfMemoryError, match=r"(?s)are free on cpu.*two moments of Adam; lowered by"):
        ms.discover(network(), loss, part, config=CONFIG)


def test_memory_that_runs_out_on_the_way_is_said():
    def greedy(net, x):
        torch.empty(1 << 60, dtype=torch.uint8)
        return loss(net, x)

    with pytest.raises(OutOfMemoryError, match="masked copies and weight gradients in work; lowered by: Compute"):
        ms.discover(network(), greedy, part, config=CONFIG)

    def other(net, x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        ms.discover(network(), other, part, config=CONFIG)


def test_without_the_compiler_plain_pytorch_works_and_warns_once(monkeypatch):
    import maskscope.masks.kernels as package

    def missing(name):
        if name.endswith("kernels.cpu"):
            raise ModuleNotFoundError("No module named 'numba'")
        return importlib.import_module(name)

    wanted = ms.discover(network(), loss, part, config=CONFIG)
    monkeypatch.setattr(package, "import_module", missing)
    package._made.cache_clear()
    try:
        with pytest.warns(SlowKernelsWarning, match="numba is missing or broken.*pip install numba") as caught:
            found = ms.discover(network(), loss, part, config=CONFIG, judge=False)
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ms.discover(network(), loss, part, config=CONFIG, judge=False)
        with pytest.raises(ConfigError, match="pip install numba.*kernels='reference'"):
            ms.discover(network(), loss, part, config=CONFIG, compute=ms.Compute(kernels="cpu"))
    finally:
        package._made.cache_clear()
    torch.testing.assert_close(found.logits.flat, wanted.logits.flat, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:(?s).*parallel=True")
def test_a_cache_that_cannot_be_written_warns_and_works(monkeypatch):
    real = compiler.njit

    def refusing(**options):
        if options.pop("cache", False):

            def refuse(function):
                raise RuntimeError("cannot cache function: no locator available")

            return refuse
        return real(**options)

    monkeypatch.setattr(compiler, "njit", refusing)
    with pytest.warns(compiler.KernelCacheWarning, match="NUMBA_CACHE_DIR"):
        double = compiler.compiled()(lambda x: 2 * x)
    assert double(3) == 6


def test_compiling_is_said_to_the_observers(monkeypatch, tmp_path):
    said = []

    class Listener(ms.Observer):
        def note(self, text):
            said.append(text)

    ms.discover(network(), loss, part, config=ms.MaskConfig(steps=1), observers=[Listener()])
    assert not any("compiling" in text for text in said)  # done in the tests before
    kernels = make_kernels(torch.device("cpu"))
    monkeypatch.setattr(type(kernels), "_is_kept", lambda self: False)
    ms.discover(network(), loss, part, config=ms.MaskConfig(steps=1), observers=[Listener()])
    assert any("compiling the kernels for this processor" in text for text in said)


def test_machine_code_of_another_version_is_refused(monkeypatch):
    kernels = make_kernels(torch.device("cpu"))
    original = type(kernels).open_gates
    monkeypatch.setattr(type(kernels), "open_gates", lambda self, logits, at, samples, gates: gates.fill_(1))
    with pytest.raises(ConfigError, match=r"do not do what this version defines\. Delete"):
        ms.discover(network(), loss, part, config=CONFIG)
    monkeypatch.setattr(type(kernels), "open_gates", original)


def test_free_memory_is_the_least_of_machine_and_container(monkeypatch):
    device = torch.device("cpu")
    monkeypatch.setattr(memory, "_container_bytes", lambda: 123)
    assert memory.available_bytes(device) == 123
    monkeypatch.setattr(memory, "_container_bytes", lambda: None)
    assert memory.available_bytes(device) is None or memory.available_bytes(device) > 123
