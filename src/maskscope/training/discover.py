"""Finding a mask: the network stays as it is, one logit a weight is learned so that sampled masks perform the function."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks import (
    BinaryMask,
    GateBuffers,
    Loss,
    MaskLogits,
    Noise,
    Selection,
    call_with,
    evaluation_mode,
    loss_and_gradient,
    make_estimator,
    make_penalty,
    masked_weights,
    select,
)
from maskscope.storage import Json, digest, tensor_digest
from maskscope.training.batches import Batches, PartSource
from maskscope.training.checkpoint import Checkpoint
from maskscope.training.loop import LoopConfig, LoopResult, Objective, run_loop
from maskscope.training.observers import History, Observer
from maskscope.training.seeds import child_seed


@dataclass(frozen=True)
class MaskConfig:
    """How a mask is found. The defaults are the paper's, but for the penalty, which it sets for each experiment.

    Args:
        steps: optimisation steps, exactly.
        samples_per_step: S, the independent mask samples of a step; each sees its own part of the data.
        learning_rate: Adam's, for the logits.
        penalty_weight: alpha, the factor of the penalty (the paper's beta / batch size of the network's training).
        initial_logit: where every logit starts; 2 is a keep probability of .88.
        estimator: a name in ``maskscope.masks.ESTIMATORS``.
        penalty: a name in ``maskscope.masks.PENALTIES``.
        temperature: tau of the estimator's slope.
        clip_norm: the largest norm of the logits' gradient; 0 for no clipping.
    """

    steps: int = 20_000
    samples_per_step: int = 4
    learning_rate: float = 1e-2
    penalty_weight: float = 7.8125e-7
    initial_logit: float = 2.0
    estimator: str = "rao-blackwell"
    penalty: str = "logit-sum"
    temperature: float = 1.0
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.samples_per_step <= 1 << 18:
            raise ConfigError(f"samples_per_step is {self.samples_per_step}; a number from 1 to {1 << 18} was expected.")
        LoopConfig(self.steps, self.learning_rate, self.clip_norm)
        make_estimator(self.estimator, self.temperature)
        make_penalty(self.penalty, self.penalty_weight)


@dataclass(frozen=True)
class Discovery:
    """What `discover` found: the mask, the logits behind it, and how the search went."""

    mask: BinaryMask
    logits: MaskLogits
    history: History
    reference_loss: float
    seconds: float


class MaskObjective(Objective):
    """The logits of one mask: the mean loss of S sampled masks, each on its own part, plus the penalty."""

    def __init__(
        self, network: nn.Module, loss: Loss, batches: Batches, selection: Selection, config: MaskConfig, noise: Noise
    ) -> None:
        self._network, self._loss, self._source = network, loss, PartSource(batches)
        self._weights = selection.of(network)
        self._samples, self._noise = config.samples_per_step, noise
        self._estimator = make_estimator(config.estimator, config.temperature)
        self._penalty = make_penalty(config.penalty, config.penalty_weight)
        self.device = next(iter(self._weights.values())).device
        self.logits = MaskLogits.full(selection, config.initial_logit, self.device)
        self.logits.flat.grad = torch.zeros_like(self.logits.flat)
        self._buffers = GateBuffers(self.logits)
        self._masked = {weight: torch.empty_like(tensor) for weight, tensor in self._weights.items()}
        self._gates = [self.logits.by_tensor(sample) for sample in self._buffers.is_open]
        self._slopes = [self.logits.by_tensor(sample) for sample in self._buffers.slope]

    @property
    def parameters(self) -> list[Tensor]:
        """See `Objective.parameters`."""
        return [self.logits.flat]

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        return {"logits": self.logits.flat}

    def measures(self) -> dict[str, float]:
        """Density of the mask as it stands, and the share of undecided weights."""
        return {"density": self.logits.density(), "undecided": self.logits.undecided()}

    def accumulate(self, step: int) -> Tensor:
        """Gradient = mean over the samples k of  w * g_k * slope_k,  plus the penalty's (docs/method.md)."""
        flat = self.logits.flat
        assert flat.grad is not None
        gradient = self.logits.by_tensor(flat.grad)
        total = torch.zeros((), device=self.device)
        parts = []
        for index in range(self._samples):
            block, place = divmod(index, len(self._gates))
            if place == 0:
                self._buffers.draw(self._estimator, self._noise, step, block)
            part = self._source.part(step * self._samples + index)
            masked = masked_weights(self._weights, self._gates[place], into=self._masked)
            value, of_masked = loss_and_gradient(self._network, self._loss, part, masked)
            for name, weight in self._weights.items():
                contribution = of_masked[name].to(torch.float32).mul_(self._slopes[place][name])
                gradient[name].addcmul_(contribution, weight.to(torch.float32), value=1 / self._samples)
            total += value.to(torch.float32) / self._samples
            parts.append(part)
        if step == 0:
            self.reference_loss = self._unmasked_loss(parts)
        self._penalty.add_gradient(flat, flat.grad)
        return total

    def _unmasked_loss(self, parts: list[object]) -> float:
        def loss_of_all(guest: nn.Module) -> float:
            return sum(float(self._loss(guest, part)) for part in parts) / len(parts)

        with torch.no_grad():
            return call_with(self._network, {}, loss_of_all)


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
    checkpoint: Checkpoint | Path | None = None,
) -> Discovery:
    """Finds the weights that carry a function of a trained network, which is left untouched.

    The network runs in eval mode, one call for each of the S samples of a step; modes are put back afterwards, also on an
    error. Global random state does not change.

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

    Raises:
        LossError: the loss is no scalar, or has no gradient path to the selected weights.
        NotFiniteError: a gradient is NaN or infinite.
        BatchesError: the batches are empty or end too early.
        SelectionError: the selection is for another network.
        ConfigError: the checkpoint belongs to another run.

    Source: Csordás et al. 2021, section 2; differences are listed in docs/method.md.
    """
    selection = select(network) if selection is None else selection
    config = MaskConfig() if config is None else config
    noise = Noise(seed, name, repeat)
    weights = selection.of(network)
    objective = MaskObjective(network, loss, batches, selection, config, noise)
    with evaluation_mode(network):
        result: LoopResult = run_loop(
            objective,
            LoopConfig(config.steps, config.learning_rate, config.clip_norm),
            seed=child_seed(seed, "network-noise", name, repeat),
            identity=_identity(selection, config, noise, weights) if checkpoint else {},
            observers=observers,
            checkpoint=Checkpoint(checkpoint) if isinstance(checkpoint, Path) else checkpoint,
        )
    logits = MaskLogits(selection, objective.logits.flat.detach())
    made_by: Json = {
        "noise": asdict(noise),
        "config": asdict(config),
        "selection": {"include": list(selection.include), "exclude": list(selection.exclude)},
    }
    mask = BinaryMask.from_logits(logits, weights, made_by)
    return Discovery(mask, logits, result.history, result.reference_loss, result.seconds)


def _identity(selection: Selection, config: MaskConfig, noise: Noise, weights: dict[str, Tensor]) -> Json:
    return {
        "selection": digest([asdict(weight) for weight in selection.weights]),
        "config": asdict(config),
        "noise": asdict(noise),
        "weights": digest({name: tensor_digest(weight) for name, weight in weights.items()}),
    }
