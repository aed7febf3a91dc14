"""Finding a mask: the network stays as it is, one logit a weight is learned so that sampled masks perform the function."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from maskscope.masks import BinaryMask, Loss, MaskLogits, Selection, evaluation_mode, select
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches
from maskscope.training.checkpoint import Checkpoint, as_checkpoint
from maskscope.training.loop import LoopConfig, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.mask_objective import MaskObjective
from maskscope.training.memory import check_memory, needs, said_on_failure
from maskscope.training.observers import History, Observer
from maskscope.training.seeds import child_seed
from maskscope.training.surroundings import usual_mode
from maskscope.training.wanted import Wanted, check_wanted


@dataclass(frozen=True)
class Discovery:
    """What `discover` found: the mask, the logits behind it, and how the search went."""

    mask: BinaryMask
    logits: MaskLogits
    history: History
    reference_loss: float
    seconds: float


def discover(
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
) -> Discovery:
    """Finds the weights that carry a function of a trained network, which is left untouched.

    The network runs in eval mode, each of the S samples of a step in a call of its own or all of them in one (`Compute`); modes
    are put back afterwards, also on an error. Global random state does not change.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar that is small when the network performs the function; it may call the network as
            it likes.
        batches: a function ``batches(index) -> part`` or an iterable of parts; each of the S samples of a step gets one part, of
            B / S items for a batch of B items a step.
        selection: the weights that may be masked; all, unless told.
        config: the settings.
        seed: root seed of the mask noise.
        name: which function this is for. It is part of the noise's key: masks that are to be compared need different names, or
            different repeats, or seeds.
        repeat: which of several masks for the same function.
        observers: who watches.
        checkpoint: where to keep the state of the run; if the file is there, the run goes on from it.
        compute: how the work is done.
        initial: where the logits start (`maskscope.analysis.warm_start`, say); all at ``initial_logit`` unless given.
        check: whether to ask first if the network and the loss do what makes a mask mean something (docs/guests.md); it costs as
            much as three steps.

    Raises:
        GuestError: they do not; or going over to eval mode changes the network's weights.
        LossError: the loss is no scalar, or has no gradient path to the selected weights.
        NotFiniteError: a gradient is NaN or infinite.
        BatchesError: the batches are empty or end too early.
        SelectionError: the selection is for another network.
        ConfigError: the checkpoint belongs to another run.
        OutOfMemoryError: this needs more memory than there is.

    Source: Csordás et al. 2021, section 2; differences are listed in docs/method.md.
    """
    wanted = Wanted(name, batches, seed, repeat, observers, initial)
    (found,) = discover_many(
        network, loss, [wanted], selection=selection, config=config, checkpoint=checkpoint, compute=compute, check=check
    )
    return found


def discover_many(
    network: nn.Module,
    loss: Loss,
    wanted: Sequence[Wanted],
    *,
    selection: Selection | None = None,
    config: MaskConfig | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
    compute: Compute | None = None,
    check: bool = True,
) -> list[Discovery]:
    """Finds several masks over one frozen network together: functions, repeats, seeds. Each is what `discover` finds, unless the
    loss draws from torch's own generator.

    Where the samples of a step go in one call, those of all masks do. That pays where a step is mostly overhead: in small
    networks and on accelerators (`reproduction/benchmarks.md`). The logits of all masks are in memory at one time.

    Args:
        network: any module.
        loss: ``loss(network, part)``; the functions differ in their data.
        wanted: the masks.
        selection: see `discover`; the same for all.
        config: the settings, the same for all.
        checkpoint: of all of them together.
        compute: how the work is done.
        check: see `discover`.

    Raises:
        GuestError: see `discover`.
        ConfigError: nothing is wanted, or two of the wanted have one identity: their noise would be the same.
        OutOfMemoryError: this needs more memory than there is.
    """
    checkpoint = as_checkpoint(checkpoint)
    wanted = list(wanted)
    check_wanted(wanted)
    selection = select(network) if selection is None else selection
    config = MaskConfig() if config is None else config
    compute = Compute() if compute is None else compute
    weights = selection.of(network)
    device = next(iter(weights.values())).device
    wants = needs(network, selection, compute, device, samples=config.samples_per_step, masks=len(wanted))
    check_memory(wants, device)

    def say(text: str) -> None:
        for observer in {id(observer): observer for one in wanted for observer in one.observers}.values():
            observer.note(text)

    noises = [asdict(one.noise) for one in wanted]
    identity: Json = {
        "selection": digest([asdict(weight) for weight in selection.weights]),
        "config": asdict(config),
        "compute": asdict(compute),
        "noise": noises,
        "initial": [None if one.initial is None else tensor_digest(one.initial.flat) for one in wanted],
        "weights": digest({name: tensor_digest(weight) for name, weight in weights.items()}) if checkpoint else None,
    }
    with (
        usual_mode(),
        evaluation_mode(network),
        said_on_failure(wants, device),
        closing(MaskObjective(network, loss, wanted, selection, config, compute, say, check)) as objective,
    ):
        result = run_loop(
            objective,
            LoopConfig(config.steps, config.learning_rate, config.clip_norm),
            seed=child_seed(wanted[0].seed, "network-noise", *(part for one in wanted for part in (one.name, one.repeat))),
            identity=identity,
            observers=[one.observers for one in wanted],
            checkpoint=checkpoint,
        )
    found = []
    for track, noise in enumerate(noises):
        logits = MaskLogits(selection, objective.logits[track].flat.detach())
        made_by: Json = {
            "noise": noise,
            "config": asdict(config),
            "compute": asdict(compute),
            "selection": {"include": list(selection.include), "exclude": list(selection.exclude)},
        }
        mask = BinaryMask.from_logits(logits, weights, made_by)
        found.append(Discovery(mask, logits, result.histories[track], result.reference_losses[track], result.seconds))
    return found
