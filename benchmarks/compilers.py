"""Which compiler for the CPU kernels: the draws of four samples of four million weights, by each that is installed.

    pip install taichi jax && python -m benchmarks.compilers

Each gives the same gates, which is checked. Candidates need no C compiler on the user's machine (so torch.compile, Cython and
pythran are out). A draw is Philox-4x32-7 and a comparison with one threshold: what differs between compilers is how they
vectorise and parallelise that; numba's row is the kernel that is used, which also looks its thresholds up.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.turns import take_turns, timed
from maskscope.masks.kernels import Address, CpuKernels
from maskscope.masks.kernels.counter import MULTIPLIERS, ROUNDS, WEYL
from maskscope.masks.kernels.threshold import keep_threshold, position

N = 4_000_000
AT = Address((123456789, 987654321), step=3)
LOGIT = 2.0
THRESHOLD = int(keep_threshold(position(torch.tensor([LOGIT])))[0])


def with_numba() -> Callable[[], Any]:
    """The kernel that is used; it looks its thresholds up as well."""
    kernels, logits, gates = CpuKernels(), torch.full((N,), LOGIT), torch.empty(N, dtype=torch.uint8)

    def run() -> Any:
        kernels.open_gates(logits, AT, 4, gates)
        return gates.numpy()

    return run


def with_jax() -> Callable[[], Any]:
    """XLA, from array operations."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp: Any = importlib.import_module("jax.numpy")

    def gates(step: Any) -> Any:
        u32 = jnp.uint32
        x0, x1, x2, x3 = jnp.arange(N, dtype=u32), u32(0), step, u32(0)
        k0, k1 = AT.key
        for _ in range(ROUNDS):
            p0 = x0.astype(jnp.uint64) * jnp.uint64(MULTIPLIERS[0])
            p1 = jnp.asarray(x2).astype(jnp.uint64) * jnp.uint64(MULTIPLIERS[1])
            x0, x1 = (p1 >> 32).astype(u32) ^ x1 ^ u32(k0), p1.astype(u32)
            x2, x3 = (p0 >> 32).astype(u32) ^ x3 ^ u32(k1), p0.astype(u32)
            k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
        open_ = [jnp.asarray(x < u32(THRESHOLD)).astype(jnp.uint8) << place for place, x in enumerate((x0, x1, x2, x3))]
        return open_[0] | open_[1] | open_[2] | open_[3]

    compiled = jax.jit(gates)
    return lambda: np.asarray(compiled(np.uint32(AT.step)).block_until_ready())


def with_taichi() -> Callable[[], Any]:
    """Taichi's kernels for processors."""
    ti: Any = importlib.import_module("taichi")
    ti.init(arch=ti.cpu, log_level=ti.ERROR, cpu_max_num_threads=torch.get_num_threads())
    out = np.empty(N, np.uint8)
    first, second = MULTIPLIERS
    (k0_first, k1_first), (w0, w1), threshold = AT.key, WEYL, THRESHOLD

    def kernel(gates: ti.types.ndarray(dtype=ti.u8, ndim=1), step: ti.u32):  # type: ignore[no-untyped-def,valid-type]
        for i in range(N):
            x0, x1, x2, x3 = ti.cast(i, ti.u32), ti.u32(0), step, ti.u32(0)
            k0, k1 = ti.u32(k0_first), ti.u32(k1_first)
            for _ in ti.static(range(ROUNDS)):
                p0, p1 = ti.cast(x0, ti.u64) * ti.u64(first), ti.cast(x2, ti.u64) * ti.u64(second)
                y0, y2 = ti.cast(p1 >> 32, ti.u32) ^ x1 ^ k0, ti.cast(p0 >> 32, ti.u32) ^ x3 ^ k1
                x0, x1, x2, x3 = y0, ti.cast(p1, ti.u32), y2, ti.cast(p0, ti.u32)
                k0, k1 = k0 + ti.u32(w0), k1 + ti.u32(w1)
            bits = ti.u32(0)
            h = ti.u32(threshold)
            bits = ti.select(x0 < h, 1, 0) | ti.select(x1 < h, 2, 0) | ti.select(x2 < h, 4, 0) | ti.select(x3 < h, 8, 0)
            gates[i] = ti.cast(bits, ti.u8)

    compiled = ti.kernel(kernel)

    def run() -> Any:
        compiled(out, AT.step)
        return out

    return run


def main() -> None:
    """Times what is installed."""
    runs, table = {}, Table("compiler", "first call, s", "ms", "quartiles", "draws a second")
    wanted, first_calls = None, {}
    for name, make in (("numba", with_numba), ("jax", with_jax), ("taichi", with_taichi)):
        try:
            began = time.perf_counter()
            run = make()
            gates = run()
            first_calls[name] = time.perf_counter() - began
        except ImportError as error:
            print(f"{name}: not installed ({error})")
            continue
        wanted = gates.copy() if wanted is None else wanted
        assert np.array_equal(gates, wanted), f"{name} gives other gates"
        runs[name] = lambda steps, run=run: timed(lambda _: run(), steps)
    for name, found in take_turns(runs, 20, 4).items():
        quartiles = f"{found.lower * 1e3:.3g} to {found.upper * 1e3:.3g}"
        rate = f"{4 * N / found.median:.3g}"
        table.add_row(name, f"{first_calls[name]:.1f}", f"{found.median * 1e3:.3g}", quartiles, rate)
    Console().print(table)


if __name__ == "__main__":
    main()
