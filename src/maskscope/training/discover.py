"""Finds masks: learns one logit for each weight of a frozen network, so that the network performs a function under the mask."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from torch import nn

from maskscope.masks import BinaryMask, Loss, MaskLogits, Off, Selection, select
from maskscope.masks.alike import evaluation_modes, require_alike
from maskscope.masks.off import ZERO
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches
from maskscope.training.checkpoint import Checkpoint, as_checkpoint, usual_name
from maskscope.training.discovery import Discovery
from maskscope.training.judgement import Judgement, warn_of_faults
from maskscope.training.loop import LoopConfig, LoopResult, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.mask_objective import MaskObjective
from maskscope.training.mask_search import Check, MaskSearch, require_searches
from maskscope.training.memory import check_memory, needs, said_on_failure
from maskscope.training.observers import Observer, usual_observers
from maskscope.training.seeds import child_seed, isolated_random
from maskscope.training.shared.together import agreed, processes_for
from maskscope.training.sizing.behaviours import Score
from maskscope.training.surroundings import usual_mode


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
    check: Check = True,
    judge: bool = True,
    watch: bool = True,
    score: Score | None = None,
    held_out: Batches | None = None,
    off: Off = ZERO,
) -> Discovery:
    """Finds the weights that carry a function of a trained network. The network is not changed.

    The network runs in eval mode: one call for each of the S samples of a step, or one call for all of them (see `Compute`). Its
    modes are restored afterwards, also on an error. Global random state does not change.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar that is small if the network performs the function; it may call the network in
            any way.
        batches: a function ``batches(index) -> part`` or an iterable of parts. Each of the S samples of a step gets one part; for
            a batch size of B items per step, a part has B / S items.
        selection: the weights that may be masked; by default, all.
        config: the settings.
        seed: the root seed of the mask noise.
        name: the name of the function. The mask noise depends on it: masks that will be compared need different names, repeats
            or seeds.
        repeat: the number of the repeat, if there are several masks for the same function.
        observers: objects that watch the run.
        checkpoint: where to save the state of the run; if the file exists, the run is resumed from it. True for a file in the
            folder ``maskscope-checkpoints``, whose name is shown at the start of the search.
        compute: how the computation is done.
        initial: the initial logits (for example `maskscope.analysis.warm_start`); by default, all are ``initial_logit``.
        check: whether to check first that masking works with this network and this loss (docs/guests.md); this takes as long as
            three steps. ``but for unused weights``: also where a function leaves weights unused, as it does those of an expert to
            which nothing of its data is sent; they are then found to be off.
        judge: whether to judge the mask at the end on parts after those of the search (`Discovery.judgement`), as many as a step
            has samples and at least four, and to warn if the mask has faults.
        watch: whether to show progress and to warn during the search if it goes wrong, in addition to ``observers``.
        score: ``score(network, part)``: a number from 0 to 1 for each item, or one share; `BehaviourKept` of a score needs it.
        held_out: parts that the masks of a path are judged on; see `MaskSearch`.
        off: what stands in place of a weight that is not kept; by default, zero.

    Raises:
        GuestError: masking does not work with this network or this loss; or setting eval mode changes the network's weights.
        LossError: the loss is not a scalar, or has no gradient with respect to the selected weights.
        NotFiniteError: a gradient is NaN or infinite.
        BatchesError: the batches are empty or end too early.
        SelectionError: the selection is for another network.
        ConfigError: the checkpoint belongs to another run.
        OutOfMemoryError: there is not enough memory.

    Source: Csordás et al. 2021, section 2; differences are listed in docs/method.md.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 2, bias=False)
        >>> _ = torch.nn.init.ones_(network.weight)
        >>> whole = ms.unmasked(network)
        >>> def loss(net, x):  # the function: the first of the two outputs
        ...     return (net(x) - whole(x))[:, 0].square().mean()
        >>> config = ms.MaskConfig(steps=60, learning_rate=0.3, size=ms.Penalty(1e-4))
        >>> ms.discover(network, loss, [torch.eye(2)], config=config, watch=False).mask["weight"]
        tensor([[ True,  True],
                [False, False]])
    """
    wanted = MaskSearch(name, batches, seed, repeat, observers, initial, held_out)
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
        score=score,
        off=off,
    )
    return found


def discover_many(
    network: nn.Module,
    loss: Loss,
    wanted: Sequence[MaskSearch],
    *,
    selection: Selection | None = None,
    config: MaskConfig | None = None,
    checkpoint: Checkpoint | str | Path | bool | None = None,
    compute: Compute | None = None,
    check: Check = True,
    judge: bool = True,
    watch: bool = True,
    score: Score | None = None,
    off: Off = ZERO,
) -> list[Discovery]:
    """Finds several masks of one frozen network together, for several functions, repeats or seeds; or of several networks.

    Each mask is equal to the one that `discover` finds, unless the loss draws random numbers from torch's own generator. If the
    samples of a step are run in one call, those of all masks are. That is faster if a step is mostly overhead: for small networks
    and on accelerators (`reproduction/benchmarks.md`). The logits of all masks are in memory at the same time.

    Args:
        network: any module. Not used if every search has one of its own.
        loss: ``loss(network, part)``, the same for all; functions differ in their data.
        wanted: the masks to find. Networks that they bring must have the same layers, shapes and settings.
        selection: see `discover`; the same for all.
        config: the settings; the same for all.
        checkpoint: see `discover`; one file for all masks together.
        compute: how the computation is done.
        check: see `discover`.
        judge: see `discover`.
        watch: see `discover`; one line of progress for all masks.
        score: see `discover`; the same for all.
        off: see `discover`; the same for all.

    Raises:
        GuestError: see `discover`.
        ConfigError: there is no mask to find, or two of a network have the same name, repeat and seed: their noise would be the
            same; or the networks are not alike.
        OutOfMemoryError: there is not enough memory.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 2, bias=False)
        >>> _ = torch.nn.init.ones_(network.weight)
        >>> whole = ms.unmasked(network)
        >>> def loss(net, part):
        ...     return (net(part[0]) - whole(part[0]))[:, part[1]].square().mean()
        >>> wanted = [ms.MaskSearch("first", [(torch.eye(2), 0)]), ms.MaskSearch("second", [(torch.eye(2), 1)])]
        >>> config = ms.MaskConfig(steps=60, learning_rate=0.3, size=ms.Penalty(1e-4))
        >>> first, second = ms.discover_many(network, loss, wanted, config=config, watch=False)
        >>> ms.iou(first.mask, second.mask)
        0.0
    """
    wanted = list(wanted)
    selection = select(network) if selection is None else selection
    config = MaskConfig() if config is None else config
    require_searches(wanted, draws=config.made_estimator.draws)
    compute = Compute() if compute is None else compute
    networks = [network if one.network is None else one.network for one in wanted]
    require_alike(networks)
    of_masks = [selection.of(one) for one in networks]
    weights = of_masks[0]
    device = next(iter(weights.values())).device
    processes = processes_for(networks[0], compute, config, device)
    wants = needs(networks[0], selection, compute, device, samples=config.samples, masks=len(wanted), checks=bool(check))
    check_memory(wants, device)

    observers: list[Sequence[Observer]] = [one.observers for one in wanted]
    watch = watch and (processes is None or processes.is_first)
    if watch:
        with_watchdog = not config.size.shrinks_until_it_fails
        observers = [*usual_observers(observers, [one.name for one in wanted], with_watchdog=with_watchdog)]

    def say(text: str) -> None:
        for observer in {id(observer): observer for own in observers for observer in own}.values():
            observer.note(text)

    noises = [asdict(one.noise) for one in wanted]
    identity: Json = {
        "selection": digest(selection.identity),
        "config": config.as_json(),
        "compute": compute.as_json(),
        "noise": noises,
        "avoid": [[one.repulsion, *(tensor_digest(bits) for mask in one.avoid for bits in mask.values())] for one in wanted],
        "initial": [None if one.initial is None else tensor_digest(one.initial.flat) for one in wanted],
        "weights": digest({name: tensor_digest(weight) for name, weight in weights.items()}) if checkpoint else None,
    }
    if checkpoint and any(one is not networks[0] for one in networks):
        identity["networks"] = [[tensor_digest(weight) for weight in its.values()] for its in of_masks]
    off = off.only(selection.names)
    if not off.is_zero:
        identity["off"] = off.as_json()
    kept = as_checkpoint(checkpoint, lambda: usual_name("-".join(one.name for one in wanted), identity))
    kept = agreed(processes, kept, identity | {"check": check, "judge": judge}, weights)
    if watch and kept and checkpoint is True:
        say(f"its state is kept in {kept.file}: the same call continues from there")
    elif watch and not kept:
        say("nothing is kept until it ends; with checkpoint=True it could be stopped and resumed")
    seed = child_seed(wanted[0].seed, "network-noise", *(part for one in wanted for part in (one.name, one.repeat)))
    with (
        usual_mode(),
        evaluation_modes(networks),
        said_on_failure(wants, device),
        closing(MaskObjective(network, loss, wanted, selection, config, compute, say, check, score, off, processes)) as objective,
    ):
        result = run_loop(
            objective,
            LoopConfig(objective.steps, config.learning_rate, config.clip_norm),
            seed=seed,
            identity=identity,
            observers=observers,
            checkpoint=kept,
        )
        judgements = _judged(objective, result, seed) if judge else [None for _ in wanted]
    found = []
    for track, (noise, judgement) in enumerate(zip(noises, judgements, strict=True)):
        logits = MaskLogits(selection, objective.logits[track].flat.detach().float())
        made_by: Json = {
            "noise": noise,
            "config": config.as_json(),
            "compute": compute.as_json(),
            "selection": {"include": list(selection.include), "exclude": list(selection.exclude)},
        }
        curve = objective.curve(track)
        made_by |= {"curve": [point.as_json() for point in curve]} if curve else {}
        made_by |= {"judgement": judgement.as_json()} if judgement else {}
        mask = BinaryMask.from_logits(logits, of_masks[track], made_by, off)
        found.append(
            Discovery(mask, logits, result.histories[track], result.reference_losses[track], result.seconds, judgement, curve)
        )
    for one, made, own in zip(wanted, found, observers, strict=True):
        for observer in own:
            observer.found(made.numbers)
        if made.judgement:
            if watch:
                say(f"{one.name} {made.judgement}" if len(found) > 1 else str(made.judgement))
            warn_of_faults(str(one), made.judgement)
    return found


def _judged(objective: MaskObjective, result: LoopResult, seed: int) -> list[Judgement | None]:
    """Judges each mask. The loss may draw random numbers from torch's generator, whose state is restored afterwards."""
    with isolated_random(child_seed(seed, "judgement"), objective.device):
        return [
            objective.judge(track, len(history.loss), history.loss[0]) if history.loss else None
            for track, history in enumerate(result.histories)
        ]
