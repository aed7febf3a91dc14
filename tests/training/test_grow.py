"""A mask and the free weights under it, learned together: the formula by hand; what is used stays."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

import maskscope as ms
from maskscope.masks import ESTIMATORS, SAMPLES_PER_GROUP, MaskLogits, evaluation_mode
from maskscope.masks.kernels.counter import SAMPLES_PER_BLOCK, draw_words
from maskscope.training import isolated_random
from maskscope.training.grow_objective import GrowthObjective
from tests.training.growing import CONFIG, NOISE, half, loss, network, part, spread


def by_hand(net, logits, used, config, step):
    """mean_k w g_k slope_k + alpha, and mean_k b_k g_k: gates from their draws, g_k from autograd on plain w * b."""
    weights = logits.selection.of(net)
    of_logits = {name: torch.full(weight.shape, config.size.weight) for name, weight in weights.items()}
    of_weights = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    count = config.samples_per_step * config.accumulation
    for index in range(count):
        k = index // config.accumulation
        gates = {name: gates_of(own, name, config, step, k) for name, own in logits.by_tensor().items()}
        masked = {name: (weight * gates[name].value.view_as(weight)).requires_grad_() for name, weight in weights.items()}
        value = loss(lambda x, masked=masked: functional_call(net.eval(), masked, (x,)), part(step * count + index))
        gradients = dict(zip(masked, torch.autograd.grad(value, list(masked.values())), strict=True))
        for name, gate in gates.items():
            of_logits[name] += (weights[name] * gradients[name] * gate.slope.view_as(weights[name]) / count).float()
            of_weights[name] += gate.value.view_as(weights[name]) * gradients[name] / count
    return torch.cat([g.flatten() for g in of_logits.values()]), {n: g * ~used[n] for n, g in of_weights.items()}


def gates_of(logits, name, config, step, sample):
    block, place = divmod(sample, SAMPLES_PER_BLOCK)
    words = draw_words(NOISE.key(name), step=step, block=block, first=0, count=logits.numel())[place : place + 1]
    return config.made_estimator.gates(logits.flatten(), words, step / config.steps)


# exact-k needs a target density, which growing has not
HOW = [(3, 1, "auto"), (11, 1, "auto"), (4, 2, "reference")]
CASES = [(name, *how) for name, kind in ESTIMATORS.items() if kind.draws for how in HOW]
CASES += [(name, 1, 2, kernels) for name in ("continuous-sparsification", "deterministic") for kernels in ("auto", "reference")]


@pytest.mark.parametrize("executor", ["sequential", "batched"])
@pytest.mark.parametrize(("estimator", "samples", "accumulation", "kernels"), CASES)
def test_both_gradients_are_the_formula_by_hand(estimator, executor, samples, accumulation, kernels):
    assert SAMPLES_PER_GROUP < 11, "more than one group is to be tried"
    net = network()
    selection = ms.select(net)
    used, logits = half(selection), spread(selection)
    config = ms.MaskConfig(samples_per_step=samples, accumulation=accumulation, size=ms.Penalty(1e-3), estimator=estimator)
    values_are_exact = kernels == "reference" or estimator in ("straight-through", "rao-blackwell", "deterministic")
    rounding = {"rtol": 1e-12, "atol": 1e-15} if values_are_exact else {"rtol": 1e-5, "atol": 1e-6}
    with evaluation_mode(net):
        objective = GrowthObjective(net, loss, part, logits, dict(~used), NOISE, config, executor, kernels, lambda text: None)
        for step in (0, 7):
            objective.accumulate(step)
            of_logits, of_weights = by_hand(net, logits, used, config, step)
            torch.testing.assert_close(logits.flat.grad, of_logits, rtol=1e-5, atol=1e-7)
            for name, parameter in net.named_parameters():
                torch.testing.assert_close(parameter.grad, of_weights[name], **rounding)
                assert parameter.grad[used[name]].eq(0).all()
                is_drawn = ESTIMATORS[estimator].draws  # else all gates of a short tensor may be closed
                assert not is_drawn or parameter.grad[~used[name]].ne(0).any()
            assert any(parameter.grad.ne(0).any() for parameter in net.parameters())
            with torch.no_grad():
                net[0].weight += 0.1  # the weights of the report, not those of the beginning


def test_a_run_is_adam_on_clipped_gradients_of_everything_together():
    net, config = network(), ms.MaskConfig(steps=5, samples_per_step=2, learning_rate=0.05, clip_norm=0.03, schedule="linear")
    selection = ms.select(net)
    used, plain, logits = half(selection), copy.deepcopy(net), spread(selection)
    initial = logits.flat.clone()
    grown = ms.grow(net, loss, part, used=used, initial=logits, config=config, seed=3, name="f", repeat=1)
    assert torch.equal(logits.flat, initial), "the initial logits are the caller's"
    leaves = [logits.flat, *plain.parameters()]
    adam = torch.optim.Adam(leaves, foreach=False)
    for step in range(5):
        logits.flat.grad, of_weights = by_hand(plain, logits, used, config, step)
        for name, parameter in plain.named_parameters():
            parameter.grad = of_weights[name]
        total = sum(float(leaf.grad.double().square().sum()) for leaf in leaves) ** 0.5
        assert total > config.clip_norm, "clipping is to be tried"
        for leaf in leaves:
            leaf.grad *= config.clip_norm / total
        adam.param_groups[0]["lr"] = 0.05 * (1 - step / 5)
        adam.step()
    torch.testing.assert_close(grown.logits.flat, logits.flat, rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_used_weights_keep_their_bits_and_free_ones_move(dtype):
    net = network(dtype)
    selection = ms.select(net)
    used = half(selection)
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    outputs = ms.call_masked(net.eval(), used, part(0, dtype)[0])
    config = ms.MaskConfig(steps=100, samples_per_step=4, learning_rate=0.05, size=ms.Penalty(1e-3))
    ms.grow(net, loss, lambda i: part(i, dtype), used=used, initial=MaskLogits.full(selection, 2.0), config=config)
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[dtype.itemsize]
    for name, parameter in net.named_parameters():
        same = parameter.detach().view(integers) == before[name].view(integers)
        assert bool(same[used[name]].all()), name
        assert float((~same[~used[name]]).float().mean()) > 0.9
    assert torch.equal(ms.call_masked(net, used, part(0, dtype)[0]), outputs)


def test_parameters_outside_the_selection_and_buffers_are_left_alone():
    with isolated_random(0):
        net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    net[3].bias.requires_grad_(False)  # not selected: not asked
    selection = ms.select(net, include=["*weight"], exclude=["1.*"])
    before = copy.deepcopy(net.state_dict())
    grown = ms.grow(net, loss, part, selection=selection, used=None, initial=MaskLogits.full(selection, 2.0), config=CONFIG)
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == set(selection.names) == set(grown.mask)


def test_tied_and_unordered_memory_is_trained_like_any_other():
    """Channels last is another order of memory than the passes over the weights want."""

    def convolution(order):
        with isolated_random(0):
            net = nn.Sequential(nn.Unflatten(1, (4, 1, 1)), nn.Conv2d(4, 5, 3, padding=1), nn.Flatten(), nn.Linear(5, 3))
        return net.double().to(memory_format=order)

    found = []
    for order in (torch.contiguous_format, torch.channels_last):
        net = convolution(order)
        assert net[1].weight.is_contiguous() == (order is torch.contiguous_format)
        selection = ms.select(net)
        used = half(selection)
        before = net[1].weight.detach().clone()
        grown = ms.grow(net, loss, part, used=used, initial=MaskLogits.full(selection, 2.0), config=CONFIG)
        assert torch.equal(net[1].weight[used["1.weight"]], before[used["1.weight"]])
        found.append([grown.logits.flat, *net.parameters()])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


class _FailsLate(torch.autograd.Function):
    """Its backward pass cannot be batched, which shows when the layer after it has handed its gradients over."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        if torch._C._functorch.is_batchedtensor(gradient):
            raise RuntimeError("no rule")
        return gradient.clone()


def test_what_a_failed_batched_pass_added_is_taken_back():
    def late(net, batch):
        return cross_entropy(net[3](_FailsLate.apply(net[0](batch[0]))), batch[1])

    found = []
    for executor in ("auto", "sequential"):
        net = network()
        selection = ms.select(net)
        ms.grow(net, late, part, used=half(selection), initial=spread(selection), config=CONFIG, executor=executor)
        found.append(list(net.parameters()))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(*found, strict=True))


def test_executors_and_kernels_give_the_same_to_rounding():
    found = []
    for executor, kernels in (("sequential", "reference"), ("sequential", "auto"), ("batched", "auto"), ("auto", "auto")):
        net = network()
        kwargs = {"used": None, "initial": spread(ms.select(net)), "config": CONFIG, "executor": executor, "kernels": kernels}
        found.append([ms.grow(net, loss, part, **kwargs).logits.flat, *net.parameters()])
    for other in found[1:]:
        for mine, theirs in zip(other, found[0], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_two_tasks_in_a_row_each_under_its_mask():
    """The sign of one input, then of another: each mask does its task, and the first goes on doing it to the bit."""
    with isolated_random(0):
        net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    selection = ms.select(net)

    def batches(task, items=16):
        def one(index):
            x = torch.randn(items, 4, generator=torch.Generator().manual_seed(1000 * task + index))
            return x, (x[:, task] > 0).long()

        return one

    def accuracy(mask, task):
        x, y = batches(task, items=500)(10**6)
        return float((ms.call_masked(net, mask, x).argmax(1) == y).float().mean())

    config = ms.MaskConfig(steps=100, samples_per_step=2, learning_rate=0.05, size=ms.Penalty(3e-3))
    first = ms.grow(net, loss, batches(0), used=None, initial=MaskLogits.full(selection, 2.0), config=config, name="first")
    x, _ = batches(0)(7)
    outputs, used = ms.call_masked(net, first.mask, x), first.mask
    initial = MaskLogits.from_units(selection, {name: torch.where(bits, 2.0, 0.0) for name, bits in used.items()})
    second = ms.grow(net, loss, batches(1), used=used, initial=initial, config=config, name="second")
    assert accuracy(first.mask, 0) >= 0.95
    assert accuracy(second.mask, 1) >= 0.95
    assert accuracy(first.mask, 1) < 0.7
    assert (second.mask - used).kept > 0
    assert torch.equal(ms.call_masked(net, first.mask, x), outputs)
