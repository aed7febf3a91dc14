"""What every estimator owes, taken from the table; then what the two of them owe each other."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad

import maskscope as ms
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import ESTIMATORS, MaskLogits, Noise, make_estimator, select
from maskscope.masks.estimators.rao_blackwell import mean_slopes
from maskscope.masks.kernels.counter import draw_words, stream_key
from maskscope.masks.kernels.threshold import keep_threshold, position

N = 1 << 15
LOGITS = [-12.0, -3.0, -1.0, -0.03, 0.0, 0.5, 2.0, 8.0]


def draws(*name):
    return draw_words(stream_key("test", *name), step=0, block=0, first=0, count=N)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("logit", LOGITS)
def test_hard_samples_are_bernoulli_of_the_sigmoid(name, logit):
    """Binomial z below 4.5 (two-sided level 7e-6; 16 checks): P(open) = sigmoid(logit) within 6e-6."""
    gates = make_estimator(name).gates(torch.full((N,), logit), draws(name, str(logit)))
    p = 1 / (1 + math.exp(-logit))
    count, n = int(gates.is_open.sum()), 4 * N
    assert abs(count - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)) + 6e-6 * n


@pytest.mark.parametrize("name", ESTIMATORS)
def test_same_draws_same_masks_whatever_the_estimator(name):
    logits = torch.linspace(-6, 6, N)
    gates = make_estimator(name).gates(logits, draws("same"))
    assert torch.equal(gates.is_open, draws("same") < keep_threshold(position(logits)))
    assert bool(torch.isfinite(gates.slope).all())
    assert bool((gates.slope >= 0).all())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_extreme_logits_give_finite_slopes(name):
    logits = torch.tensor([-1e30, -1500.0, -300.0, 300.0, 1500.0, 1e30])
    gates = make_estimator(name).gates(logits, draws("same")[:, :6])
    assert bool(torch.isfinite(gates.slope).all())
    assert gates.is_open[:, :3].sum() == 0
    assert bool(gates.is_open[:, 3:].all())


def test_straight_through_slope_is_the_soft_gates_derivative():
    """By hand: z = l - logit((draw + 1/2) / 2^32), s = sigmoid(z / tau), slope = s (1 - s) / tau; and b = 1[z > 0]."""
    for tau in (1.0, 0.5, 2.0):
        logits, drawn = torch.linspace(-4, 4, N), draws("slope")
        gates = make_estimator("straight-through", tau).gates(logits, drawn)
        z = logits.double() - torch.logit((drawn.double() + 0.5) / 2**32)
        s = torch.sigmoid(z / tau)
        torch.testing.assert_close(gates.slope.double(), s * (1 - s) / tau, rtol=1e-5, atol=1e-7)
        decided = z.abs() > 1e-3  # within 1e-3 the integer threshold may round the other way
        assert torch.equal(gates.is_open[decided], (z > 0)[decided])


@pytest.mark.parametrize("size", [0, 1e-6, 1e-3, 0.04, 0.06, 1, 2, 10, 40])
@pytest.mark.parametrize("sign", [-1, 1])
def test_mean_slope_is_the_integral(size, sign):
    """c_1(l) = E[s (1 - s) | z > 0] by numerical integration over the logistic density of z around l."""
    logit = sign * size

    def density(z):
        e = math.exp(-abs(z - logit))
        return e / (1 + e) ** 2

    def slope(z):
        e = math.exp(-abs(z))
        return e / (1 + e) ** 2

    points = sorted({0.0, max(logit, 0.0)})
    edges = [0.0, *[p for p in points if p > 0], *[max(logit, 0) + far for far in (5, 20, 60)]]
    integral = sum(quad(lambda z: slope(z) * density(z), a, b, epsabs=1e-16, epsrel=1e-12)[0] for a, b in pairwise(edges))
    exact = integral / (1 / (1 + math.exp(-logit)))
    if_open, _ = mean_slopes(torch.tensor([float(logit)], dtype=torch.float64))
    _, if_closed = mean_slopes(torch.tensor([-float(logit)], dtype=torch.float64))
    assert float(if_open) == pytest.approx(exact, rel=2e-7, abs=1e-12)
    assert float(if_closed) == pytest.approx(exact, rel=2e-7, abs=1e-12)


def test_published_check_values_and_limits():
    logits = torch.tensor([-6, -2, -0.5, 0.3, 2, 5, 0, -1500, 1500, 300], dtype=torch.float64)
    wanted = [0.193062, 0.188699, 0.175581, 0.159847, 0.103128, 0.019794, 1 / 6, math.log(2) - 0.5, 0, 0]
    assert mean_slopes(logits)[0].tolist() == pytest.approx(wanted, abs=6e-7)


def test_rao_blackwell_reads_its_slope_to_1e_6():
    logits = torch.linspace(-30, 30, N)
    gates = make_estimator("rao-blackwell").gates(logits, draws("table"))
    if_open, if_closed = mean_slopes(logits.double())
    exact = torch.where(gates.is_open, if_open, if_closed)
    assert float((gates.slope - exact).abs().max()) < 1e-6


def _gradients(name, rounds):
    """Gradients of logits on a fixed small network, one for each of many steps: mean loss of S = 4 samples, by hand."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x = torch.linspace(-1, 1, 12).view(4, 3)
    selection = select(network)
    logits = MaskLogits(selection, torch.linspace(-2, 2, selection.count))
    weights = torch.cat([w.flatten() for w in selection.of(network).values()])
    keys = [(Noise(5, name).key(w.name), w.count) for w in selection.weights]
    steps = [
        torch.cat([draw_words(key, step=step, block=0, first=0, count=count) for key, count in keys], dim=1)
        for step in range(rounds)
    ]
    gates = make_estimator(name).gates(logits.flat, torch.cat(steps))  # all steps at once
    masked = torch.where(gates.is_open, weights, 0).requires_grad_()
    w1, b1, w2, b2 = masked[:, :12].view(-1, 4, 3), masked[:, 12:16], masked[:, 16:20], masked[:, 20:]
    out = (torch.tanh(torch.einsum("koi,bi->kbo", w1, x) + b1[:, None]) * w2[:, None]).sum(-1) + b2
    losses = ((out - 1) ** 2).view(rounds, -1).mean(1)
    (gradient,) = torch.autograd.grad(losses.sum(), masked)
    return (weights * gradient * gates.slope).view(rounds, -1, selection.count).sum(1).double()


def test_both_estimators_have_one_mean_and_the_second_no_more_variance():
    """2,000 steps each. Means: z of every logit below 4.5. Variance: summed over logits, lower by more than chance."""
    paper, ours = _gradients("straight-through", 2000), _gradients("rao-blackwell", 2000)
    error = ((paper.var(0) + ours.var(0)) / 2000).sqrt()
    assert float(((paper.mean(0) - ours.mean(0)).abs() / error).max()) < 4.5
    assert float(ours.var(0).sum()) < float(paper.var(0).sum())
    # the same comparison, logit by logit: an F ratio of 1.15 has a level below 1e-3 at 1999 and 1999 degrees of freedom
    assert float((ours.var(0) / paper.var(0)).max()) < 1.15


def test_discover_steps_along_the_formula():
    """One step of Adam moves each logit by lr against the sign of the gradient written out by hand, penalty included."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Linear(4, 3)
    part = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    selection = ms.select(network)
    config = ms.MaskConfig(steps=1, samples_per_step=6, learning_rate=0.25, size=ms.Penalty(1e-3), clip_norm=0.0)
    found = ms.discover(
        network, lambda net, x: (net(x) ** 2).mean(), [part], selection=selection, config=config, seed=2, name="f"
    )
    logits = MaskLogits.full(selection, 2.0)
    gradient = torch.full((selection.count,), 1e-3)
    for index in range(6):
        mask = ms.sample(logits, Noise(2, "f"), step=0, index=index)
        w, b = (p.detach().where(mask[n], 0).requires_grad_() for n, p in network.named_parameters())
        grads = torch.autograd.grad(((part @ w.T + b) ** 2).mean(), (w, b))
        if_open, if_closed = (float(c) for c in mean_slopes(torch.tensor([2.0], dtype=torch.float64)))
        for (n, p), grad, at in zip(network.named_parameters(), grads, (slice(0, 12), slice(12, 15)), strict=True):
            slope = torch.where(mask[n], if_open, if_closed)
            gradient[at] += (p.detach() * grad * slope).flatten() / 6
    expected = 2.0 - 0.25 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(found.logits.flat, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_temperature_must_be_positive(name):
    with pytest.raises(ConfigError, match="a number above 0 was expected"):
        make_estimator(name, 0.0)


def test_rao_blackwell_says_why_it_has_no_other_temperature():
    with pytest.raises(ConfigError, match="choose estimator 'straight-through'"):
        make_estimator("rao-blackwell", 0.5)


def test_unknown_estimator_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'rao-blackwell'"):
        make_estimator("rao-blackwel")
