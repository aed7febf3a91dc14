"""The mean slope of a gate given whether it is open: the integral that it stands for, and the table that is made of it."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad

from maskscope.masks import make_estimator
from maskscope.masks.estimators.rao_blackwell import integrated_slopes, mean_slopes
from tests.contracts.draws import N, draws


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
    exact = torch.where(gates.value > 0, if_open, if_closed)
    assert float((gates.slope - exact).abs().max()) < 1e-6


@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0, 30.0])
def test_the_mean_slope_at_another_temperature_is_the_integral(tau):
    """c_1(l) = E[s (1 - s) / tau | z > 0], s = sigmoid(z / tau), by scipy's integration; and the table that is made of it."""
    tested = [-20.0, -2.0, -0.1, 0.0, 0.3, 3.0, 20.0]

    def integrand(z, logit):
        e, d = math.exp(-abs(z) / tau), math.exp(-abs(z - logit))
        return e / (1 + e) ** 2 / tau * d / (1 + d) ** 2

    def mean(logit):
        middle = max(logit, 0.0)
        edges = sorted({0.0, min(3 * tau, 60), min(20 * tau, 60), *(max(middle + far, 0.0) for far in (-5, 0, 5, 60))})
        parts = [quad(integrand, a, b, args=(logit,), epsabs=1e-18, epsrel=1e-11)[0] for a, b in pairwise(edges)]
        return sum(parts) * (1 + math.exp(-logit))

    if_open, if_closed = integrated_slopes(torch.tensor(tested, dtype=torch.float64), tau)
    assert if_open.tolist() == pytest.approx([mean(logit) for logit in tested], rel=1e-8, abs=1e-14)
    assert if_closed.tolist() == pytest.approx([mean(-logit) for logit in tested], rel=1e-8, abs=1e-14)
    logits = torch.linspace(-10, 10, 4096)
    gates = make_estimator("rao-blackwell", tau).gates(logits, draws("table")[:, :4096])
    exact = torch.where(gates.value > 0, *integrated_slopes(logits.double(), tau))
    assert float((gates.slope - exact).abs().max()) < 1e-6 / min(tau, 1)


def test_at_temperature_1_the_integral_is_the_closed_form():
    logits = torch.linspace(-24, 24, 501, dtype=torch.float64)
    for found, wanted in zip(integrated_slopes(logits, 1.0), mean_slopes(logits), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-11)  # as good as the closed form is near its series


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_at_other_temperatures_both_estimators_have_one_mean_slope(tau):
    """z of the mean over the draws, given open and given closed, below 4.5 at every logit."""
    for logit in (-3.0, -0.5, 0.0, 1.0, 4.0):
        logits, drawn = torch.full((N,), logit), draws("mean", str(logit))
        paper, ours = (make_estimator(name, tau).gates(logits, drawn) for name in HARD_AND_DRAWN[::-1])
        for is_open in (False, True):
            some = paper.slope[(paper.value > 0) == is_open].double()
            mean = float(ours.slope[(ours.value > 0) == is_open][0])
            assert abs(float(some.mean()) - mean) < 4.5 * float(some.std()) / math.sqrt(len(some))


def test_the_law_of_a_table_is_one_object():
    """Kernels keep tables by the object."""
    laws = {id(make_estimator("rao-blackwell", 2.0).law(share)) for share in SHARES}
    assert len(laws) == 1
    assert make_estimator("rao-blackwell").law() is not make_estimator("rao-blackwell", 2.0).law()
