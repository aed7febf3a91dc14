"""Finds the mask of a network that several processes share: `discover` for networks that do not fit one process."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from maskscope.errors import ConfigError, GuestError
from maskscope.masks import Loss, MaskLogits, Penalty, Selection, evaluation_mode, select
from maskscope.masks.shards import Processes, is_sharded, processes_of, reshard, shards_of
from maskscope.masks.shards.mask import ShardedMask, whole_digests
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches
from maskscope.training.checkpoint import Checkpoint, as_checkpoint
from maskscope.training.judgement import Judgement, warn_of_faults
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.mask_search import MaskSearch
from maskscope.training.observers import History, Observer, usual_observers
from maskscope.training.seeds import child_seed, isolated_random
from maskscope.training.shared.objective import ShardedObjective
from maskscope.training.shared.together import checkpoint_of_process
from maskscope.training.surroundings import usual_mode


@dataclass(frozen=True)
class ShardedDiscovery:
    """The result of `discover_sharded` in one process; the numbers in it are the same in all of them.

    Args:
        mask: the bits of this process's parts of the weights.
        logits: the logits of these parts; given as ``initial``, a search goes on from them.
        history: the loss of every step, the mean over the processes.
        reference_loss: the loss without a mask, on the data of the first step.
        seconds: the time of the search.
        judgement: see `Discovery`.
    """

    mask: ShardedMask
    logits: MaskLogits
    history: History
    reference_loss: float
    seconds: float
    judgement: Judgement | None = None


def discover_sharded(
    network: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    selection: Selection | None = None,
    config: MaskConfig | None = None,
    seed: int = 0,
    name: str = "mask",
    repeat: int = 0,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | str | Path | None = None,
    compute: Compute | None = None,
    initial: MaskLogits | None = None,
    check: bool = True,
    judge: bool = True,
    watch: bool = True,
) -> ShardedDiscovery:
    """Finds the weights that carry a function of a network that several processes share by `fully_shard` (docs/sharded.md).

    Every process calls it, with the same arguments but for the data. Each has the logits, moments and bits of its own parts of
    the weights, and nothing of the others. The draws are those of one process, to the bit, because they depend on the place of a
    weight in the whole tensor. The mask is that of `discover` at the same settings, up to rounding: FSDP adds up gradients, and
    this function their norm, in another order.

    Args:
        network: a network that `torch.distributed.fsdp.fully_shard` was called on, over one dimension of processes.
        loss: see `discover`. It must not compute gradients itself.
        batches: a function ``batches(index) -> share`` or an iterable of shares. A sample's loss is the mean over the processes,
            so each should give its own share of the sample's part, all equally large. If all give the same parts, the search is
            that of one process with these parts.
        selection: see `discover`; of single weights.
        config: see `discover`; with a `Penalty`.
        seed: see `discover`.
        name: see `discover`.
        repeat: see `discover`.
        observers: watch the run in this process.
        checkpoint: see `discover`; each process has its own file, whose name ends with its number.
        compute: which kernels; the executor is always the same, and copies have the dtype of the weights.
        initial: whole initial logits, the same in all processes, or those of a `ShardedDiscovery` with as many processes.
        check: whether to check the laws of masking first.
        judge: see `discover`.
        watch: whether the first process shows progress and warnings.

    Raises:
        ConfigError: the processes have different settings; a setting is not supported here; or the checkpoint is of another run.
        GuestError: the network is not sharded, or masking does not work with it.
        SelectionError: a weight is sharded in a way that is not supported.
        BatchesError: the processes have unequal shares, or the batches of one of them end too early.
        NotFiniteError: a gradient is NaN or infinite, in whichever process; all of them raise.
    """
    if not is_sharded(network):
        raise GuestError(
            f"This {type(network).__name__} is not sharded: its weights are plain tensors. Call torch.distributed.fsdp."
            "fully_shard on it first; or take maskscope.discover, with Compute(data_parallel=True) for several processes."
        )
    reshard(network)
    selection = select(network) if selection is None else selection
    selection.of(network)
    shards_of(network, selection.names)
    processes = processes_of(network, selection.names)
    config = MaskConfig() if config is None else config
    compute = Compute() if compute is None else compute
    processes.raise_together(_refusal(selection, config, compute))
    asked = as_checkpoint(checkpoint)
    wanted = MaskSearch(name, batches, seed, repeat, observers, initial)
    settings: Json = {
        "selection": digest(selection.identity),
        "config": config.as_json(),
        "compute": compute.as_json(),
        "noise": asdict(wanted.noise),
    }
    processes.require_same(
        settings
        | {"selection": [asdict(one) for one in selection.weights]}
        | {"check": check, "judge": judge, "checkpoint": asked is not None, "initial": initial is not None}
        | {"maskscope": version("maskscope"), "torch": torch.__version__}
    )
    kept = checkpoint_of_process(asked, processes)
    watchers = _watchers(wanted, processes, watch=watch)

    def say(text: str) -> None:
        for observer in watchers:
            observer.note(text)

    run_seed = child_seed(seed, "network-noise", name, repeat)
    with (
        usual_mode(),
        evaluation_mode(network),
        closing(ShardedObjective(network, loss, wanted, selection, config, compute, processes, say, check=check)) as objective,
    ):
        identity = settings | {
            "processes": [processes.rank, processes.size],
            "initial": None if initial is None else tensor_digest(initial.flat),
            "weights": digest({name: tensor_digest(one) for name, one in objective.weights.items()}) if kept else None,
        }
        result = run_loop(
            objective,
            LoopConfig(config.steps, config.learning_rate, config.clip_norm),
            seed=run_seed,
            identity=identity,
            observers=[watchers],
            checkpoint=kept,
        )
        judgement = _judged(objective, result, run_seed) if judge else None
    found = _found(network, objective, result, judgement, settings | {"selection": _patterns(selection)}, processes)
    if judgement and processes.is_first:
        if watch:
            say(str(judgement))
        warn_of_faults(str(wanted), judgement)
    return found


def _refusal(selection: Selection, config: MaskConfig, compute: Compute) -> ConfigError | None:
    """What of the settings a sharded search does not support, in one error."""
    faults = []
    if selection.units:
        kinds = ", ".join(dict.fromkeys(group.kind for group in selection.units if not group.is_single))
        faults.append(f"units {kinds}: one bit for each weight is supported")
    if not isinstance(config.size, Penalty):
        faults.append(f"size={config.size.name}: Penalty is supported")
    if compute.executor not in ("auto", "sequential"):
        faults.append(f"executor={compute.executor!r}: leave it out")
    if compute.data_parallel:
        faults.append("data_parallel=True: it is for networks that every process has whole")
    if compute.dtype != "weight":
        faults.append(f"dtype={compute.dtype!r}: give fully_shard a MixedPrecisionPolicy instead")
    if compute.is_lean:
        faults.append("state='lean': keep the full state; what it takes is divided among the processes")
    if not faults:
        return None
    return ConfigError("Not supported in a search by several processes that share a network:\n  " + "\n  ".join(faults))


def _watchers(wanted: MaskSearch, processes: Processes, *, watch: bool) -> list[Observer]:
    """The user's observers, and in the first process the usual ones."""
    if watch and processes.is_first:
        return usual_observers([wanted.observers], [wanted.name])[0]
    return list(wanted.observers)


def _judged(objective: ShardedObjective, result: LoopResult, seed: int) -> Judgement | None:
    (history,) = result.histories
    if not history.loss:
        return None
    with isolated_random(child_seed(seed, "judgement"), objective.device):
        return objective.judge(len(history.loss), history.loss[0])


def _patterns(selection: Selection) -> Json:
    return {"include": list(selection.include), "exclude": list(selection.exclude)}


def _found(
    network: nn.Module,
    objective: ShardedObjective,
    result: LoopResult,
    judgement: Judgement | None,
    made_by: Json,
    processes: Processes,
) -> ShardedDiscovery:
    if judgement:
        made_by = made_by | {"judgement": judgement.as_json()}
    flat = objective.logits.flat.detach()
    logits = MaskLogits(objective.logits.selection, flat)
    bits = {name: one.clone() for name, one in logits.by_tensor(flat > 0).items()}
    known = whole_digests(network, objective.weights, processes)
    mask = ShardedMask(bits, objective.shards, processes, known, made_by)
    return ShardedDiscovery(mask, logits, result.histories[0], result.reference_losses[0], result.seconds, judgement)
