"""Examples in docstrings run."""

import doctest
import importlib

import pytest

MODULES = ["maskscope.masks.selection", "maskscope.zoo.mlp"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
