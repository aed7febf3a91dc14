"""Examples in docstrings run: of every public name that has one, and of the modules named here."""

import doctest
import importlib
import inspect

import pytest
import torch

import maskscope

MODULES = ["maskscope.zoo.mlp", "maskscope.storage.legible", "maskscope.storage.paths"]
# what needs a connection, a service, a whole run or several processes
NEEDS_MORE = (
    "push_to_hub from_hub masks_from_hub masks_of_run alternatives Tracker grow ProgressBar Watchdog discover_sharded whole_mask"
)
# what the example of another public name shows, or gives back
SHOWN_ELSEWHERE = """
    BinaryMask MaskSearch Noise FitConfig Compute Penalty BehaviourKept UnitGroup Selection Judgement Discovery Growth History
    ShardedDiscovery Shrunk Transfer Alternatives iomin dice masks_in_folder MaskscopeError WeakMaskWarning
"""
WITHOUT = {*NEEDS_MORE.split(), *SHOWN_ELSEWHERE.split()}


def examples_of(public):
    """The doctests of a public name, with the names of its module."""
    module = inspect.getmodule(public)
    return doctest.DocTestFinder(recurse=False).find(public, public.__name__, module=module, globs=dict(vars(module)))


@pytest.mark.parametrize("name", sorted({*maskscope.__all__} - WITHOUT))
def test_examples_of_public_names(name):
    tests = [test for test in examples_of(getattr(maskscope, name)) if test.examples]
    assert tests, f"{name} has no example"
    runner = doctest.DocTestRunner()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for test in tests:
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_modules(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
