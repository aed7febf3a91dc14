"""Three masks of one network that tell what a way of computing does to a mask: the usual one, a repeat, and the other way."""

import warnings
from dataclasses import replace

import torch

from benchmarks.schedules import QUICK, SUBJECT
from maskscope.masks import select
from maskscope.procedure.settings import MaskSpec
from maskscope.procedure.starts import initial_logits
from maskscope.training import Compute, Discovery, ProgressBar, child_seed, discover


def three_masks(
    network: torch.nn.Module, spec: MaskSpec, steps: int, seed: int, way: str, compute: Compute
) -> tuple[Discovery, Discovery, Discovery]:
    """Full masks of a network of addition and multiplication: as usual, with other noise and data, and in another way.

    Args:
        network: the network.
        spec: the settings of the search.
        steps: of each search, in the place of the settings' own.
        seed: of the noise and of the order of the data.
        way: the name of the other way; noise and data depend on it.
        compute: the other way; it has the noise and the data of the first.
    """
    task, spec = SUBJECT.task(QUICK, torch.device("cpu")), replace(spec, steps=steps)
    selection = select(network, exclude=SUBJECT.excluded(QUICK))
    initial = initial_logits(network, task, task.whole, selection, spec, seed)

    def find(repeat: int, how: Compute) -> Discovery:
        return discover(
            network,
            task.loss,
            task.batches(task.whole, spec.part_size, child_seed(seed, "data", way, repeat)),
            selection=selection,
            config=spec.config(),
            seed=child_seed(seed, way),
            name=task.whole,
            repeat=repeat,
            observers=[ProgressBar(f"network {seed}, repeat {repeat}, {'usual' if how == Compute() else way}", seconds=60)],
            compute=how,
            initial=initial,
            judge=False,
        )

    first, repeat = find(0, Compute()), find(1, Compute())
    with warnings.catch_warnings(action="ignore"):  # the same noise, on purpose; and bfloat16 is slow on many processors
        return first, repeat, find(0, compute)
