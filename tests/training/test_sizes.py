"""Sizes: a density that is reached, a behaviour that is kept, and searches that end when nothing can come."""

import math

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import BatchesError, ConfigError, LossError
from maskscope.masks import ESTIMATORS
from maskscope.training.sizing import CurvePoint
from maskscope.training.sizing.density import expected_shift, keep_exactly
from maskscope.training.sizing.path import stages_of

TRUE = (3, 7, 11, 15)


def network():
    """The score of class 1 is the sum of four inputs; all other weights are noise."""
    net = nn.Linear(40, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(0.01 * torch.randn(2, 40, generator=torch.Generator().manual_seed(0)))
        net.weight[1, list(TRUE)] = 3.0
    return net


def part(index):
    x = torch.randn(64, 40, generator=torch.Generator().manual_seed(index))
    return x, (x[:, list(TRUE)].sum(1) > 0).long()


def loss(net, given):
    return nn.functional.cross_entropy(net(given[0]), given[1])


def score(net, given):
    return net(given[0]).argmax(1) == given[1]


def config(size, estimator="continuous-sparsification", steps=60, **more):
    samples = 4 if ESTIMATORS[estimator].draws else 1
    return ms.MaskConfig(steps=steps, samples_per_step=samples, learning_rate=0.2, size=size, estimator=estimator, **more)


PATH = ms.BehaviourKept(parts=4)


def found(size, estimator="continuous-sparsification", batches=part, **more):
    settings = {name: more.pop(name) for name in ("steps", "stop_when_lost", "initial_logit") if name in more}
    return ms.discover(
        network(), loss, batches, config=config(size, estimator, **settings), watch=False, judge=False, score=score, **more
    )


def is_true(mask):
    bits = torch.zeros(2, 40, dtype=torch.bool)
    bits[1, list(TRUE)] = True
    return torch.equal(mask["weight"], bits)


@pytest.mark.parametrize("kept", [1, 3, 6, 10])
def test_an_exact_number_is_kept_whatever_the_ties(kept):
    logits = torch.tensor([2.0, 2.0, 2.0, 5.0, -1.0, 2.0, 0.5, 2.0, 0.5, -7.0])
    before = logits.clone()
    keep_exactly(logits, kept)
    assert int((logits > 0).sum()) == kept
    lowest = min(before[logits > 0].tolist(), default=math.inf)
    assert lowest >= max(before[logits <= 0].tolist(), default=-math.inf)


@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_a_shift_brings_the_expected_number_to_its_target(temperature):
    logits = torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 3
    for kept in (10, 700, 4900):
        shift = expected_shift(logits, kept, temperature)
        assert float(torch.sigmoid((logits - shift) / temperature).sum()) == pytest.approx(kept, rel=1e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_reaches_the_density(estimator):
    assert found(ms.TargetDensity(0.3), estimator).mask.kept == 24
    exact = found(ms.TargetDensity(4 / 80), estimator, steps=150)
    assert exact.mask.kept == 4
    assert is_true(exact.mask) or estimator in ("deterministic", "exact-k", "hard-concrete")


@pytest.mark.parametrize("estimator", ["continuous-sparsification", "soft-gumbel", "rao-blackwell"])
@pytest.mark.parametrize("of", ["score", "loss"])
def test_the_smallest_mask_that_keeps_the_behaviour(estimator, of):
    """Without any one of the four, fewer than .9 of the answers are right."""
    result = found(ms.BehaviourKept(0.95, of, parts=6), estimator)
    assert is_true(result.mask)
    assert len(result.history.loss) <= 120
    enough = [point for point in result.curve if point.is_enough]
    assert min(point.kept for point in enough) == 4
    assert all(point.lower >= 0.95 for point in enough)
    assert result.curve[0].kept >= result.curve[1].kept
    assert [CurvePoint.from_json(one) for one in result.mask.made_by["curve"]] == list(result.curve)


def test_divergence_from_the_unmasked_network_needs_no_labels():
    whole = ms.unmasked(net := network())

    def divergence(masked, given):
        return nn.functional.kl_div(
            masked(given[0]).log_softmax(-1), whole(given[0]).log_softmax(-1), log_target=True, reduction="batchmean"
        )

    result = ms.discover(net, divergence, part, config=config(ms.BehaviourKept(0.9, "kl", parts=4)), watch=False)
    assert is_true(result.mask)


def test_divergence_needs_what_the_network_returns():
    settings, inner = config(ms.BehaviourKept(of="kl")), nn.Sequential(network())
    with pytest.raises(LossError, match="does not call the network itself"):
        ms.discover(inner, lambda net, given: loss(net[0], given), part, config=settings, watch=False)


def test_a_behaviour_that_no_mask_keeps_gives_the_curve_and_the_largest():
    result = found(PATH, steps=6, initial_logit=-3.0)
    assert not any(point.is_enough for point in result.curve)
    assert result.mask.kept == max(point.kept for point in result.curve)
    penalties = [point.penalty for point in result.curve]
    assert penalties == sorted(penalties, reverse=True)


def test_a_network_without_the_behaviour_ends_after_the_first_stage():
    with torch.no_grad():
        (net := network()).weight.zero_()
    result = ms.discover(net, loss, part, config=config(PATH), watch=False, score=score, check=False, judge=False)
    assert len(result.history.loss) == stages_of(ms.BehaviourKept(), 60, config(PATH).least_stage)[0]
    assert math.isnan(result.curve[0].behaviour)


@pytest.mark.parametrize("steps", [1, 7, 60, 1000])
def test_a_path_takes_as_many_steps_as_it_says(steps):
    ends = stages_of(ms.BehaviourKept(cost=2.0), steps)
    assert list(ends) == sorted(set(ends))
    assert ends[-1] <= max(2 * steps, 1)
    long = stages_of(ms.BehaviourKept(cost=2.0), steps, least=40)
    assert min(after - before for before, after in zip((0, *long), long, strict=False)) >= 40


def test_a_killed_path_goes_on_to_the_same_bits(tmp_path):
    class Stop(ms.Observer):
        def after_step(self, report):
            if report.step == 57:
                raise KeyboardInterrupt

    size, file = PATH, tmp_path / "path.safetensors"
    whole = found(size)
    often = ms.Checkpoint(file, every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        found(size, checkpoint=often, observers=[Stop()])
    resumed = found(size, checkpoint=often)
    assert torch.equal(resumed.logits.flat, whole.logits.flat)
    assert resumed.curve == whole.curve
    assert resumed.history.loss == whole.history.loss


def test_held_out_parts_are_those_that_no_step_asks_for():
    asked = []

    def counted(index):
        asked.append(index)
        return part(index)

    result = found(ms.BehaviourKept(parts=3), batches=counted, check=False)
    steps = config(PATH).most_steps
    assert sorted(set(asked))[-3:] == [steps, steps + 1, steps + 2]
    assert max(index for index in asked if index < steps) == len(result.history.loss) - 1
    parts = [part(index) for index in range(20)]
    assert is_true(found(PATH, batches=parts).mask)
    assert is_true(found(PATH, batches=iter([part(0)] * 200), held_out=parts).mask) is not None


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([part(0)] * 5, "a list of 5: its last fifth would be 1, and at least 2"),
        (iter([part(0)] * 9), "a list_iterator, of which it is not known which parts can be held out. Give held_out"),
    ],
)
def test_what_to_hold_out_has_to_be_known(batches, message):
    with pytest.raises(BatchesError, match=message):
        found(PATH, batches=batches)


def test_sizes_and_estimators_that_do_not_go_together():
    with pytest.raises(ConfigError, match=r"exact-k keeps a given number of units, and size is penalty. Give size=TargetDensity"):
        config(ms.Penalty(1.0), "exact-k")
    with pytest.raises(ConfigError, match="there is no score: give score="):
        ms.discover(network(), loss, part, config=config(PATH), watch=False)
    with pytest.raises(ConfigError, match="with size=behaviour-kept a search ends by itself"):
        config(ms.BehaviourKept(), stop_when_settled=True)
    with pytest.raises(ConfigError, match="less than half of one unit: there are 80 units"):
        found(ms.TargetDensity(0.001))
    logits = ms.MaskLogits.full(ms.select(net := network()), 2.0)
    with pytest.raises(ConfigError, match="grow learns weights and mask together and needs a penalty; size is target-density"):
        ms.grow(net, loss, part, used=None, initial=logits, config=config(ms.TargetDensity(0.5), "straight-through"))


def test_a_lost_search_ends_early_and_a_good_one_does_not():
    lost = found(ms.Penalty(10.0), "rao-blackwell", steps=400, stop_when_lost=True)
    assert lost.mask.density < 0.01
    assert len(lost.history.loss) < 200
    good = found(ms.Penalty(1e-2), "rao-blackwell", steps=200, stop_when_lost=True)
    assert len(good.history.loss) == 200
    assert good.mask.kept >= 4


def test_avoided_units_are_used_only_where_they_are_needed():
    """Two copies of the module, of which one is avoided: the search takes the other."""
    with torch.no_grad():
        net = network()
        net.weight[1, 20:] = 0.9 * net.weight[1, :20]
    bits = torch.zeros(2, 40, dtype=torch.bool)
    bits[1, list(TRUE)] = True
    other = [place + 20 for place in TRUE]

    def twice(index):
        x, y = part(index)
        return torch.cat([x[:, :20], x[:, :20]], 1), y

    def kept(*avoid, **more):
        wanted = ms.MaskSearch("f", twice, avoid=avoid, **more)
        (one,) = ms.discover_many(net, loss, [wanted], config=config(ms.Penalty(2e-3), steps=120), watch=False, judge=False)
        return set(one.mask["weight"][1].nonzero()[:, 0].tolist())

    assert kept() & set(TRUE)
    assert kept(ms.BinaryMask({"weight": bits}), repulsion=100.0) == set(other)
    with pytest.raises(ConfigError, match="repulsion is -1"):
        ms.MaskSearch("f", twice, repulsion=-1.0)


def test_what_draws_nothing_finds_one_mask_on_the_same_batches():
    """Overlap of 1 between such repeats would look like a mask that is perfectly stable."""
    wanted = [ms.MaskSearch("f", part, repeat=repeat) for repeat in (0, 1)]
    with pytest.raises(ConfigError, match=r"would find the same mask: f \(seed 0, repeat 0\), f \(seed 0, repeat 1\)"):
        ms.discover_many(network(), loss, wanted, config=config(ms.Penalty(1e-3)), watch=False)
    others = [ms.MaskSearch("f", lambda index, first=first: part(index + first), repeat=first) for first in (0, 9)]
    first, second = ms.discover_many(network(), loss, others, config=config(ms.Penalty(1e-3), steps=3), watch=False, judge=False)
    assert not torch.equal(first.logits.flat, second.logits.flat)
