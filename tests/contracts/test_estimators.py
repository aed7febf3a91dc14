"""What every estimator owes, taken from the table; then what some of them owe each other."""

import math

import pytest
import torch

import maskscope as ms
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import ESTIMATORS, Annealing, MaskLogits, Noise, make_estimator, select
from maskscope.masks.estimators.rao_blackwell import mean_slopes
from maskscope.masks.kernels import SignGate, SoftGate
from maskscope.masks.kernels.counter import draw_words
from maskscope.masks.kernels.gate_laws import FAR
from maskscope.masks.kernels.threshold import keep_threshold, position
from tests.contracts.draws import N, draws

LOGITS = [-12.0, -3.0, -1.0, -0.03, 0.0, 0.5, 2.0, 8.0]
SHARES = (0.0, 0.5, 1.0)
DRAWN = [name for name, kind in ESTIMATORS.items() if kind.draws]
SOFT = [name for name in ESTIMATORS if isinstance(make_estimator(name).law(), SoftGate)]
HARD = [name for name in ESTIMATORS if name not in SOFT]
HARD_AND_DRAWN = [name for name in HARD if name in DRAWN]


@pytest.mark.parametrize("name", HARD_AND_DRAWN)
@pytest.mark.parametrize("logit", LOGITS)
def test_hard_samples_are_bernoulli_of_the_sigmoid(name, logit):
    """Binomial z below 4.5 (two-sided level 7e-6; 16 checks): P(open) = sigmoid(logit) within 6e-6."""
    gates = make_estimator(name).gates(torch.full((N,), logit), draws(name, str(logit)))
    p = 1 / (1 + math.exp(-logit))
    count, n = int(gates.value.sum()), 4 * N
    assert abs(count - n * p) <= 4.5 * math.sqrt(n * p * (1 - p)) + 6e-6 * n


@pytest.mark.parametrize("name", HARD_AND_DRAWN)
def test_same_draws_same_masks_with_all_that_are_hard_and_drawn(name):
    logits = torch.linspace(-6, 6, N)
    gates = make_estimator(name).gates(logits, draws("same"))
    assert torch.equal(gates.value, (draws("same") < keep_threshold(position(logits))).float())


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("share", SHARES)
def test_values_are_between_0_and_1_and_slopes_are_finite(name, share):
    logits = torch.linspace(-6, 6, N)
    gates = make_estimator(name).gates(logits, draws("same"), share)
    assert gates.value.shape == gates.slope.shape == (4, N)
    assert gates.value.dtype == gates.slope.dtype == torch.float32
    assert float(gates.value.min()) >= 0
    assert float(gates.value.max()) <= 1
    assert (name in HARD) == bool(((gates.value == 0) | (gates.value == 1)).all())
    assert bool(torch.isfinite(gates.slope).all())
    assert bool((gates.slope >= 0).all())
    assert float(gates.slope.max()) > 0
    assert ESTIMATORS[name].draws == (not torch.equal(gates.value[0], gates.value[1]))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("share", SHARES)
def test_extreme_logits_give_finite_slopes(name, share):
    logits = torch.tensor([-1e30, -1500.0, -300.0, 300.0, 1500.0, 1e30])
    gates = make_estimator(name).gates(logits, draws("same")[:, :6], share)
    assert bool(torch.isfinite(gates.slope).all())
    assert gates.value[:, :3].sum() == 0
    assert bool((gates.value[:, 3:] == 1).all())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_threshold_is_a_logit_of_0(name):
    """Over the noise, and for any temperature, half of the gate is on each side of 1/2: what the mask logit > 0 stands for."""
    logits = torch.full((N,), 0.4)
    for share in SHARES:
        for sign in (1, -1):
            above = make_estimator(name).gates(sign * logits, draws("half"), share).value > 0.5
            part = 1 / (1 + math.exp(-0.4 * sign)) if name in DRAWN else float(sign > 0)
            assert float(above.float().mean()) == pytest.approx(part, abs=4.5 * math.sqrt(0.25 / (4 * N)))


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("share", SHARES)
def test_a_soft_gates_slope_is_its_derivative(name, share):
    """By autograd, from the formula written out by hand."""
    estimator = make_estimator(name)
    logits, drawn = torch.linspace(-4, 4, N), draws("derivative")
    tau = {
        "continuous-sparsification": 200**-share,
        "soft-gumbel": 2 * 0.05**share,
        "hard-concrete": 2 / 3,
    }[name]
    leaf = logits.double().requires_grad_()
    z = leaf - torch.logit((drawn.double() + 0.5) / 2**32) if estimator.draws else leaf.expand(4, N)
    value = torch.sigmoid(z / tau)
    if name == "hard-concrete":
        value = (1.2 * value - 0.1).clamp(0, 1)
    found = estimator.gates(logits, drawn, share)
    torch.testing.assert_close(found.value.double(), value.detach(), rtol=1e-6, atol=1e-7)
    rows = [torch.autograd.grad(row.sum(), leaf, retain_graph=True)[0] for row in value]
    torch.testing.assert_close(found.slope.double(), torch.stack(rows), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("law", [SoftGate(0.5, drawn=False), SoftGate(0.5, drawn=False, low=-0.1, high=1.1)])
def test_a_soft_gate_is_exactly_0_and_1_from_its_bounds_on(law):
    """Without clipping, from where its distance from them would only make subnormal numbers."""
    shut, whole = law.bounds
    assert (shut, whole) == pytest.approx((-FAR, FAR) if law.low == 0 else (-math.log(11), math.log(11)))
    logits = 0.5 * torch.tensor([2 * shut, shut * 1.001, shut * 0.999, 0.0, whole * 0.999, whole * 1.001, 2 * whole])
    none = torch.zeros(1, 7, dtype=torch.int64)
    value, slope = law.value(logits, none)[0], law.slope(logits, none > 0, none)[0]
    assert value[:2].tolist() == [0, 0]
    assert 0 < float(value[2]) < 1e-3
    assert float(value[3]) == 0.5
    assert value[5:].tolist() == [1, 1]
    assert slope[[0, 1, 5, 6]].tolist() == [0] * 4
    assert bool((slope[2:5] > 0).all())


@pytest.mark.parametrize("name", ["deterministic", "exact-k"])
def test_a_hard_gate_that_is_not_drawn_is_the_mask(name):
    logits = torch.tensor([-2.0, -1e-30, -0.0, 0.0, 1e-30, 2.0])
    estimator = make_estimator(name)
    gates = estimator.gates(logits, draws("none")[:, :6])
    assert gates.value.tolist() == [[0, 0, 0, 0, 1, 1]] * 4
    assert gates.slope.tolist() == [[1] * 6] * 4
    assert isinstance(estimator.law(), SignGate)
    assert estimator.exact == (name == "exact-k")


def test_annealing_goes_from_its_start_to_its_end():
    for shape, middle in (("geometric", 1.0), ("linear", 1.0625)):
        annealing = Annealing(2.0, 0.5, shape)
        assert (annealing.at(0.0), annealing.at(1.0)) == (2.0, 0.5)
        assert annealing.at(0.5) == pytest.approx(1.25 if shape == "linear" else middle)
    assert {Annealing(2 / 3, 2 / 3).at(share / 7) for share in range(8)} == {2 / 3}, "a constant is not rounded"
    ends = {name: tuple(make_estimator(name, 2.0).temperature_at(share) for share in (0.0, 1.0)) for name in SOFT}
    assert ends == {"continuous-sparsification": (2, 0.01), "soft-gumbel": (4, 0.2), "hard-concrete": (4 / 3, 4 / 3)}
    own = make_estimator("straight-through", annealing=Annealing(3.0, 1.0, "linear"))
    assert [own.law(share).temperature for share in SHARES] == [3, 2, 1]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_edge_of_what_is_undecided(name):
    """The logit from which on a gate, or its keep probability, is .95."""
    estimator = make_estimator(name)
    for share in SHARES:
        edge = estimator.undecided_below(share)
        if name in DRAWN:
            assert 1 / (1 + math.exp(-edge)) == pytest.approx(0.95)
        elif name in SOFT:
            assert float(estimator.gates(torch.tensor([edge]), draws("edge")[:, :1], share).value[0]) == pytest.approx(0.95)
        else:
            assert edge == 0


def test_straight_through_slope_is_the_soft_gates_derivative():
    """By hand: z = l - logit((draw + 1/2) / 2^32), s = sigmoid(z / tau), slope = s (1 - s) / tau; and b = 1[z > 0]."""
    for tau in (1.0, 0.5, 2.0):
        logits, drawn = torch.linspace(-4, 4, N), draws("slope")
        gates = make_estimator("straight-through", tau).gates(logits, drawn)
        z = logits.double() - torch.logit((drawn.double() + 0.5) / 2**32)
        s = torch.sigmoid(z / tau)
        torch.testing.assert_close(gates.slope.double(), s * (1 - s) / tau, rtol=1e-5, atol=1e-7)
        decided = z.abs() > 1e-3  # within 1e-3 the integer threshold may round the other way
        assert torch.equal(gates.value[decided] > 0, (z > 0)[decided])


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
    # the draws of all steps at once, as those of so many more elements of one step: they are as independent
    drawn = [draw_words(key, step=0, block=0, first=0, count=count * rounds).view(4, rounds, count) for key, count in keys]
    words = torch.cat(drawn, dim=2).transpose(0, 1).reshape(4 * rounds, selection.count)
    gates = make_estimator(name).gates(logits.flat, words)
    masked = torch.where(gates.value > 0, weights, 0).requires_grad_()
    w1, b1, w2, b2 = masked[:, :12].view(-1, 4, 3), masked[:, 12:16], masked[:, 16:20], masked[:, 20:]
    out = (torch.tanh(torch.einsum("koi,bi->kbo", w1, x) + b1[:, None]) * w2[:, None]).sum(-1) + b2
    losses = ((out - 1) ** 2).view(rounds, -1).mean(1)
    (gradient,) = torch.autograd.grad(losses.sum(), masked)
    return (weights * gradient * gates.slope).view(rounds, -1, selection.count).sum(1).double()


def test_the_two_hard_and_drawn_have_one_mean_and_the_second_no_more_variance():
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


@pytest.mark.parametrize("name", ["deterministic", "exact-k"])
def test_what_has_no_temperature_refuses_one(name):
    for settings in ({"temperature": 2.0}, {"annealing": Annealing(2.0, 1.0)}):
        with pytest.raises(ConfigError, match="has no temperature: leave temperature at 1"):
            make_estimator(name, **settings)


def test_rao_blackwell_says_why_its_temperature_does_not_change():
    with pytest.raises(ConfigError, match="choose estimator 'straight-through'"):
        make_estimator("rao-blackwell", annealing=Annealing(2.0, 1.0))
    assert make_estimator("rao-blackwell", 0.5, Annealing(4.0, 4.0)).law() is make_estimator("rao-blackwell", 2.0).law()


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, -1.0), (math.inf, 1.0), (1.0, math.nan)])
def test_annealing_needs_two_temperatures(ends):
    with pytest.raises(ConfigError, match="two finite numbers above 0 were expected"):
        Annealing(*ends)


def test_unknown_shape_of_annealing_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'linear'"):
        Annealing(1.0, 2.0, "liner")


def test_unknown_estimator_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'rao-blackwell'"):
        make_estimator("rao-blackwel")
