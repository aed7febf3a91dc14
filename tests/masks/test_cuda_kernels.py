"""The CUDA kernels equal the definition: on a device if there is one, else under Triton's interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ON_DEVICE = torch.cuda.is_available()
if not ON_DEVICE:
    os.environ["TRITON_INTERPRET"] = "1"  # read when the programs are first imported
pytest.importorskip("triton")

from maskscope.masks.kernels import Address, GateLaw, LogisticSlope, ReferenceKernels, SignGate, SoftGate, TableSlope, cuda  # noqa: E402
from maskscope.masks.kernels.cuda import CudaKernels  # noqa: E402
from maskscope.masks.kernels.threshold import grid  # noqa: E402

DEVICE = torch.device("cuda" if ON_DEVICE else "cpu")
KEY = (0xDEADBEEF, 0x92345678)
# One element, less than a program's, several programs' and a multiple of 16; a carry of the low word early and late in a program,
# and none; words with and without the sign bit; every number of samples.
CASES = [
    (1025, Address(KEY, step=0), 4, torch.float32),
    (1025, Address(KEY, step=2**40 + 5, group=3, first=2**32 - 7), 8, torch.bfloat16),
    (1, Address(KEY, step=1, first=5), 1, torch.float32),
    (77, Address(KEY, step=2**40 + 5, group=3, first=3 * 2**40 + 1), 2, torch.float64),
    (77, Address((1, 0), step=2**31, first=2**32 - 1), 3, torch.float16),
    (1025, Address(KEY, step=2**63 + 2**31, first=2**48 - 1025), 5, torch.float32),
    (77, Address(KEY, step=2**64 - 1, group=2**15 - 1, first=2**31 - 3), 6, torch.bfloat16),
    (4096, Address(KEY, step=3, group=1, first=2**32 - 2048), 7, torch.float32),
]
SIGMOID = torch.sigmoid(grid(torch.device("cpu")))
LAWS = [
    TableSlope(if_open=SIGMOID * (1 - SIGMOID), if_closed=1 - SIGMOID),
    LogisticSlope(),
    LogisticSlope(2 / 3),
    LogisticSlope(0.1),
]
SOFT = [
    SoftGate(1.0, drawn=False),
    SoftGate(1 / 200, drawn=False),
    SoftGate(2.0, drawn=True),
    SoftGate(2 / 3, drawn=True, low=-0.1, high=1.1),
]
reference = ReferenceKernels()


@pytest.fixture(scope="module")
def kernels():
    return CudaKernels()


def logits_for(count):
    """From where gates never open to where they hardly close, with every special value that a position meets."""
    special = torch.tensor([0.0, -0.0, -1e-44, 1e-44, 24.0, -24.0, 1e30, -1e30, float("inf"), float("-inf"), 1 / 128])
    logits = torch.randn(count) * 8
    places = torch.arange(min(count, len(special))) * (count // len(special) or 1)
    logits[places] = special[: len(places)]
    return logits


def weights_for(count, dtype):
    """Every third of them is none that a product with 0 would remove."""
    weights = torch.randn(count).to(dtype)
    special = torch.tensor([-0.0, float("inf"), float("-inf"), float("nan"), -1.0], dtype=dtype)
    weights[::3] = special.repeat(count)[: len(weights[::3])]
    return weights


def bits(tensor):
    return tensor.cpu().contiguous().view(torch.uint8)


def drawn(by, logits, at, samples, device=DEVICE):
    gates = torch.full((logits.numel(),), 0xFF, dtype=torch.uint8, device=device)
    by.open_gates(logits.to(device), at, samples, gates)
    return gates


@pytest.mark.parametrize(("count", "at", "samples", "dtype"), CASES)
def test_gates_and_copies_are_the_references(kernels, count, at, samples, dtype):
    logits, weights = logits_for(count), weights_for(count, dtype)
    gates, copies = torch.empty(count, dtype=torch.uint8), torch.empty(samples, count, dtype=dtype)
    reference.draw_masked(logits, weights, at, gates, copies)

    mine, out = torch.full_like(gates, 0xFF, device=DEVICE), torch.ones_like(copies, device=DEVICE)
    kernels.draw_masked(logits.to(DEVICE), weights.to(DEVICE), at, mine, out)
    assert torch.equal(mine.cpu(), gates)
    assert torch.equal(bits(out), bits(copies))
    assert torch.equal(drawn(kernels, logits, at, samples).cpu(), gates)

    for first in {0, samples // 2, samples - 1}:
        out = torch.ones_like(copies, device=DEVICE)[first:]
        kernels.copy_open(weights.to(DEVICE), mine, first, out)
        assert torch.equal(bits(out), bits(copies[first:]))


@pytest.mark.parametrize("number", [3, 2**40 + 2**31 + 5])
def test_the_step_may_be_in_memory(kernels, number):
    """As a recorded graph of a step needs it: what is in memory counts, and not the step of the address."""
    words = torch.tensor([number & 0xFFFFFFFF, number >> 32]).to(torch.int32).to(DEVICE)
    recorded, logits, ones = CudaKernels(step=words), logits_for(77).to(DEVICE), torch.ones(2, 77, device=DEVICE)
    there, elsewhere = Address(KEY, step=number), Address(KEY, step=0)
    assert torch.equal(drawn(recorded, logits, elsewhere, 2), drawn(kernels, logits, there, 2))
    sums, where = torch.zeros(2, 77, device=DEVICE), {"first_sample": 0, "scale": 1.0}
    for by, at, out in ((recorded, elsewhere, sums[0]), (kernels, there, sums[1])):
        by.add_gradient(LogisticSlope(), logits, ones[0], ones[0].to(torch.uint8), ones, at, **where, out=out)
        by.add_gradient(SOFT[2], logits, ones[0], ones[0].to(torch.uint8), ones, at, **where, out=out)
    assert torch.equal(sums[0], sums[1])
    words.add_(1)
    assert not torch.equal(drawn(recorded, logits, elsewhere, 2), drawn(kernels, logits, there, 2))


def test_what_is_behind_a_closed_gate_is_plus_zero(kernels):
    weights = torch.tensor([-0.0, float("inf"), float("-inf"), float("nan"), -1.0, 1.0], device=DEVICE)
    gates = torch.tensor([0, 0, 0, 0, 0, 1], dtype=torch.uint8, device=DEVICE)
    out = torch.ones(1, 6, device=DEVICE)
    kernels.copy_open(weights, gates, 0, out)
    assert bits(out).tolist() == bits(torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]])).tolist()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{type(law).__name__}{getattr(law, 'temperature', '')}")
@pytest.mark.parametrize(("count", "at", "samples", "dtype"), [CASES[0], CASES[1], CASES[3], CASES[4]])
def test_gradient_is_the_references(kernels, law, count, at, samples, dtype):
    logits, weights = logits_for(count), torch.randn(count).to(dtype)
    gates = drawn(reference, logits, at, samples, "cpu")
    gradients, before = torch.randn(samples, count).to(dtype), torch.randn(count)
    for first, rows in {(0, samples), (samples // 2, samples - samples // 2), (samples // 3, 1)}:
        mine, expected, behind = before.to(DEVICE, copy=True), before.clone(), gradients[first : first + rows]
        where = {"first_sample": first, "scale": 0.3}
        reference.add_gradient(law, logits, weights, gates, behind, at, **where, out=expected)
        on_device = [tensor.to(DEVICE) for tensor in (logits, weights, gates, behind)]
        kernels.add_gradient(law, *on_device, at, **where, out=mine)
        torch.testing.assert_close(mine.cpu(), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("law", SOFT, ids=lambda law: f"{law.temperature:.3f}{law.drawn}")
@pytest.mark.parametrize(("count", "at", "samples", "dtype"), [CASES[0], CASES[1], CASES[3], CASES[4]])
def test_soft_copies_and_gradients_are_the_references(kernels, law, count, at, samples, dtype):
    logits, weights, before = logits_for(count), torch.randn(count).to(dtype), torch.randn(count)
    copies, gates = torch.empty(samples, count, dtype=dtype), torch.zeros(count, dtype=torch.uint8)
    reference.copy_soft(law, logits, weights, at, 0, copies)
    gradients = torch.randn(samples, count).to(dtype)
    for first, rows in {(0, samples), (samples // 2, samples - samples // 2), (samples // 3, 1)}:
        out, mine = torch.ones(rows, count, dtype=dtype, device=DEVICE), before.to(DEVICE, copy=True)
        kernels.copy_soft(law, logits.to(DEVICE), weights.to(DEVICE), at, first, out)
        rounding = torch.finfo(dtype).eps if dtype.itemsize == 2 else 2e-5
        torch.testing.assert_close(out.cpu(), copies[first : first + rows], rtol=rounding, atol=2e-5)
        expected, behind = before.clone(), gradients[first : first + rows]
        where = {"first_sample": first, "scale": 0.3}
        reference.add_gradient(law, logits, weights, gates, behind, at, **where, out=expected)
        kernels.add_gradient(law, *(one.to(DEVICE) for one in (logits, weights, gates, behind)), at, **where, out=mine)
        torch.testing.assert_close(mine.cpu(), expected, rtol=2e-5, atol=2e-5)


def test_what_is_behind_a_soft_gate_of_0_is_plus_zero(kernels):
    weights = torch.tensor([-0.0, -1.0, 1e30, -1e30], device=DEVICE)  # the interpreter warns of infinite ones
    for law in SOFT:
        out = torch.ones(2, 4, device=DEVICE)
        kernels.copy_soft(law, torch.full((4,), -1e30, device=DEVICE), weights, Address(KEY, step=0), 1, out)
        assert bits(out).eq(0).all()
        kernels.copy_soft(law, torch.full((4,), 1e30, device=DEVICE), weights, Address(KEY, step=0), 1, out)
        assert torch.equal(bits(out[1]), bits(weights))


def test_gates_by_sign_are_the_references(kernels):
    logits, weights, gradients = logits_for(77).to(DEVICE), torch.randn(77, device=DEVICE), torch.randn(3, 77, device=DEVICE)
    gates, mine, expected = torch.empty(77, dtype=torch.uint8, device=DEVICE), torch.ones(77, device=DEVICE), torch.ones(77)
    kernels.open_positive(logits, 3, gates)
    assert torch.equal(gates, (logits > 0).to(torch.uint8) * 7)
    where = {"first_sample": 0, "scale": 0.3}
    kernels.add_gradient(SignGate(), logits, weights, gates, gradients, Address(KEY, step=0), **where, out=mine)
    on_processor = (one.cpu() for one in (logits, weights, gates, gradients))
    reference.add_gradient(SignGate(), *on_processor, Address(KEY, step=0), **where, out=expected)
    torch.testing.assert_close(mine.cpu(), expected, rtol=2e-5, atol=1e-6)


def test_the_logistic_slope_is_finite_however_far_the_logit_and_the_draw(kernels):
    logits = torch.linspace(-1000, 1000, 4001, device=DEVICE)
    one, at = torch.ones(1, 4001, device=DEVICE), Address(KEY, step=0)
    for temperature in (1.0, 0.01, 100.0):
        out = torch.zeros(4001, device=DEVICE)
        kernels.add_gradient(
            LogisticSlope(temperature), logits, one[0], one[0].to(torch.uint8), one, at, first_sample=0, scale=1.0, out=out
        )
        assert out.min() >= 0
        assert out.max() <= 0.25 / temperature * 1.00001


def test_a_part_is_the_part_of_the_whole(kernels):
    """From any place, also one that wide accesses cannot begin at."""
    logits, weights, at = logits_for(2048).to(DEVICE), torch.randn(2048).to(DEVICE), Address(KEY, step=7, first=2**32 - 1000)
    whole = drawn(kernels, logits, at, 4)
    gates, copies = torch.zeros_like(whole), torch.zeros(4, 2045, device=DEVICE)
    kernels.draw_masked(logits[3:], weights[3:], at.moved(3), gates[3:], copies)
    assert torch.equal(gates[3:], whole[3:])
    assert torch.equal(copies[3], torch.where(whole[3:] >= 8, weights[3:], 0))


def test_nothing_is_written_outside(kernels):
    logits, gates, around = torch.zeros(100, device=DEVICE), torch.zeros(100, dtype=torch.uint8, device=DEVICE), 77
    whole = torch.full((3, 100), float(around), device=DEVICE)
    gates.fill_(around)
    kernels.draw_masked(logits[:50], logits[:50], Address(KEY, step=0), gates[:50], whole[0].view(2, 50))
    assert (gates[50:] == around).all()
    assert (whole[1:] == around).all()


def test_kernels_that_cannot_work_here_say_so(kernels, monkeypatch):
    """An ImportError: `make_kernels` then takes plain PyTorch, with a warning."""
    cuda.require_working(kernels, DEVICE)
    monkeypatch.setattr(CudaKernels, "open_gates", lambda *given: given[-1].fill_(1))
    with pytest.raises(ImportError, match="not the definition's"):
        cuda.require_working(kernels, DEVICE)
    compiler = RuntimeError("Failed to find C compiler.\nPlease specify via CC")
    monkeypatch.setattr(CudaKernels, "open_gates", lambda *given: (_ for _ in ()).throw(compiler))
    with pytest.raises(ImportError, match=r"first program fails: RuntimeError: Failed to find C compiler\.$"):
        cuda.require_working(kernels, DEVICE)


def test_an_unknown_law_is_refused(kernels):
    class Strange(GateLaw):
        def slope(self, logits, is_open, draws):
            raise NotImplementedError

    vector = torch.ones(3, device=DEVICE)
    with pytest.raises(TypeError, match="no gate of type Strange"):
        kernels.add_gradient(
            Strange(), vector, vector, vector.to(torch.uint8), vector[None], Address(KEY, step=0), first_sample=0, scale=1.0,
            out=vector,
        )  # fmt: skip


COMPILE = """
import re
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from maskscope.masks.kernels import triton_loops, triton_soft_loops

TYPES = {
    "logits": "*fp32", "weights": "*i16", "out": "*i16", "gates": "*u8", "gradients": "*bf16",
    "table": "*i64", "closed": "*i64", "opened": "*i64",
} | dict.fromkeys(("scale", "inverse", "shut", "whole", "low", "span"), "fp32")
CONSTANTS = {"SAMPLES": 4, "ROWS": 4, "FIRST": 0, "UNIT": False, "DRAWN": True, "BLOCK": 1024}
RECORDED = dict.fromkeys(("step0", "step1"), "*i32")
# the last two again, with the step in memory
NAMES = "open_gates copy_open add_table_gradient add_logistic_gradient copy_soft draw_masked add_soft_gradient".split()

for place, name in enumerate([*NAMES, *NAMES[-2:]]):
    program = getattr(triton_soft_loops if "soft" in name else triton_loops, name)
    types = TYPES | ({"weights": "*bf16", "out": "*fp32"} if "gradient" in name else {})
    types |= {"weights": "*bf16", "out": "*bf16"} if name == "copy_soft" else {}
    types |= RECORDED if place >= len(NAMES) else {}
    signature = {arg: "constexpr" if arg in CONSTANTS else types.get(arg, "i32") for arg in program.arg_names}
    constants = {arg: value for arg, value in CONSTANTS.items() if arg in signature}
    wide = {
        (place,): [["tt.divisibility", 16]]
        for place, arg in enumerate(program.arg_names)
        if arg in ("n", "stride") or (signature[arg][0] == "*" and arg not in RECORDED)
    }
    source = ASTSource(program, signature, constants, wide)
    made = triton.compile(source, GPUTarget("cuda", 80, 32), {"num_warps": 8, "enable_fp_fusion": False}).asm
    gates_only = "gradient" not in name and "soft" not in name
    assert not (gates_only and re.search(r"ftz|fma|approx", made["ptx"])), f"{name}: a gate depends on inexact arithmetic"
    assert "convert_layout" not in made["ttgir"], f"{name}: values change threads"
    assert not re.search(r"(ld|st).global.b(8|16) ", made["ptx"]), f"{name}: narrow accesses"
    print(name)
"""


@pytest.mark.slow
def test_the_programs_compile_for_a_device_without_one(tmp_path):
    """The interpreter accepts programs that the compiler does not, and knows nothing of layouts and instructions."""
    triton = pytest.importorskip("triton", minversion="3.4", reason="the compiler's interface was another one")
    source = str(Path(cuda.__file__).parents[3])
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": source}
    run = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, f"Triton {triton.__version__}: {run.stderr}"
    assert len(run.stdout.split()) == 9
