"""Several networks of one shape are searched, and trained, together: each as if it were alone, to rounding."""

import copy

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError


def made(seed, hidden=6):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def part(index):
    random = torch.Generator().manual_seed(index)
    return torch.randn(8, 5, generator=random), torch.randint(3, (8,), generator=random)


def loss(network, given):
    return nn.functional.cross_entropy(network(given[0]), given[1])


CONFIG = ms.MaskConfig(steps=5, samples_per_step=2, learning_rate=0.3)


@pytest.mark.parametrize("exclude", [("*bias",), ()])
@pytest.mark.parametrize("executor", ["auto", "batched", "sequential", "threads"])
def test_masks_of_several_networks_are_those_of_each(executor, exclude):
    networks = [made(0), made(1)]
    selection = ms.select(networks[0], exclude=exclude)
    compute = ms.Compute(executor=executor)
    more = {"selection": selection, "config": CONFIG, "compute": compute, "watch": False}
    wanted = [ms.MaskSearch(name, part, network=network) for network in networks for name in ("f", "g")]
    found = ms.discover_many(nn.Identity(), loss, wanted, **more)
    for one, together in zip(wanted, found, strict=True):
        (alone,) = ms.discover_many(one.network, loss, [ms.MaskSearch(one.name, part)], **more)
        torch.testing.assert_close(together.logits.flat, alone.logits.flat, rtol=1e-4, atol=1e-5)
        assert together.history.loss == pytest.approx(alone.history.loss, rel=1e-5)
        assert together.judgement.unmasked_loss == pytest.approx(alone.judgement.unmasked_loss, rel=1e-5)
        ms.bake(one.network, together.mask)  # it belongs to this network


class Normed(nn.Module):
    """Has buffers, whose values differ; so each network is called by itself."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.norm, self.second = nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)
        self.norm.running_mean.normal_()

    def forward(self, x):
        return self.second(self.norm(self.first(x)).relu())


def test_networks_with_buffers_have_their_own():
    networks = [Normed(0), Normed(1)]
    found = ms.discover_many(
        networks[0], loss, [ms.MaskSearch("f", part, network=one) for one in networks], config=CONFIG, watch=False
    )
    for network, together in zip(networks, found, strict=True):
        alone = ms.discover(network, loss, part, name="f", config=CONFIG, watch=False)
        torch.testing.assert_close(together.logits.flat, alone.logits.flat, rtol=1e-4, atol=1e-5)


def test_a_path_of_several_networks_judges_each():
    networks, config = [made(0), made(1)], ms.MaskConfig(steps=4, samples_per_step=2, size=ms.BehaviourKept(of="loss", parts=4))
    found = ms.discover_many(
        networks[0], loss, [ms.MaskSearch("f", part, network=one) for one in networks], config=config, watch=False
    )
    for network, together in zip(networks, found, strict=True):
        alone = ms.discover(network, loss, part, name="f", config=config, watch=False)
        assert [point.kept for point in together.curve] == [point.kept for point in alone.curve]


class Scaled(nn.Sequential):
    """With a setting of its own."""

    def __init__(self, *layers, scale):
        super().__init__(*layers)
        self.scale = scale


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (made(1, hidden=7), r"0 differs in out_features"),
        (nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)), "1 is a Tanh, and not a ReLU"),
        (nn.Sequential(nn.Linear(5, 3)), "its modules are"),
        (made(0).double(), r"0.bias is \[6\] torch.float64 on cpu, and not \[6\] torch.float32 on cpu"),
    ],
)
def test_networks_that_are_not_alike_are_refused(other, words):
    wanted = [ms.MaskSearch("f", part, network=one) for one in (made(0), other)]
    with pytest.raises(ConfigError, match=rf"Network 1 is not like the first, a Sequential: {words}"):
        ms.discover_many(made(0), loss, wanted, config=CONFIG, watch=False)


def test_a_setting_that_differs_is_named():
    wanted = [ms.MaskSearch("f", part, network=Scaled(nn.Linear(5, 3), scale=scale)) for scale in (1.0, 2.0)]
    with pytest.raises(ConfigError, match="the network itself differs in scale"):
        ms.discover_many(made(0), loss, wanted, config=CONFIG, watch=False)


FIT = ms.FitConfig(steps=12, learning_rate=0.05, milestones=(8,), clip_norm=0.1)


def sources(count):
    return [lambda index, place=place: part(100 * place + index) for place in range(count)]


def dropping(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5), nn.Linear(6, 3))


@pytest.mark.parametrize(("make", "exact"), [(made, False), (dropping, True), (Normed, True)])
def test_networks_trained_together_are_those_trained_alone(make, exact):
    networks = [make(seed) for seed in range(3)]
    alone = copy.deepcopy(networks)
    networks[1].eval()
    result = ms.fit_many(networks, loss, sources(3), config=FIT, seeds=[7, 8, 9])
    assert [network.training for network in networks] == [True, False, True]
    for place, (network, one) in enumerate(zip(networks, alone, strict=True)):
        wanted = ms.fit(one, loss, sources(3)[place], config=FIT, seed=7 + place)
        assert result.histories[place].loss == pytest.approx(wanted.histories[0].loss, rel=1e-5)
        for mine, its in zip(network.state_dict().values(), one.state_dict().values(), strict=True):
            torch.testing.assert_close(mine, its, rtol=0 if exact else 1e-4, atol=0 if exact else 1e-5)


@pytest.mark.parametrize("make", [made, dropping])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(make, tmp_path):
    class Stop(ms.Observer):
        def after_step(self, report):
            if report.step == 5:
                raise KeyboardInterrupt

    whole, cut = ([make(seed) for seed in range(2)] for _ in range(2))
    ms.fit_many(whole, loss, sources(2), config=FIT, seeds=[1, 2])
    where = ms.Checkpoint(tmp_path / "state", every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        ms.fit_many(cut, loss, sources(2), config=FIT, seeds=[1, 2], observers=[[Stop()], []], checkpoint=where)
    cut = [make(seed) for seed in range(2)]
    ms.fit_many(cut, loss, sources(2), config=FIT, seeds=[1, 2], checkpoint=where)
    for mine, its in zip(cut, whole, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(mine.parameters(), its.parameters(), strict=True))


def test_bad_input_of_training_is_refused():
    with pytest.raises(ConfigError, match="2 networks, 1 sources of batches, 2 seeds and 2 lists"):
        ms.fit_many([made(0), made(1)], loss, sources(1), config=FIT, seeds=[0, 1])
    network = made(0)
    with pytest.raises(ConfigError, match="One network is there twice"):
        ms.fit_many([network, network], loss, sources(2), config=FIT, seeds=[0, 1])
    uneven = [[part(0)], [tuple(one[:4] for one in part(0))]]
    with pytest.raises(ConfigError, match="parts of a step are not all of one shape. Train them one by one with maskscope.fit"):
        ms.fit_many([made(0), made(1)], loss, uneven, config=FIT, seeds=[0, 1])
    with pytest.raises(ConfigError, match="RuntimeError: vmap: .*item.*Train them one by one with maskscope.fit"):
        ms.fit_many(
            [made(0), made(1)],
            lambda net, given: net(given[0]).sum() * net(given[0]).sum().item(),
            sources(2),
            config=FIT,
            seeds=[0, 1],
        )
