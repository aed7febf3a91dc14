"""The random bits: published vectors, addresses, and independence from how the work is cut."""

from itertools import pairwise

import pytest
import torch

from maskscope.masks.kernels import counter
from maskscope.masks.kernels.counter import chunks, draw_words, philox, stream_key

# Random123 (D. E. Shaw Research), file tests/kat_vectors: rounds, counter, key, output
VECTORS = [
    (7, "00000000 00000000 00000000 00000000 00000000 00000000", "5f6fb709 0d893f64 4f121f81 4f730a48"),
    (7, "ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "5207ddc2 45165e59 4d8ee751 8c52f662"),
    (7, "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "4dfccaba 190a87f0 c47362ba b6b5242a"),
    (10, "00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (10, "ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (10, "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]

GOLDEN_KEY = ["f9acb2a4", "d044c242"]
GOLDEN_DRAWS = ["f94b340e", "cd65a770", "162fab92", "d28e5d2b", "e1f6a886", "78163dd1", "c7244a34", "d3e9444a"]


@pytest.mark.parametrize(("rounds", "address", "output"), VECTORS)
@pytest.mark.parametrize("as_tensors", [(), (0,), (0, 1, 2, 3), (1, 3)])
def test_published_vectors(rounds, address, output, as_tensors):
    words = [int(word, 16) for word in address.split()]
    count = [torch.tensor([w, w, w]) if place in as_tensors else w for place, w in enumerate(words[:4])]
    found = philox(tuple(count), (words[4], words[5]), rounds)
    for word, wanted in zip(found, output.split(), strict=True):
        assert {f"{int(w):08x}" for w in (word if isinstance(word, torch.Tensor) else [word])} == {wanted}


def test_layout_is_frozen_as_written():
    """Addresses in a few corners; a change of layout must raise LAYOUT_VERSION and change this test on purpose."""
    key = stream_key(0, "mask-noise", "add", 0, "layers.0.weight")
    assert counter.LAYOUT_VERSION == 1
    assert counter.ROUNDS == 7
    element, block, step = (1 << 40) + 5, 3, (1 << 33) + 7
    found = draw_words(key, step=step, block=block, first=element, count=1)[:, 0].tolist()
    address = (element & 0xFFFFFFFF, element >> 32 | block << 16, step & 0xFFFFFFFF, step >> 32)
    assert found == list(philox(address, key))


def test_golden_draws():
    key = stream_key(0, "mask-noise", "add", 0, "layers.0.weight")
    assert [f"{word:08x}" for word in key] == GOLDEN_KEY
    draws = draw_words(key, step=0, block=0, first=0, count=2)
    assert [f"{word:08x}" for word in draws.flatten().tolist()] == GOLDEN_DRAWS


def test_draws_do_not_depend_on_the_cut():
    key = stream_key("cut")
    whole = draw_words(key, step=9, block=1, first=100, count=3000)
    pieces = [draw_words(key, step=9, block=1, first=100 + at, count=n) for at, n in ((0, 1), (1, 1700), (1701, 1299))]
    assert torch.equal(whole, torch.cat(pieces, dim=1))


def test_chunks_cover_everything_once_and_never_straddle():
    border = 1 << 32
    pieces = list(chunks(3 * counter.CHUNK + 5, first=border - counter.CHUNK - 2))
    assert pieces[0][0] == border - counter.CHUNK - 2
    assert all(a + n == b for (a, n), (b, _) in pairwise(pieces))
    assert sum(n for _, n in pieces) == 3 * counter.CHUNK + 5
    assert all(a >> 32 == (a + n - 1) >> 32 for a, n in pieces)


def test_addresses_outside_the_layout_are_refused():
    for wrong in ({"block": 1 << 16}, {"first": (1 << 48) - 1}, {"first": (1 << 32) - 1}):
        with pytest.raises(ValueError, match="outside the layout"):
            draw_words((1, 2), **({"step": 0, "block": 0, "first": 0, "count": 2} | wrong))


def test_every_part_of_an_identity_makes_another_key():
    identities = [
        (0, "n", "add", 0, "w"),
        (1, "n", "add", 0, "w"),
        (0, "n", "mul", 0, "w"),
        (0, "n", "add", 1, "w"),
        (0, "n", "add", 0, "v"),
    ]
    assert len({stream_key(*identity) for identity in identities}) == len(identities)
    assert stream_key("a", "bc") != stream_key("ab", "c")


def test_draws_are_uniform_and_independent_between_samples():
    """Chi-square over 256 cells and correlation between samples, elements and steps, each at a level of 1e-4."""
    n = 1 << 16
    draws = torch.cat([draw_words(stream_key("uniform"), step=s, block=0, first=0, count=n) for s in (0, 1)])
    for row in draws:
        counts = torch.bincount(row >> 24, minlength=256).double()
        assert float(((counts - n / 256) ** 2 / (n / 256)).sum()) < 347.7  # chi2(255), 1 - 1e-4
    unit = draws.double() / 2**32 - 0.5
    correlation = (unit @ unit.T) / n * 12
    off = correlation - torch.diag(torch.diag(correlation))
    assert float(off.abs().max()) < 4.5 / n**0.5
    assert abs(float((unit[0, :-1] * unit[0, 1:]).mean() * 12)) < 4.5 / n**0.5
