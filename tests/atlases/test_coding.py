"""What is written of bits and numbers is what is read again, and is small."""

import base64
import zlib

import numpy as np
import pytest
import torch

from maskscope.atlases.coding import coded_bits, coded_numbers


def unpacked(coded):
    return zlib.decompress(base64.b64decode(coded.text), -15)


def read(coded, count):
    """As decode.js does it."""
    content = unpacked(coded)
    if coded.form == "bits":
        return np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[:count].astype(bool)
    bits, place = np.zeros(count, bool), 0
    for byte in content:
        place += byte
        if byte != 255:
            bits[place] = True
            place += 1
    return bits


@pytest.mark.parametrize("density", [0, 0.0005, 0.01, 0.1, 0.4, 0.9, 1])
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 11), (5, 4, 3, 3), (60, 70)])
def test_bits_are_read_as_they_were_written(shape, density):
    bits = torch.rand(shape) < density
    assert np.array_equal(read(coded_bits(bits), bits.numel()), bits.flatten().numpy())


@pytest.mark.parametrize("gap", [0, 1, 254, 255, 256, 509, 510, 511, 5000])
def test_gaps_of_any_length(gap):
    bits = torch.zeros(6000, dtype=torch.bool)
    bits[torch.tensor([3, 4 + gap])] = True
    assert np.array_equal(read(coded_bits(bits), 6000), bits.numpy())


@pytest.mark.parametrize("density", [0.02, 0.05, 0.1])
def test_bits_without_a_pattern_are_written_within_a_few_percent_of_their_entropy(density):
    count = 200_000
    coded = coded_bits(torch.rand(count) < density)
    entropy = -count / 8 * (density * np.log2(density) + (1 - density) * np.log2(1 - density))
    assert coded.form == "gaps"
    assert len(unpacked(coded)) < count / 8
    assert len(base64.b64decode(coded.text)) < 1.04 * entropy


def test_whole_rows_shrink_to_nothing():
    rows = torch.rand(500, 1) < 0.5
    coded = coded_bits(rows.expand(500, 400))
    assert coded.form == "bits"
    assert len(coded.text) < 1500


def test_numbers_are_read_to_three_digits():
    values = torch.cat([torch.randn(1000), torch.tensor([0.0, -0.0, 1e-6, 1e9, float("nan")])])
    high, low = np.frombuffer(unpacked(coded_numbers(values)), np.uint8).reshape(2, -1)
    found = np.ascontiguousarray(np.stack([low, high], 1)).view("<f2").reshape(-1).astype(np.float32)
    assert found[-2] == 65504
    assert np.isnan(found[-1])
    np.testing.assert_allclose(found[:-2], values[:-2], rtol=2**-11, atol=2**-24)
