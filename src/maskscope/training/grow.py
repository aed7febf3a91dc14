"""Growing: learns a mask together with the weights that no earlier mask uses, so that a network can learn task after task."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from maskscope.errors import ConfigError, MaskMismatchError, SelectionError, suggestion
from maskscope.masks import (
    SAMPLES_PER_GROUP,
    BinaryMask,
    Loss,
    MaskLogits,
    Noise,
    Selection,
    evaluation_mode,
    masked_weights,
    select,
)
from maskscope.masks.executors import working_bytes
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches
from maskscope.training.checkpoint import Checkpoint, as_checkpoint, values_digest
from maskscope.training.grow_objective import GrowthObjective
from maskscope.training.loop import LoopConfig, run_loop
from maskscope.training.mask_config import Compute, MaskConfig
from maskscope.training.memory import Need, check_memory, said_on_failure
from maskscope.training.observers import History, Observer
from maskscope.training.seeds import child_seed
from maskscope.training.surroundings import usual_mode


@dataclass(frozen=True)
class Growth:
    """The result of `grow`: the mask, its logits, and how the run went. The trained weights are in the network."""

    mask: BinaryMask
    logits: MaskLogits
    history: History
    seconds: float


def grow(
    network: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    selection: Selection | None = None,
    used: BinaryMask | None,
    initial: MaskLogits,
    config: MaskConfig,
    seed: int = 0,
    name: str = "grow",
    repeat: int = 0,
    observers: Sequence[Observer] = (),
    checkpoint: Checkpoint | str | Path | None = None,
    executor: str = "auto",
    kernels: str = "auto",
    check: bool = True,
) -> Growth:
    """Learns a mask and, IN PLACE, all selected weights that are not in ``used``. The weights in ``used`` do not change.

    One Adam optimizer with one learning rate trains logits and weights, and their gradient is clipped together. Each of the S
    samples of a step runs the network in eval mode under its own mask, on its own part of the data. Parameters outside the
    selection and buffers are used, but not trained. Modes and ``.grad`` are restored afterwards, also on an error; global random
    state does not change. After an error or Ctrl-C, the weights are those of the last step.

    The outputs under an earlier mask stay the same to the bit if ``used`` contains all its weights. The other (free) weights
    start from their current values: initialise them before if you want new ones.

    Args:
        network: any module.
        loss: ``loss(network, part)``, a scalar; see `discover`.
        batches: a function ``batches(index) -> part`` or an iterable of parts. Each of the S samples of a step gets one part; for
            a batch size of B items per step, a part has B / S items.
        selection: the weights that may be masked and trained; by default, all.
        used: the weights that must not change, over all selected tensors: the union of earlier masks; None for a first task.
        initial: the initial logits; ``config.initial_logit`` is not used.
        config: the settings; steps, learning rate, clipping, accumulation and schedule apply to logits and weights.
        seed: the root seed of the mask noise.
        name: the name of the task; the mask noise depends on it.
        repeat: the number of the repeat, if there are several masks for the same task.
        observers: objects that watch the run. There is no reference loss: the unmasked network has no meaning here.
        checkpoint: where to save the state of the run with the weights; if the file exists, the run is resumed from it, and the
            free weights of ``network`` are replaced by the saved ones.
        executor: a name in ``maskscope.masks.EXECUTORS``: how the samples of a step are run.
        kernels: a name in ``maskscope.masks.KERNELS``: the implementation of the passes over the weights.
        check: see `discover`.

    Raises:
        GuestError: see `discover`.
        ConfigError: ``stop_when_settled``, or the checkpoint belongs to another run.
        MaskMismatchError: ``used`` or ``initial`` is not for the selected weights.
        SelectionError: the selection is for another network, or a selected parameter does not require a gradient.
        LossError: the loss is not a scalar, or has no gradient with respect to the selected weights.
        NotFiniteError: a gradient is NaN or infinite.
        BatchesError: the batches are empty or end too early.
        OutOfMemoryError: there is not enough memory.

    Source: Csordás et al. 2021, permuted MNIST (weights and masks trained together). The caller decides which weights count as
    used, which are initialised again between tasks, and where the logits start.
    """
    checkpoint = as_checkpoint(checkpoint)
    selection = select(network) if selection is None else selection
    weights = selection.of(network)
    _check(network, selection, used, initial, config)
    device = next(iter(weights.values())).device
    compute = Compute(executor, kernels)
    wants = _needs(network, selection, executor, device, config.samples)
    check_memory(wants, device)
    noise = Noise(seed, name, repeat)
    told: Json = {"noise": asdict(noise), "config": config.as_json(), "compute": compute.as_json()}
    identity: Json = told | {
        "what": "grow",
        "selection": digest(selection.identity),
        "initial": tensor_digest(initial.flat),
        "used": used and digest({name: tensor_digest(used[name]) for name in selection.names}),
        "weights": _fixed(network, selection, used) if checkpoint else None,
    }

    def say(text: str) -> None:
        for observer in observers:
            observer.note(text)

    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    with usual_mode():
        logits = MaskLogits(selection, initial.flat.detach().to(device, copy=True))
    free = None if used is None or not used.kept else dict(~used)
    try:
        with (
            usual_mode(),
            evaluation_mode(network),
            said_on_failure(wants, device),
            closing(
                GrowthObjective(network, loss, batches, logits, free, noise, config, executor, kernels, say, check)
            ) as objective,
        ):
            result = run_loop(
                objective,
                LoopConfig(config.steps, config.learning_rate, config.clip_norm),
                seed=child_seed(seed, "network-noise", name, repeat),
                identity=identity,
                observers=[observers],
                checkpoint=checkpoint,
            )
    finally:
        for parameter, gradient in gradients:
            parameter.grad = gradient
    logits = MaskLogits(selection, logits.flat.detach())
    made_by: Json = told | {
        "selection": {"include": list(selection.include), "exclude": list(selection.exclude)},
        "used": used.kept if used is not None else 0,
    }
    mask = BinaryMask.from_logits(logits, weights, made_by)
    for observer in observers:
        observer.found({"kept": float(mask.kept), "density": mask.density, "seconds": result.seconds})
    return Growth(mask, logits, result.histories[0], result.seconds)


def _check(network: nn.Module, selection: Selection, used: BinaryMask | None, initial: MaskLogits, config: MaskConfig) -> None:
    if config.stop_when_settled:
        raise ConfigError(
            "stop_when_settled is for masks over frozen weights: here weights still move when logits are settled. Leave it off."
        )
    if (initial.selection.weights, initial.selection.units) != (selection.weights, selection.units):
        raise MaskMismatchError(
            "The initial logits are for other weights than those that are to be masked. Make them from the same selection: "
            "MaskLogits.full(selection, 2.0), or MaskLogits.from_units."
        )
    if used is not None:
        _check_used(selection, used)
    parameters = dict(network.named_parameters())
    frozen = [name for name in selection.names if not parameters[name].requires_grad]
    if frozen:
        raise SelectionError(
            f"Selected parameters are trained, but these do not require a gradient: {', '.join(frozen)}. Call requires_grad_() "
            "on them (what is in `used` is left alone all the same), or exclude them from the selection."
        )


def _check_used(selection: Selection, used: BinaryMask) -> None:
    shapes = {weight.name: weight.shape for weight in selection.weights}
    faults = [f"{name}: selected, but `used` does not say" for name in shapes if name not in used]
    faults += [f"{name}: in `used`, but not selected{suggestion(name, shapes)}" for name in used if name not in shapes]
    faults += [
        f"{name}: `used` has shape {list(used[name].shape)}, the network {list(shape)}"
        for name, shape in shapes.items()
        if name in used and tuple(used[name].shape) != shape
    ]
    if faults:
        raise MaskMismatchError(
            "The mask of used weights must be over the selected tensors, each with its bits:\n  " + "\n  ".join(faults)
        )


def _fixed(network: nn.Module, selection: Selection, used: BinaryMask | None) -> str:
    """A digest of all weights that a run does not change. Free weights are excluded, because they may be half-trained already."""
    kept = {name: parameter.detach() for name, parameter in network.named_parameters() if name not in selection.names}
    if used is not None:
        weights = selection.of(network)
        kept |= masked_weights(weights, {name: bits.to(weights[name].device) for name, bits in used.items()})
    return values_digest(kept)


def _needs(network: nn.Module, selection: Selection, executor: str, device: torch.device, samples: int) -> list[Need]:
    """The memory that `grow` allocates in addition to the network and the activations of one call."""
    itemsizes = {name: weight.itemsize for name, weight in selection.of(network).items()}
    size = sum(itemsizes[weight.name] * weight.count for weight in selection.weights)
    rows = min(samples, SAMPLES_PER_GROUP)
    cure = "select fewer weights (exclude=...)"
    return [
        Need(16 * selection.unit_count, "logits, their gradient, two moments of Adam", cure),
        Need(3 * size, "the weights' gradient, two moments of Adam", cure),
        Need(2 * selection.count, "gates, and which weights are free", cure),
        Need(
            working_bytes(executor, network, itemsizes, device, rows),
            "masked copies and weight gradients in work",
            "executor='sequential', or lower samples_per_step",
        ),
    ]
