"""Finding a mask: the network stays as it is, one logit a weight is learned so that sampled masks perform the function."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from maskscope.masks import BinaryMask, Loss, MaskLogits, Selection, evaluation_mode, select
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches
from maskscope.training.checkpoint import Checkpoint, as_checkpoint, usual_name
from maskscope.training.judgement import Judgement, warn_of_faults
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.mask_objective import MaskObjective
from maskscope.training.memory import check_memory, needs, said_on_failure
from maskscope.training.observers import History, Observer, usual_observers
from maskscope.training.seeds import child_seed, isolated_random
from maskscope.training.surroundings import usual_mode
from maskscope.training.wanted import Wanted, check_wanted


@dataclass(frozen=True)
class Discovery:
    """What `discover` found: the mask, the logits behind it, how the search went, and what came of it.

    Args:
        mask: the logits, thresholded.
        logits: what was learned.
        history: the loss of every step.
        reference_loss: the loss without a mask, on the data of the first step.
        seconds: of the search.
        judgement: of the mask, on data that the search did not train on; None if it was not asked for, or no data were left.
    """

    mask: BinaryMask
    logits: MaskLogits
    history: History
    reference_loss: float
    seconds: float
    judgement: Judgement | None = None

    def __str__(self) -> str:
        return f"{self.mask!r}: {self.judgement or 'not judged'}"


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
    checkpoint: Checkpoint | str | Path | bool | None = None,
    compute: Compute | None = None,
    initial: MaskLogits | None = None,
    check: bool = True,
    judge: bool = True,
    watch: bool = True,
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
        checkpoint: where to keep the state of the run; if the file is there, the run goes on from it. True for a file in the
            folder ``maskscope-checkpoints`` whose name is told when the search begins.
        compute: how the work is done.
        initial: where the logits start (`maskscope.analysis.warm_start`, say); all at ``initial_logit`` unless given.
        check: whether to ask first if the network and the loss do what makes a mask mean something (docs/guests.md); it costs as
            much as three steps.
        judge: whether to judge the mask at the end on parts that the search did not train on (`Discovery.judgement`), as many as
            a step has samples and at least four, and to warn if something speaks against it.
        watch: whether to show progress and to warn while the search goes astray, beside what ``observers`` do.

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
        network,
        loss,
        [wanted],
        selection=selection,
        config=config,
        checkpoint=checkpoint,
        compute=compute,
        check=check,
        judge=judge,
        watch=watch,
    )
    return found


def discover_many(
    network: nn.Module,
    loss: Loss,
    wanted: Sequence[Wanted],
    *,
    selection: Selection | None = None,
    config: MaskConfig | None = None,
    checkpoint: Checkpoint | str | Path | bool | None = None,
    compute: Compute | None = None,
    check: bool = True,
    judge: bool = True,
    watch: bool = True,
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
        judge: see `discover`.
        watch: see `discover`; one line of progress for all masks.

    Raises:
        GuestError: see `discover`.
        ConfigError: nothing is wanted, or two of the wanted have one identity: their noise would be the same.
        OutOfMemoryError: this needs more memory than there is.
    """
    wanted = list(wanted)
    check_wanted(wanted)
    selection = select(network) if selection is None else selection
    config = MaskConfig() if config is None else config
    compute = Compute() if compute is None else compute
    weights = selection.of(network)
    device = next(iter(weights.values())).device
    wants = needs(network, selection, compute, device, samples=config.samples_per_step, masks=len(wanted))
    check_memory(wants, device)

    observers: list[Sequence[Observer]] = [one.observers for one in wanted]
    if watch:
        observers = [*usual_observers(observers, [one.name for one in wanted])]

    def say(text: str) -> None:
        for observer in {id(observer): observer for own in observers for observer in own}.values():
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
    kept = as_checkpoint(checkpoint, lambda: usual_name("-".join(one.name for one in wanted), identity))
    if watch and kept and checkpoint is True:
        say(f"its state is kept in {kept.file}: the same call goes on from there")
    elif watch and not kept:
        say("nothing is kept until it ends; with checkpoint=True it could be stopped, and taken up again")
    seed = child_seed(wanted[0].seed, "network-noise", *(part for one in wanted for part in (one.name, one.repeat)))
    with (
        usual_mode(),
        evaluation_mode(network),
        said_on_failure(wants, device),
        closing(MaskObjective(network, loss, wanted, selection, config, compute, say, check)) as objective,
    ):
        result = run_loop(
            objective,
            LoopConfig(config.steps, config.learning_rate, config.clip_norm),
            seed=seed,
            identity=identity,
            observers=observers,
            checkpoint=kept,
        )
        judgements = _judged(objective, result, seed) if judge else [None for _ in wanted]
    found = []
    for track, (noise, judgement) in enumerate(zip(noises, judgements, strict=True)):
        logits = MaskLogits(selection, objective.logits[track].flat.detach())
        made_by: Json = {
            "noise": noise,
            "config": asdict(config),
            "compute": asdict(compute),
            "selection": {"include": list(selection.include), "exclude": list(selection.exclude)},
        }
        if judgement:
            made_by["judgement"] = judgement.as_json()
        mask = BinaryMask.from_logits(logits, weights, made_by)
        found.append(Discovery(mask, logits, result.histories[track], result.reference_losses[track], result.seconds, judgement))
    for one, made in zip(wanted, found, strict=True):
        if made.judgement:
            if watch:
                say(f"{one.name} {made.judgement}" if len(found) > 1 else str(made.judgement))
            warn_of_faults(str(one), made.judgement)
    return found


def _judged(objective: MaskObjective, result: LoopResult, seed: int) -> list[Judgement | None]:
    """What came of each mask; the loss may draw from torch's generator, which is as it was afterwards."""
    with isolated_random(child_seed(seed, "judgement"), objective.device):
        return [
            objective.judge(track, len(history.loss), history.loss[0]) if history.loss else None
            for track, history in enumerate(result.histories)
        ]
