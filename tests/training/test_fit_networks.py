"""What `fit` trains, and what it refuses by name: sparse gradients, complex numbers, views, nothing at all."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError
from maskscope.training.optimizers.state import make_optimizer

CONFIG = ms.FitConfig(steps=5, learning_rate=0.1)


def tokens(index):
    return torch.randint(7, (8, 4), generator=torch.Generator().manual_seed(index))


def part(index):
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(index))


def loss(net, x):
    return (net(x) - 1).abs().square().mean()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_sparse_gradients_do_what_dense_ones_do(optimizer):
    config, found = ms.FitConfig(5, 0.1, optimizer=optimizer), []
    for sparse in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Embedding(7, 6, sparse=sparse), nn.Flatten(), nn.Linear(24, 1))
        ms.fit(net, loss, tokens, config=config, seed=0)
        found.append([*net.parameters()])
    for dense, other in zip(*found, strict=True):
        torch.testing.assert_close(other, dense)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_complex_weights_are_trained_and_taken_up_to_the_same_bits(optimizer, tmp_path):
    class Fourier(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([1 + 1j, 2.0, -1j]))

        def forward(self, x):
            return torch.fft.irfft(torch.fft.rfft(x) * self.w, n=5)

    config, whole = ms.FitConfig(5, 0.1, optimizer=optimizer), Fourier()
    ms.fit(whole, loss, part, config=config, seed=0)
    assert not torch.equal(whole.w, Fourier().w)

    class Stop(ms.Observer):
        def after_step(self, report):
            if report.step == 3:
                raise KeyboardInterrupt

    checkpoint, resumed = ms.Checkpoint(tmp_path / "c", every_seconds=0.0), Fourier()
    with pytest.raises(KeyboardInterrupt):
        ms.fit(Fourier(), loss, part, config=config, seed=0, checkpoint=checkpoint, observers=[Stop()])
    ms.fit(resumed, loss, part, config=config, seed=0, checkpoint=checkpoint)
    assert torch.equal(whole.w, resumed.w)


class Columns(nn.Module):
    def __init__(self, apart):
        super().__init__()
        self.fused = torch.arange(30.0).reshape(5, 6) / 30
        q, k = self.fused[:, :3], self.fused[:, 3:]
        self.q, self.k = nn.Parameter(q.clone() if apart else q), nn.Parameter(k.clone() if apart else k, requires_grad=False)

    def forward(self, x):
        return x @ self.q + x @ self.k


def test_training_a_column_leaves_its_neighbour_alone():
    """torch's fused Adam runs over memory, not over elements: it wrote into the column beside."""
    apart, view = Columns(True), Columns(False)
    for net in (apart, view):
        ms.fit(net, loss, part, config=CONFIG, seed=0)
    assert torch.equal(view.k, apart.k)
    torch.testing.assert_close(view.q, apart.q)


def test_growing_columns_leaves_their_neighbour_alone():
    found = []
    for net in (Columns(True), Columns(False)):
        selection = ms.select(net, include=["q"])
        ms.grow(
            net,
            loss,
            part,
            selection=selection,
            used=None,
            initial=ms.MaskLogits.full(selection, 2.0),
            config=ms.MaskConfig(steps=5, learning_rate=0.1),
        )
        found.append(net)
    assert torch.equal(found[1].k, found[0].k)
    torch.testing.assert_close(found[1].q, found[0].q)


def test_the_optimizer_is_fused_wherever_it_may_be():
    """Else the bits of networks that were trained before would change."""
    conv = torch.zeros(4, 1, 3, 3).to(memory_format=torch.channels_last)
    for leaves in ([conv, torch.zeros(0, 3), torch.zeros(()), torch.zeros(3, 2).t()], [torch.zeros(2, dtype=torch.bfloat16)]):
        assert make_optimizer("adam", [nn.Parameter(leaf) for leaf in leaves], {"lr": 0.1}).defaults["fused"]


def nothing(net, x):
    pytest.fail("the loss was called")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.ReLU(), r"The network \(ReLU\) has no parameters"),
        (nn.Linear(5, 3).requires_grad_(False), r"None of the 2 parameters.*requires_grad_\(\)"),
        (nn.ParameterList([torch.zeros(5, 1).expand(5, 3)]), "0 has several elements at one memory address"),
        (nn.ParameterList([torch.eye(3).to_sparse()]), "0 is sparse"),
        (nn.Linear(5, 3, device="meta"), "weight is on the meta device"),
    ],
)
def test_what_cannot_be_trained_is_said(net, words):
    with pytest.raises(ConfigError, match=words):
        ms.fit(net, nothing, part, config=CONFIG, seed=0)


def test_a_lazy_network_is_trained():
    net = nn.Sequential(nn.LazyLinear(3))
    ms.fit(net, loss, part, config=CONFIG, seed=0)
    assert net[0].weight.shape == (3, 5)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_what_is_set_around_does_not_reach_inside(around):
    def found(make):
        torch.manual_seed(0)
        net, data = nn.Linear(5, 3), [part(0), part(1)]
        masks = ms.discover(net, loss, data, config=ms.MaskConfig(steps=3, learning_rate=0.1))
        logits = ms.MaskLogits.full(ms.select(net), 2.0)
        if make is torch.no_grad:  # parameters that are made in inference mode cannot be trained
            ms.fit(net, loss, data, config=CONFIG, seed=0)
            ms.grow(net, loss, data, used=None, initial=logits, config=ms.MaskConfig(steps=3, learning_rate=0.1))
        return [masks.logits.flat.clone(), *(parameter.detach().clone() for parameter in net.parameters())]

    with around():
        inside = found(around)
    outside = found(around)
    assert all(torch.equal(one, two) for one, two in zip(inside, outside, strict=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_the_default_dtype_does_not_reach_inside(dtype):
    def found():
        torch.manual_seed(0)
        net = nn.Linear(5, 3, dtype=torch.float32)
        return ms.discover(net, loss, part, config=ms.MaskConfig(steps=3, learning_rate=0.1)).logits.flat

    def part(index):
        return torch.randn(8, 5, generator=torch.Generator().manual_seed(index), dtype=torch.float32)

    wanted = found()
    torch.set_default_dtype(dtype)
    try:
        assert torch.equal(found(), wanted)
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_meta_device_around_is_refused():
    net, data = nn.Linear(5, 3), [part(0)]
    with torch.device("meta"):
        with pytest.raises(ConfigError, match="on the meta device here"):
            ms.fit(net, nothing, data, config=CONFIG, seed=0)
        with pytest.raises(ConfigError, match="on the meta device here"):
            ms.discover(net, nothing, data)
