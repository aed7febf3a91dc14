"""What several processes do before they search together: they find each other, compare settings, and agree on checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError, FileFormatError, MaskscopeError
from maskscope.masks.shards import Processes, all_processes
from maskscope.masks.shards.shard import refuse_sharded
from maskscope.storage import Json, digest, read_tensors, tensor_digest
from maskscope.training.checkpoint import Checkpoint
from maskscope.training.mask_config import Compute, MaskConfig


def processes_for(network: nn.Module, compute: Compute, config: MaskConfig, device: torch.device) -> Processes | None:
    """The processes that search together, each with the whole network; None if that is not asked for.

    Raises:
        GuestError: the network is sharded, so no process has it whole.
        ConfigError: there is no process group; or a step has fewer calls of the network than there are processes.
    """
    refuse_sharded(network, "discover", "take maskscope.discover_sharded, with the same arguments, in each of them")
    if not compute.data_parallel:
        return None
    processes = all_processes(device)
    if config.parts_per_step < processes.size:
        raise ConfigError(
            f"A step has {config.parts_per_step} calls of the network (samples_per_step times accumulation), and there are "
            f"{processes.size} processes: some would do nothing. Start fewer, or raise samples_per_step or accumulation."
        )
    return processes


def agreed(
    processes: Processes | None, kept: Checkpoint | None, settings: Json, weights: Mapping[str, Tensor]
) -> Checkpoint | None:
    """The checkpoint of this process, after all have compared their settings and their networks.

    Raises:
        ConfigError: they differ; see also `checkpoint_of_process`.
    """
    if processes is None:
        return kept
    values = digest({name: tensor_digest(weight) for name, weight in weights.items()})
    processes.require_same({**settings, "checkpoint": kept is not None, "weights": values})
    return checkpoint_of_process(kept, processes)


def checkpoint_of_process(given: Checkpoint | None, processes: Processes) -> Checkpoint | None:
    """The checkpoint of this process, at the last step that all processes have saved.

    The problem: processes write their files at the same step, but not at the same moment. If they are killed then, some have
    saved this step, and others only the step before.

    The trick: every process keeps its last file but one. None begins to save a step before all have saved the last one, because
    the steps in between need all of them. So there is always a step that all have; whoever is ahead goes back.

    How it could still fail: a file is deleted by hand; then it is an error that says which.

    Args:
        given: what the user asked for; the same in all processes.
        processes: the processes.

    Raises:
        ConfigError: there is no step that all processes have saved, and some have saved one.
        FileFormatError: a file is damaged, in whichever process.
    """
    if given is None:
        return None
    path = given.file
    mine = replace(
        given,
        path=path.with_name(f"{path.stem}-{processes.rank:05}-of-{processes.size:05}{path.suffix}"),
        keeps_previous=True,
    )
    files = (mine.file, mine.previous)
    steps, error = [], None
    try:
        steps = [_step_of(file) for file in files]
    except MaskscopeError as failure:
        error = failure
    processes.raise_together(error)
    step = _common(processes.gathered(steps), path)
    if step is not None and steps[0] != step:
        mine.previous.replace(mine.file)
    return mine


def _common(steps: Sequence[Sequence[int | None]], path: Path) -> int | None:
    """The last step that all processes have; None if none has any."""
    if not any(step is not None for own in steps for step in own):
        return None
    shared = set.intersection(*({step for step in own if step is not None} for own in steps))
    if shared:
        return max(shared)
    listed = "; ".join(f"process {place}: {[step for step in own if step is not None]}" for place, own in enumerate(steps))
    raise ConfigError(
        f"The checkpoints beside {path} have no step in common ({listed}). Delete those that are there, to start anew, or start "
        "with the number of processes that they were made with."
    )


def _step_of(file: Path) -> int | None:
    if not file.exists():
        return None
    _, metadata = read_tensors(file, kind="checkpoint")
    step = metadata.get("step")
    if type(step) is not int:
        raise FileFormatError(f"{file} does not say at which step it was written. Delete it and the others beside it.")
    return step
