"""Every implementation of the passes gives the definition's bits, and its gradients to rounding. A row in the table is tested."""

import math
import threading
from functools import cache

import pytest
import torch

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import make_estimator, make_kernels
from maskscope.masks.kernels import Address, CpuKernels, GateLaw, LogisticSlope, ReferenceKernels, SignGate
from maskscope.masks.kernels.counter import chunks, draw_words, stream_key
from maskscope.masks.kernels.threshold import keep_threshold, position

REFERENCE = ReferenceKernels()
FAST = {"cpu": CpuKernels}
LAWS = {
    "rao-blackwell": make_estimator("rao-blackwell").law(),
    "straight-through": make_estimator("straight-through").law(),
    "straight-through, cold": LogisticSlope(0.5),
    "straight-through, warm": LogisticSlope(2.0),
}
SOFT = {
    "continuous-sparsification, first": make_estimator("continuous-sparsification").law(0.0),
    "continuous-sparsification, last": make_estimator("continuous-sparsification").law(1.0),
    "soft-gumbel, first": make_estimator("soft-gumbel").law(0.0),
    "soft-gumbel, last": make_estimator("soft-gumbel").law(1.0),
    "hard-concrete": make_estimator("hard-concrete").law(),
}
KEY = stream_key("kernels")
BORDER = 1 << 32
# lengths below, at and above a chunk and a vector; starts before, across and after a border of the low counter word
RUNS = [
    (1, 0),
    (7, 3),
    (2047, 0),
    (2049, 1),
    (9000, BORDER - 5000),
    (4096, BORDER - 4096),
    (77, 3 << 40),
    (513, 5 * BORDER),
]


def logits_of(n, kind="wide"):
    random = torch.Generator().manual_seed(n)
    spread = torch.randn(n, generator=random) * 8
    if kind == "settled":  # most far below where a gate opens, which kernels may treat apart
        return torch.where(torch.rand(n, generator=random) < 0.05, spread, -60.0)
    return spread


@pytest.fixture(params=FAST)
def kernels(request):
    return FAST[request.param]()


def weights_of(n, dtype):
    weights = torch.randn(n, generator=torch.Generator().manual_seed(n + 1))
    weights[:5] = torch.tensor([math.inf, -math.inf, math.nan, -0.0, 1e-42])[: min(5, n)]
    return weights.to(dtype)


@pytest.mark.parametrize("kind", ["wide", "settled"])
@pytest.mark.parametrize("samples", range(1, 9))
@pytest.mark.parametrize(("n", "first"), RUNS)
def test_gates_and_copies_are_the_definitions_bits(kernels, n, first, samples, kind):
    at = Address(KEY, step=(1 << 35) + samples, group=samples % 3, first=first)
    logits, dtype = logits_of(n, kind), [torch.float32, torch.float64, torch.bfloat16, torch.float16][samples % 4]
    weights = weights_of(n, dtype)
    wanted, opened, drawn = (torch.full((n,), 255, dtype=torch.uint8) for _ in range(3))
    REFERENCE.open_gates(logits, at, samples, wanted)
    kernels.open_gates(logits, at, samples, opened)
    assert torch.equal(opened, wanted)
    copies, found = (torch.full((samples, n), 9.0, dtype=dtype) for _ in range(2))
    REFERENCE.copy_open(weights, wanted, 0, copies)
    kernels.draw_masked(logits, weights, at, drawn, found)
    assert torch.equal(drawn, wanted)
    assert torch.equal(found.view(torch.uint8), copies.view(torch.uint8))
    found.fill_(9.0)
    kernels.copy_open(weights, wanted, 0, found)
    assert torch.equal(found.view(torch.uint8), copies.view(torch.uint8))
    kernels.copy_open(weights, wanted, samples - 1, found[:1])
    assert torch.equal(found[0].view(torch.uint8), copies[-1].view(torch.uint8))


@pytest.mark.parametrize("kind", ["wide", "settled"])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "first"), RUNS)
def test_gradients_are_the_definitions_to_rounding(kernels, n, first, law, kind):
    """float32 sums of up to eight terms: within 1e-5 of the largest term."""
    logits, random = logits_of(n, kind), torch.Generator().manual_seed(0)
    gates = torch.empty(n, dtype=torch.uint8)
    for samples, first_sample, dtype in (
        (4, 0, torch.float32),
        (8, 0, torch.bfloat16),
        (3, 5, torch.float64),
        (1, 3, torch.float16),
    ):
        at = Address(KEY, step=3, group=2, first=first)
        REFERENCE.open_gates(logits, at, 8, gates)
        weights = torch.randn(n, generator=random).to(dtype)
        gradients = torch.randn(samples, n, generator=random).to(dtype)
        wanted, found = torch.ones(n), torch.ones(n)
        given = (LAWS[law], logits, weights, gates, gradients, at)
        REFERENCE.add_gradient(*given, first_sample=first_sample, scale=0.3, out=wanted)
        kernels.add_gradient(*given, first_sample=first_sample, scale=0.3, out=found)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
        open_ = torch.stack([(gates >> (first_sample + k)) & 1 for k in range(samples)]).to(torch.float32)
        wanted = 1 + 0.3 * (open_ * gradients.to(torch.float32)).sum(0)
        found = torch.ones(n)
        kernels.add_open(gates, gradients, first_sample=first_sample, scale=0.3, out=found)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("law", SOFT)
@pytest.mark.parametrize(("n", "first"), RUNS)
def test_soft_copies_and_gradients_are_the_definitions_to_rounding(kernels, n, first, law):
    """Copies within 1e-5 of the weight, gradients as above; and the copies of a float64 network to its own precision."""
    law, at = SOFT[law], Address(KEY, step=3, group=2, first=first)
    logits = away_from_clipping(law, n, first)
    gates, random = torch.zeros(n, dtype=torch.uint8), torch.Generator().manual_seed(0)
    for samples, first_sample, dtype in (
        (1, 0, torch.float32),
        (5, 2, torch.bfloat16),
        (3, 5, torch.float64),
        (1, 3, torch.float16),
    ):
        weights = torch.randn(n, generator=random).to(dtype)
        wanted, found = (torch.full((samples, n), 9.0, dtype=dtype) for _ in range(2))
        REFERENCE.copy_soft(law, logits, weights, at, first_sample, wanted)
        kernels.copy_soft(law, logits, weights, at, first_sample, found)
        rounding = torch.finfo(dtype).eps if dtype.itemsize == 2 else 1e-5
        torch.testing.assert_close(found, wanted, rtol=rounding, atol=1e-5)
        assert torch.equal(found == 0, wanted == 0)
        gradients = torch.randn(samples, n, generator=random).to(dtype)
        wanted, found = torch.ones(n), torch.ones(n)
        given = (law, logits, weights, gates, gradients, at)
        REFERENCE.add_gradient(*given, first_sample=first_sample, scale=0.3, out=wanted)
        kernels.add_gradient(*given, first_sample=first_sample, scale=0.3, out=found)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def away_from_clipping(law, n, first):
    """Logits for which no gate of the eight samples is so near to where it is clipped that rounding decides."""
    logits, noise = logits_of(n), torch.zeros(8, n)
    for begin, count in chunks(n, first) if law.drawn else ():
        words = [draw_words(KEY, step=3, block=4 + block, first=begin, count=count) for block in range(2)]
        noise[:, begin - first : begin - first + count] = torch.logit((torch.cat(words).double() + 0.5) / 2**32)
    scaled = (logits - noise) / law.temperature
    near = torch.stack([(scaled - bound).abs() < 1e-3 for bound in law.bounds]).any(0).any(0)
    return torch.where(near, 100.0, logits)


@pytest.mark.parametrize("mine", [ReferenceKernels, CpuKernels])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_soft_gates_that_are_exactly_0_or_1_leave_nothing_and_all(mine, dtype):
    """A full mask is the network to the bit, and what is behind a closed gate is +0 whatever the weight."""
    weights = weights_of(64, dtype)
    for law in SOFT.values():
        for logit, wanted in ((1e30, weights), (-1e30, torch.zeros(64, dtype=dtype))):
            out = torch.full((2, 64), 9.0, dtype=dtype)
            mine().copy_soft(law, torch.full((64,), logit), weights, Address(KEY, 1), 1, out)
            assert torch.equal(out.view(torch.uint8), wanted.expand(2, 64).contiguous().view(torch.uint8))


def test_gates_by_sign_are_the_definitions(kernels):
    law, n, at = SignGate(), 2049, Address(KEY, 1)
    logits, random = torch.randn(n, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    logits[:3] = torch.tensor([0.0, -0.0, 1e-40])
    for samples in (1, 8):
        gates = torch.full((n,), 255, dtype=torch.uint8)
        kernels.open_positive(logits, samples, gates)
        assert torch.equal(gates, (logits > 0).to(torch.uint8) * ((1 << samples) - 1))
        for dtype in (torch.float32, torch.bfloat16, torch.float64):
            weights = torch.randn(n, generator=random).to(dtype)
            gradients = torch.randn(samples, n, generator=random).to(dtype)
            wanted, found = torch.ones(n), torch.ones(n)
            for which, out in ((REFERENCE, wanted), (kernels, found)):
                which.add_gradient(law, logits, weights, gates, gradients, at, first_sample=0, scale=0.3, out=out)
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
            by_hand = 1 + 0.3 * weights.double() * gradients.double().sum(0)
            torch.testing.assert_close(wanted.double(), by_hand, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("law", SOFT)
def test_a_part_of_soft_copies_is_the_part_of_the_whole(kernels, law):
    logits, weights, at = logits_of(5000), torch.randn(5000), Address(KEY, 5, 1, BORDER - 700)
    whole, part = torch.empty(8, 5000), torch.empty(2, 4000)
    kernels.copy_soft(SOFT[law], logits, weights, at, 0, whole)
    kernels.copy_soft(SOFT[law], logits[1000:], weights[1000:], at.moved(1000), 3, part)
    torch.testing.assert_close(part, whole[3:5, 1000:], rtol=1e-6, atol=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_draws_are_the_definitions_whatever_the_threads(kernels, threads):
    """144 million draws for each number of threads, across a border of the low counter word, all of them made again."""
    torch.set_num_threads(threads)
    logits, wanted = many_draws()
    gates = torch.empty(len(logits), dtype=torch.uint8)
    for group, of_group in enumerate(wanted):
        kernels.open_gates(logits, Address(KEY, 11, group, BORDER - len(logits) // 3), 8, gates)
        assert torch.equal(gates, of_group)


@cache
def many_draws():
    """Logits, and the gates that the reference opens in each of six groups of eight samples."""
    logits = torch.linspace(-26, 26, 3_000_017)
    wanted = torch.empty(6, len(logits), dtype=torch.uint8)
    for group, gates in enumerate(wanted):
        REFERENCE.open_gates(logits, Address(KEY, 11, group, BORDER - len(logits) // 3), 8, gates)
    return logits, wanted


def test_reference_is_the_specification():
    """From the counter's words and the thresholds, sample by sample."""
    n, at = 1000, Address(KEY, step=7, group=3, first=123)
    logits, gates = logits_of(n), torch.empty(n, dtype=torch.uint8)
    REFERENCE.open_gates(logits, at, 8, gates)
    for sample in range(8):
        words = draw_words(KEY, step=7, block=6 + sample // 4, first=123, count=n)[sample % 4]
        assert torch.equal((gates >> sample & 1).bool(), words < keep_threshold(position(logits)))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_slopes_of_far_logits_and_draws(kernels, temperature):
    """The slope is large only where the draw is near the logit, however far both are out."""
    n, at = 20_000, Address(KEY, step=1)
    logits, gates = torch.linspace(-20, 20, n), torch.zeros(n, dtype=torch.uint8)
    ones, wanted, found = torch.ones(n), torch.zeros(n), torch.zeros(n)
    for mine, out in ((REFERENCE, wanted), (kernels, found)):
        mine.add_gradient(LogisticSlope(temperature), logits, ones, gates, ones[None], at, first_sample=2, scale=1.0, out=out)
    torch.testing.assert_close(found, wanted, rtol=3e-5, atol=1e-6)


def test_an_unknown_law_is_refused(kernels):
    class Strange(GateLaw):
        def slope(self, logits, is_open, draws):
            return draws.float()

    vector, gates, at = torch.zeros(3), torch.zeros(3, dtype=torch.uint8), Address(KEY, 0)
    with pytest.raises(TypeError, match="no gate of type Strange"):
        kernels.add_gradient(Strange(), vector, vector, gates, vector[None], at, first_sample=0, scale=1.0, out=vector)


@pytest.mark.parametrize("wrong", [{"first": 1 << 48}, {"group": 1 << 15}, {"step": 1 << 64}, {"first": -1}])
def test_addresses_outside_the_layout_are_refused(wrong):
    with pytest.raises(ValueError, match="outside the layout"):
        Address(KEY, **({"step": 0} | wrong))


def test_kernels_by_name():
    cpu = torch.device("cpu")
    assert make_kernels(cpu).name == "cpu"
    assert make_kernels(cpu, "reference").name == "reference"
    with pytest.raises(UnknownNameError, match="There is no kernels 'cpus'. Did you mean 'cpu'"):
        make_kernels(cpu, "cpus")
    with pytest.raises(ConfigError, match="'cuda' run on cuda devices"):
        make_kernels(cpu, "cuda")


def test_another_threads_setting_is_left_alone(kernels):
    numba = pytest.importorskip("numba")
    before, threads = numba.get_num_threads(), threading.active_count()
    kernels.open_gates(torch.zeros(10), Address(KEY, 0), 4, torch.empty(10, dtype=torch.uint8))
    assert numba.get_num_threads() == before
    assert threading.active_count() == threads
