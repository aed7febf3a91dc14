"""A run that is killed goes on where it was, to the same bits; observers change nothing."""

import multiprocessing
import random
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError
from maskscope.training import SkippedPartsWarning, ThreadsWarning
from tests.training import resumable

RESULTS = ("logits.safetensors", "mask.safetensors", "record.json")


def run(folder: Path, *how: str) -> int:
    """A run in a process of its own. All are forked from one that has imported what a run imports, and has run nothing."""
    folder.mkdir(exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([resumable.__name__, "maskscope.masks.kernels.loops", "torch._dynamo"])
    process = context.Process(target=resumable.main, args=(folder, *how))
    process.start()
    process.join(timeout=300)
    return process.exitcode


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    assert run(folder) == 0
    return {name: (folder / name).read_bytes() for name in RESULTS}


def test_killed_three_times_and_once_in_a_write(tmp_path, unbroken):
    folder = tmp_path / "killed"
    steps = sorted(random.Random().sample(range(2, 38), 3))
    for step in steps:
        assert run(folder, "die-at-step", str(step)) == -signal.SIGKILL
        assert not (folder / "logits.safetensors").exists()
    assert run(folder, "die-in-write", "3") == -signal.SIGKILL
    assert [f for f in folder.iterdir() if ".unfinished-" in f.name], "the kill was to come while a file was being written"
    assert run(folder) == 0
    assert {name: (folder / name).read_bytes() for name in RESULTS} == unbroken, f"killed after steps {steps}"


def test_observers_change_nothing(tmp_path, unbroken):
    assert run(tmp_path / "observed", "observed") == 0
    assert {name: (tmp_path / "observed" / name).read_bytes() for name in RESULTS} == unbroken
    *log, judgement = (tmp_path / "observed" / "log").read_text().splitlines()
    log = [line for line in log if "compil" not in line]  # which is said where loading the kernels takes long
    assert len(log) == 40
    for word in ("observed: 40/40", "loss", "density", "undecided", "steps/s", "s left"):
        assert word in log[-1]
    assert "loss on 4 parts that it did not train on" in judgement


def small(folder, *, steps=6, seed=0, batches=None, **kwargs):
    network = torch.nn.Linear(3, 1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0.0)
    return ms.discover(
        network,
        lambda net, x: (net(x) - 1).square().mean(),
        batches or (lambda index: torch.full((2, 3), 1.0 + index)),
        config=ms.MaskConfig(steps=steps, samples_per_step=2, learning_rate=0.1, size=ms.Penalty(0.0)),
        seed=seed,
        checkpoint=folder / "c.safetensors" if folder else None,
        **kwargs,
    )


def test_a_finished_run_is_not_done_again(tmp_path):
    first = small(tmp_path, judge=False)
    again = small(tmp_path, batches=lambda index: pytest.fail("a finished run asked for data"), judge=False)
    assert torch.equal(first.logits.flat, again.logits.flat)
    assert first.history.loss == again.history.loss


def test_another_runs_checkpoint_is_refused(tmp_path):
    small(tmp_path)
    with pytest.raises(ConfigError, match="belongs to a run with another noise. Delete it"):
        small(tmp_path, seed=1)
    with pytest.raises(ConfigError, match="another config"):
        small(tmp_path, steps=7)


def test_a_damaged_checkpoint_is_an_error(tmp_path):
    small(tmp_path)
    path = tmp_path / "c.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="cut short"):
        small(tmp_path)


def test_another_number_of_threads_is_told(tmp_path):
    small(tmp_path)
    torch.set_num_threads(2)
    try:
        with pytest.warns(ThreadsWarning, match="2 threads a run begun with 1"):
            small(tmp_path)
    finally:
        torch.set_num_threads(1)


class Stop(ms.Observer):
    def __init__(self, step, number=signal.SIGINT):
        self.step, self.number = step, number

    def after_step(self, report):
        if report.step == self.step:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("as_list", [True, False])
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path, as_list):
    parts = [torch.full((2, 3), 1.0 + i) for i in range(5)]
    batches = parts if as_list else (lambda index: parts[index % 5])
    whole = small(None, batches=batches)
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path, batches=batches, observers=[Stop(4)])
    seen = []

    class Watch(ms.Observer):
        def after_step(self, report):
            seen.append(report.step)

    with pytest.warns(SkippedPartsWarning, match="skipping over the 8 parts") if as_list else nullcontext():
        resumed = small(tmp_path, batches=batches, observers=[Watch()])
    assert seen == [5, 6]
    assert torch.equal(whole.logits.flat, resumed.logits.flat)
    assert whole.history == resumed.history
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_to_stop_save_too(tmp_path, number):
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path, observers=[Stop(4, number)])
    resumed = small(tmp_path)
    assert torch.equal(small(None).logits.flat, resumed.logits.flat)


def test_a_run_outlives_its_terminal_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        small(None, observers=[Stop(4, signal.SIGHUP)])
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_fit_resumes_to_the_same_bits(tmp_path):
    def network():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return torch.nn.Sequential(
                torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
            )

    def train(net, **kwargs):
        def batches(index):
            return torch.randn(4, 3, generator=torch.Generator().manual_seed(index))

        config = ms.FitConfig(steps=8, learning_rate=0.01)
        return ms.fit(net, lambda n, x: n(x).square().mean(), batches, config=config, seed=3, **kwargs)

    whole, broken = network(), network()
    train(whole)
    with pytest.raises(KeyboardInterrupt):
        train(broken, observers=[Stop(3)], checkpoint=tmp_path / "fit.safetensors")
    resumed = network()
    train(resumed, checkpoint=tmp_path / "fit.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert not torch.equal(whole[0].weight, broken[0].weight)
