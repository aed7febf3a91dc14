"""Random numbers that are only tried."""

import random

import numpy as np
import pytest
import torch

from maskscope.training import unchanged_random


def test_what_is_only_tried_leaves_every_generator_as_it_was():
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    def draw_in_a_block(fails):
        with unchanged_random(torch.device("cpu")):
            drawn = draw()
            if fails:
                raise ValueError("mine")
            return drawn

    expected = draw_in_a_block(fails=False)
    with pytest.raises(ValueError, match="mine"):
        draw_in_a_block(fails=True)
    assert draw() == expected
