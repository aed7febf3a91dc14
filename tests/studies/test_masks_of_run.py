"""The masks of a run as values: those of the very study that was run, and no others."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.errors import RunFolderError


def study(steps=2):
    torch.manual_seed(0)
    network = nn.Linear(4, 3)
    parts = [torch.randn(8, 4) for _ in range(6)]
    functions = {"positive": [part.abs() for part in parts], "negative": [-part.abs() for part in parts]}
    config = ms.MaskConfig(steps=steps, learning_rate=4.0, estimator="continuous-sparsification")
    return ms.Study(network, functions, loss="unmasked", config=config)


def test_masks_of_run_are_those_of_the_record(tmp_path):
    record = run_study("quick", Job(study().study, study().study.preset("quick"), (0,), str(tmp_path)))
    found = ms.masks_of_run(study(), tmp_path)
    assert {name: len(masks) for name, masks in found.items()} == {"positive": 2, "negative": 2, "all": 1}
    for name, masks in found.items():
        for repeat, mask in enumerate(masks):
            told = record.networks[0].mask(name, repeat)
            assert mask.kept == sum(one.kept for one in told.by_tensor.values())
            assert (mask.made_by["noise"]["mask"], mask.made_by["noise"]["repeat"]) == (name, repeat)
    with pytest.raises(RunFolderError, match="has not the mask seed-0-mask-positive-0 of this study"):
        ms.masks_of_run(study(steps=3), tmp_path)
