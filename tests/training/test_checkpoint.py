"""A checkpoint is taken up by its own run only; whatever is in the file, nothing of another shape or make is taken over."""

import math
import signal

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, FileFormatError, RunFolderError
from maskscope.storage import read_tensors, write_tensors

CONFIG = ms.FitConfig(steps=6, learning_rate=0.01)


def network(width=5, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Linear(width, 1))


def part(index):
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(index))


def loss(net, x):
    return net(x).square().mean()


class Stop(ms.Observer):
    def __init__(self, step):
        self.step = step

    def after_step(self, report):
        if report.step == self.step:
            raise KeyboardInterrupt


def fit(net, path, config=CONFIG, **kwargs):
    return ms.fit(net, loss, part, config=config, seed=0, checkpoint=path, **kwargs)


def broken_off(net, path, step=3, config=CONFIG):
    with pytest.raises(KeyboardInterrupt):
        fit(net, ms.Checkpoint(path, every_seconds=0.0), config, observers=[Stop(step + 1)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


def test_another_networks_checkpoint_is_refused_and_changes_nothing(path):
    broken_off(network(), path)
    renamed = nn.Sequential(*network(), nn.Identity())
    renamed[3].register_buffer("more", torch.zeros(1))
    frozen = network()
    frozen[0].requires_grad_(False)
    for other, words in (
        (network(seed=1), "another weights. Delete it to start anew"),
        (network(width=6), "another network, weights"),
        (network(width=1), "another network, weights"),
        (renamed, "another network, weights"),
        (network().double(), "another network, weights"),
        (frozen, "another network"),
    ):
        before = [tensor.clone() for tensor in other.state_dict().values()]
        with pytest.raises(ConfigError, match=words):
            fit(other, path)
        assert all(torch.equal(now, then) for now, then in zip(other.state_dict().values(), before, strict=True))


def test_one_output_is_never_spread_over_many(path):
    broken_off(nn.Linear(4, 1), path)
    with pytest.raises(ConfigError, match="another network, weights"):
        fit(nn.Linear(4, 3), path)


def test_the_network_that_a_run_broke_off_with_goes_on(path):
    whole, halves = network(), network()
    fit(whole, None)
    with pytest.raises(KeyboardInterrupt):
        fit(halves, path, observers=[_Interrupt()])
    fit(halves, path)
    again = fit(halves, path)
    assert len(again.histories[0].loss) == 6
    assert all(torch.equal(one, two) for one, two in zip(whole.state_dict().values(), halves.state_dict().values(), strict=True))


class _Interrupt(ms.Observer):
    def after_step(self, report):
        if report.step == 3:
            signal.raise_signal(signal.SIGINT)


def test_a_checkpoint_is_a_string_a_path_or_a_value(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    fit(network(), "~/a.safetensors")
    fit(network(), tmp_path / "b.safetensors")
    fit(network(), ms.Checkpoint(str(tmp_path / "c.safetensors")))
    assert all((tmp_path / f"{name}.safetensors").is_file() for name in "abc")
    ms.discover(network().eval(), loss, part, config=ms.MaskConfig(steps=1), checkpoint=str(tmp_path / "d.safetensors"))
    assert (tmp_path / "d.safetensors").is_file()
    for odd, words in (("", "checkpoint is empty"), ("a\0b", "NUL")):
        with pytest.raises(ConfigError, match=words):
            fit(network(), odd)
        with pytest.raises(ConfigError, match=words):
            ms.discover(network(), loss, part, checkpoint=odd)
    with pytest.raises(ConfigError, match="every_seconds is -1"):
        ms.Checkpoint(tmp_path / "x", every_seconds=-1.0)
    with pytest.raises(FileFormatError, match="directory|folder"):
        fit(network(), tmp_path)


def test_a_folder_that_cannot_be_written_is_said_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="Cannot write the checkpoint into"):
        ms.fit(network(), lambda *_: pytest.fail("it ran"), part, config=CONFIG, seed=0, checkpoint=tmp_path / "file" / "c")


def test_an_expanded_buffer_is_taken_up(path):
    def made():
        net = network()
        net.register_buffer("mask", torch.ones(1, 3).expand(2, 3))
        return net

    whole, halves = made(), made()
    fit(whole, None)
    broken_off(made(), path)
    fit(halves, path)
    assert all(torch.equal(one, two) for one, two in zip(whole.state_dict().values(), halves.state_dict().values(), strict=True))


def forged(path, metadata=None, tensors=None):
    """Writes a file with a right checksum; what is None goes."""
    found, told = read_tensors(path, kind="checkpoint")
    told = {key: value for key, value in (told | (metadata or {})).items() if value is not None}
    found = {name: tensor for name, tensor in (found | (tensors or {})).items() if tensor is not None}
    write_tensors(path, found, kind="checkpoint", metadata=told)


ROW = {"loss": [1.0, 1.0, 1.0], "measured_at": [1, 2, 3], "measures": {}, "reference_loss": None}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"identity": None}, "does not say which run"),
        ({"identity": [1]}, "does not say which run"),
        ({"step": None}, "step is None"),
        ({"step": True}, "step is True"),
        ({"step": -1}, "step is -1"),
        ({"step": 7}, "step is 7; a whole number from 0 to 6"),
        ({"step": 2}, "loss is .*; a list of 2 numbers"),
        ({"seconds": "x"}, "seconds is 'x'"),
        ({"seconds": "nan"}, "seconds is 'nan'"),
        ({"threads": "x"}, "threads is 'x'"),
        ({"histories": 3}, "histories is 3; a list of 1"),
        ({"histories": []}, "histories is"),
        ({"histories": [None]}, r"histories\[0\]: it is None"),
        ({"histories": [ROW | {"loss": [1.0]}]}, "a list of 3 numbers"),
        ({"histories": [ROW | {"loss": [1.0, "x", 1.0]}]}, "a list of 3 numbers"),
        ({"histories": [ROW | {"measured_at": [3, 2, 1]}]}, "growing numbers of steps"),
        ({"histories": [ROW | {"measured_at": [1, "2"]}]}, "growing numbers of steps"),
        ({"histories": [ROW | {"measures": {"density": [1.0]}}]}, "a number for each step in measured_at"),
        ({"histories": [ROW | {"reference_loss": []}]}, "reference_loss is"),
        ({"histories": [ROW | {"more": 1}]}, "were expected"),
    ],
)
def test_odd_metadata_with_a_right_checksum_are_named(path, metadata, words):
    broken_off(network(), path)
    forged(path, metadata)
    with pytest.raises(FileFormatError, match=f"(?s){words}.*Delete it to start anew"):
        fit(network(), path)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"state/0.weight": None}, "state/0.weight is missing"),
        ({"state/9.weight": torch.zeros(3)}, "state/9.weight is in it, but not in the run"),
        ({"other": torch.zeros(3)}, "other is in it, but not in the run"),
        ({"state/0.weight": torch.zeros(1, 4)}, r"float32 \[1, 4\]; float32 \[5, 4\] was expected"),
        ({"state/0.weight": torch.zeros(5, 4).double()}, "float64"),
        ({"state/1.running_mean": torch.full((5,), math.nan)}, "running_mean holds NaN"),
        ({"optimizer/0/exp_avg": None}, "optimizer/0/exp_avg is missing"),
        ({"optimizer/0/exp_avg": torch.zeros(1)}, r"optimizer/0/exp_avg is torch.float32 \[1\]"),
        ({"optimizer/0/exp_avg": torch.full((5, 4), math.nan)}, "optimizer/0/exp_avg holds NaN"),
        ({"optimizer/0/exp_avg_sq": -torch.ones(5, 4)}, "mean of squares, and below 0"),
        ({"optimizer/0/step": torch.tensor(9.0)}, "optimizer/0/step is 9.0 after 3 steps"),
        ({"optimizer/0/step": torch.zeros(2)}, r"optimizer/0/step is \[2\] after"),
        ({"optimizer/0/more": torch.zeros(2)}, "optimizer/0/more is in it"),
        ({"optimizer/77/exp_avg": torch.zeros(2)}, "optimizer/77/exp_avg is in it"),
        ({"optimizer/x/exp_avg": torch.zeros(2)}, "optimizer/x/exp_avg is in it"),
        ({"optimizer/" + "9" * 5000 + "/step": torch.zeros(2)}, "is in it, but not in the run"),
    ],
)
def test_odd_tensors_with_a_right_checksum_are_named_and_change_nothing(path, tensors, words):
    broken_off(network(), path)
    forged(path, tensors=tensors)
    net = network()
    with pytest.raises(FileFormatError, match=f"(?s){words}.*Delete it to start anew"):
        fit(net, path)
    assert all(torch.equal(now, then) for now, then in zip(net.parameters(), network().parameters(), strict=True))


def test_many_faults_are_cut_short(path):
    broken_off(network(), path)
    forged(path, tensors={f"other/{number}": torch.zeros(1) for number in range(20)})
    with pytest.raises(FileFormatError, match="and 10 more"):
        fit(network(), path)


@pytest.mark.parametrize(
    ("metadata", "tensors", "words"),
    [
        ({"step": 99}, {}, "step is 99"),
        ({}, {"state/logits/0": torch.zeros(3)}, r"state/logits/0 is float32 \[3\]"),
        ({}, {"state/executor": torch.zeros(2, 2)}, r"state/executor is float32 \[2, 2\]; int64 \[\]"),
        ({}, {"optimizer/0/exp_avg_sq": None}, "exp_avg_sq is missing"),
    ],
)
def test_the_same_holds_for_masks_and_growing(path, metadata, tensors, words):
    net, config = network().eval(), ms.MaskConfig(steps=2)
    ms.discover(net, loss, part, config=config, checkpoint=path)
    forged(path, metadata, tensors)
    with pytest.raises(FileFormatError, match=words):
        ms.discover(net, loss, part, config=config, checkpoint=path)

    path.unlink()
    initial = ms.MaskLogits.full(ms.select(net), 2.0)
    ms.grow(network(), loss, part, used=None, initial=initial, config=config, checkpoint=str(path))
    forged(path, metadata, {name.replace("logits/0", "logits"): tensor for name, tensor in tensors.items()})
    with pytest.raises(FileFormatError, match=words.replace("logits/0", "logits")):
        ms.grow(network(), loss, part, used=None, initial=initial, config=config, checkpoint=path)


def test_a_checkpoint_without_the_newer_fields_still_serves_masks(path):
    """Those of version 0.1.0 do not say which tensors hold NaN."""
    net, config = network().eval(), ms.MaskConfig(steps=2)
    found = ms.discover(net, loss, part, config=config, checkpoint=path)
    forged(path, {"nan": None})
    assert torch.equal(ms.discover(net, loss, part, config=config, checkpoint=path).logits.flat, found.logits.flat)


def test_a_loss_that_is_infinite_is_remembered(path):
    def infinite(net, x):
        return loss(net, x) + torch.tensor(math.inf)

    for _ in range(2):
        went = ms.fit(network(), infinite, part, config=CONFIG, seed=0, checkpoint=path)
        assert went.histories[0].loss == [math.inf] * 6


def test_what_a_checkpoint_cannot_hold_is_said_before_the_run(path):
    sparse = network()
    sparse.register_buffer("graph", torch.eye(3).to_sparse())
    wide = network()
    wide.register_buffer("phases", torch.zeros(3, dtype=torch.complex128))
    for net, words in (
        (sparse, "graph is sparse"),
        (wide, "phases is torch.complex128"),
        (nn.Sequential(nn.LazyLinear(2)), "Run the network once"),
    ):
        with pytest.raises(ConfigError, match=f"(?s){words}"):
            ms.fit(net, lambda *_: pytest.fail("it ran"), part, config=CONFIG, seed=0, checkpoint=path)
    assert not path.exists()


def test_views_of_one_memory_are_kept_apart(path):
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            fused = torch.ones(6, 4)
            self.q, self.k = nn.Parameter(fused[:3]), nn.Parameter(fused[3:])

        def forward(self, x):
            return x @ self.q.t() + (x @ self.k.t()).tanh()

    whole, halves = Rows(), Rows()
    fit(whole, None)
    broken_off(Rows(), path)
    fit(halves, path)
    assert torch.equal(whole.q, halves.q)
    assert torch.equal(whole.k, halves.k)
