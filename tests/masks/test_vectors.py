"""The instructions for sixteen weights: thresholds at every position that there is, which no number of draws would tell."""

import numpy as np
import pytest
import torch

from maskscope.masks.kernels.threshold import LIMIT, keep_threshold, position, threshold_table

numba = pytest.importorskip("numba")

from maskscope.masks.kernels.vectors import gate_loops, lane_loops  # noqa: E402

FINE = 1 << 15


@numba.extending.intrinsic
def _limits_of_sixteen(_typing, logits, at, table, out):
    signature = numba.types.void(logits, numba.types.intp, table, out)

    def code(context, builder, signature, args):
        arrays = [lane_loops.data(context, builder, signature.args[place], args[place]) for place in (0, 2, 3)]
        logit = lane_loops.load(builder, arrays[0], args[1], lane_loops.F32, 4)
        limit = gate_loops._thresholds(builder, lane_loops.fixed(builder, logit), arrays[1])
        lane_loops.store(builder, limit, arrays[2], args[1], 4)
        return context.get_dummy_value()

    return signature, code


@numba.njit
def _limits(logits, table, out):
    for i in range(0, logits.size, 16):
        _limits_of_sixteen(logits, i, table, out)


def test_the_threshold_of_every_position_is_the_definitions():
    """All 48 * 2^15 positions, from their lower ends and from just below their upper ends, and what lies beyond them."""
    lower = torch.arange(-LIMIT * FINE, LIMIT * FINE, dtype=torch.float64).div(FINE).to(torch.float32)
    upper = torch.nextafter(lower + 1 / FINE, lower)
    beyond = torch.tensor(
        [-1e30, 1e30, -torch.inf, torch.inf, -24.5, 24.5, -0.0, 0.0, -1e-45, 1e-45, 24.0, -24.0] + [24.00001] * 4
    )
    logits = torch.cat([lower, upper, beyond])
    assert len(position(lower).index) == 48 << 15
    found, table = np.zeros(len(logits), np.uint32), threshold_table(torch.device("cpu"))[0].numpy().astype(np.uint32)
    _limits(logits.numpy(), table, found)
    assert torch.equal(torch.from_numpy(found.astype(np.int64)), keep_threshold(position(logits)))
