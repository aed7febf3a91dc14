"""Trains several networks of one shape together, each on its own data: an ordinary training run for each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import ConfigError, LossError, MaskscopeError
from maskscope.masks import BackwardPass, Loss, call_with
from maskscope.masks.alike import require_alike
from maskscope.masks.executors.stacking import CannotBatchError, stack_parts
from maskscope.masks.gradient import NO_PATH, scalar_loss
from maskscope.storage import Json, digest
from maskscope.training.batches import Batches, StepParts
from maskscope.training.checkpoint import Checkpoint, as_checkpoint, require_storable, values_digest
from maskscope.training.fit import FitConfig, WeightObjective, in_training, require_trainable
from maskscope.training.loop import LoopResult, run_loop
from maskscope.training.objective import Objective
from maskscope.training.observers import Observer
from maskscope.training.optimizers.state import make_optimizer
from maskscope.training.seeds import child_seed, reseed
from maskscope.training.surroundings import usual_mode

# layers with parameters that vmap runs as fast as one network's, or faster; dropout would draw other numbers for each network
_STACKABLE = (nn.Linear, nn.LayerNorm, nn.Embedding)
_RANDOM = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class InTurns(Objective):
    """A track for each network: in every step, one after the other, as `fit` would do it."""

    def __init__(self, tracks: Sequence[WeightObjective], seeds: Sequence[int]) -> None:
        self._tracks, self._seeds = tracks, seeds
        self.device = tracks[0].device

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`."""
        return [leaves for track in self._tracks for leaves in track.parameters]

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        return {f"{place}/{name}": one for place, track in enumerate(self._tracks) for name, one in track.state().items()}

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        return self._tracks[0].learning_rate_factor(step)

    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """See `Objective.accumulate`. Each network draws the random numbers that it would draw alone."""
        losses = []
        for track, seed in zip(self._tracks, self._seeds, strict=True):
            reseed(child_seed(seed, "step", step), self.device)
            losses.append(track.accumulate(step))
        return torch.cat(losses)


class Stacked(Objective):
    """A track for each network: the parameters of all are stacked, and one vmapped call runs them all.

    Args:
        networks: alike, and stackable.
        loss: ``loss(network, part)``.
        batches: the data of each.
        config: the settings.
    """

    def __init__(self, networks: Sequence[nn.Module], loss: Loss, batches: Sequence[Batches], config: FitConfig) -> None:
        self._network, self._loss, self._parts, self._config = networks[0], loss, StepParts(batches), config
        self._backward = BackwardPass()
        self._stacked = {
            name: torch.stack([network.get_parameter(name).detach() for network in networks]).requires_grad_()
            for name, one in networks[0].named_parameters()
            if one.requires_grad
        }
        self._frozen = {
            name: torch.stack([network.get_parameter(name).detach() for network in networks])
            for name, one in networks[0].named_parameters()
            if not one.requires_grad
        }
        self.device = next(iter(self._stacked.values())).device
        # the clipped gradient of a track: views of that of the stack
        self._of_tracks = [[one.detach()[place] for one in self._stacked.values()] for place in range(len(networks))]

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`: views of the stacked ones."""
        return self._of_tracks

    def optimizer(self, name: str, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
        """See `Objective.optimizer`: of the stacked parameters."""
        return make_optimizer(name, list(self._stacked.values()), settings)

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        return dict(self._stacked)

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        return self._config.learning_rate_factor(step)

    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """See `Objective.accumulate`.

        Raises:
            CannotBatchError: the parts of the networks differ in structure or shape, or `torch.func.vmap` cannot run the loss.
        """
        lent = self._parts.lend(step, 1)
        stacked, part_of = stack_parts([part for (part,) in lent])

        def one(parameters: dict[str, Tensor], frozen: dict[str, Tensor], tensors: list[Tensor]) -> Tensor:
            value = call_with(self._network, parameters | frozen, lambda guest: self._loss(guest, part_of(tensors)))
            return scalar_loss(value).reshape(())

        with torch.enable_grad():
            try:
                losses = torch.func.vmap(one)(self._stacked, self._frozen, stacked)
            except (MaskscopeError, MemoryError, torch.OutOfMemoryError):
                raise
            except Exception as error:  # of any type: of vmap, or of the user's code
                reason = next(iter(str(error).splitlines()), "no message")
                raise CannotBatchError(f"{type(error).__name__}: {reason[:200]}") from error
            leaves = list(self._stacked.values())
            reached_before = [leaf.grad is not None for leaf in leaves]
            self._backward.run(losses.sum(), leaves)
        self._parts.take_back()
        if all(leaf.grad is None for leaf in leaves):
            raise LossError(NO_PATH)
        for place, (leaf, before) in enumerate(zip(leaves, reached_before, strict=True)):
            if leaf.grad is None and before:  # a zero gradient, so that Adam's moments continue to decay
                leaf.grad = torch.zeros_like(leaf)
            for number, track in enumerate(self._of_tracks):
                track[place].grad = None if leaf.grad is None else leaf.grad[number]
        return losses.detach()

    def write_back(self, networks: Sequence[nn.Module]) -> None:
        """Gives every network its parameters."""
        with torch.no_grad():
            for name, stack in self._stacked.items():
                for network, values in zip(networks, stack, strict=True):
                    network.get_parameter(name).copy_(values)


def is_stackable(network: nn.Module) -> bool:
    """Whether networks like this one are trained in one call: of linear layers, norms and embeddings, no buffers, no dropout."""
    if any(True for _ in network.buffers()):
        return False
    with_parameters = [module for module in network.modules() if any(True for _ in module.parameters(recurse=False))]
    dropouts = [module for module in network.modules() if isinstance(module, _RANDOM) and module.p]
    return all(type(module) in _STACKABLE for module in with_parameters) and not dropouts


def fit_many(
    networks: Sequence[nn.Module],
    loss: Loss,
    batches: Sequence[Batches],
    *,
    config: FitConfig,
    seeds: Sequence[int],
    observers: Sequence[Sequence[Observer]] | None = None,
    checkpoint: Checkpoint | str | Path | None = None,
) -> LoopResult:
    """Trains all parameters of several networks in place, as `fit` does with each.

    Networks of linear layers, norms and embeddings, without buffers and dropout, are stacked: one call runs them all. The result
    is that of `fit` up to rounding. All others are trained in turns, step by step, with the result of `fit` to the bit.

    Args:
        networks: at least one; of the same layers, shapes and settings.
        loss: ``loss(network, part)``, the same for all. Of stacked networks, it must be one that `torch.func.vmap` can run.
        batches: for each network, its parts (see `fit`).
        config: steps, learning rate, clipping; the same for all.
        seeds: for each network, the seed of the random numbers that it draws.
        observers: for each network, objects that watch the run.
        checkpoint: see `fit`; one file for all.

    Raises:
        ConfigError: the networks are not alike, there is not one source of parts and one seed for each, or see `fit`.
        LossError: see `fit`.
        NotFiniteError: see `fit`.
        BatchesError: see `fit`.

    Examples:
        >>> import torch, maskscope as ms
        >>> networks = [torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)]
        >>> def loss(net, part):
        ...     return (net(part[0]).squeeze(1) - part[1]).square().mean()
        >>> data = [[(torch.eye(2), torch.tensor([1.0, -1.0]))], [(torch.eye(2), torch.tensor([0.0, 2.0]))]]
        >>> _ = ms.fit_many(networks, loss, data, config=ms.FitConfig(steps=200, learning_rate=0.1), seeds=[0, 1])
        >>> [round(float(net(torch.eye(2)[:1]).detach()), 1) + 0.0 for net in networks]
        [1.0, 0.0]
    """
    networks, batches, seeds = list(networks), list(batches), list(seeds)
    own = [()] * len(networks) if observers is None else list(observers)
    if not networks or not len(networks) == len(batches) == len(seeds) == len(own):
        raise ConfigError(
            f"There are {len(networks)} networks, {len(batches)} sources of batches, {len(seeds)} seeds and {len(own)} lists of "
            "observers; one of each for every network was expected."
        )
    if len({id(one) for one in networks}) < len(networks):
        raise ConfigError("One network is there twice; it would be trained on two kinds of data. Give a copy of it.")
    require_alike(networks)
    for network in networks:
        require_trainable(network)
    checkpoint = as_checkpoint(checkpoint)
    objective = _objective(networks, loss, batches, config, seeds)
    identity: Json = {"what": "fit-many", "format": 1, "seeds": seeds, "config": repr(config), "way": type(objective).__name__}
    if checkpoint:
        require_storable(objective.state())
        identity["weights"] = digest([values_digest(dict(network.named_parameters())) for network in networks])
    with usual_mode(), _in_training(networks), _written_back(objective, networks):
        result = run_loop(objective, config, seed=seeds[0], identity=identity, observers=own, checkpoint=checkpoint)
    for watching in own:
        for observer in watching:
            observer.found({"seconds": result.seconds})
    return result


def _objective(
    networks: Sequence[nn.Module], loss: Loss, batches: Sequence[Batches], config: FitConfig, seeds: Sequence[int]
) -> Stacked | InTurns:
    if len(networks) > 1 and is_stackable(networks[0]):
        return Stacked(networks, loss, batches, config)
    tracks = [WeightObjective(network, loss, own, config) for network, own in zip(networks, batches, strict=True)]
    return InTurns(tracks, seeds)


@contextmanager
def _in_training(networks: Sequence[nn.Module]) -> Iterator[None]:
    with ExitStack() as stack:
        for network in networks:
            stack.enter_context(in_training(network))
        yield


@contextmanager
def _written_back(objective: Stacked | InTurns, networks: Sequence[nn.Module]) -> Iterator[None]:
    """What was learned until then is on the networks after the ``with`` block, also on an error."""
    try:
        yield
    except CannotBatchError as error:
        raise ConfigError(
            f"The networks cannot be trained together: {error}. Train them one by one with maskscope.fit."
        ) from error
    finally:
        if isinstance(objective, Stacked):
            objective.write_back(networks)
