"""Training planted weights until the network computes its functions, with the noise on all other weights present."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskscope.errors import ConfigError
from maskscope.masks import BinaryMask, bake, call_with
from maskscope.studies.planted.truth import computes
from maskscope.tasks import Part
from maskscope.tasks.multiplexer import Multiplexers
from maskscope.training import FitConfig, child_seed, fit


@dataclass(frozen=True)
class FinetuneConfig:
    """How planted weights are trained.

    Args:
        round_steps: steps of a round; after each round all inputs are tried, and training ends when all answers are right and the
            loss is low.
        rounds: the most rounds.
        highest_loss: of each function, over all inputs, at the end. Halves answer right after 100 steps with a loss of .1, when
            a mask gains more from leaving a weight out than from answering right.
        items: inputs a step.
        learning_rate: Adam's.
    """

    round_steps: int = 100
    rounds: int = 20
    highest_loss: float = 0.01
    items: int = 256
    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError(f"rounds is {self.rounds}; a number of at least 1 was expected.")
        FitConfig(self.round_steps, self.learning_rate)


def finetune(
    network: nn.Module, task: Multiplexers, circuits: Mapping[str, BinaryMask], config: FinetuneConfig, seed: int
) -> int | None:
    """Trains the weights of the circuits and all biases, in place; all other weights stay as they are.

    The loss is that of the whole network plus that of each circuit alone (all other weights 0). Without the second part the
    circuits come to lean on the noise, and then they are not what carries the function; without the noise in the first part the
    whole network fails once the noise is there.

    Returns:
        The number of steps after which the whole network and each circuit alone were right on every input, with a low loss; None
        if they never were.
    """
    trained = _Trained(network, circuits)

    def loss(wrapped: nn.Module, part: Part) -> Tensor:
        assert isinstance(wrapped, _Trained)
        tensors = wrapped.tensors()
        total = call_with(network, tensors, lambda guest: task.loss(guest, part))
        for function, circuit in circuits.items():
            # not masked_weights, which no gradient passes
            alone = tensors | {name: torch.where(bits, tensors[name], 0) for name, bits in circuit.items()}
            own = task.only(function, part)
            total = total + call_with(network, alone, lambda guest, own=own: task.loss(guest, own))  # type: ignore[misc]
        return total

    for round_number in range(1, config.rounds + 1):
        fit(
            trained,
            loss,
            task.batches(task.whole, config.items, child_seed(seed, "round", round_number)),
            config=FitConfig(config.round_steps, config.learning_rate),
            seed=seed,
        )
        trained.write()
        if all(
            _done(one, task, function, config.highest_loss)
            for function, circuit in circuits.items()
            for one in (network, bake(network, circuit))
        ):
            return round_number * config.round_steps
    return None


def _done(network: nn.Module, task: Multiplexers, function: str, highest_loss: float) -> bool:
    with torch.no_grad():
        loss = float(task.loss(network, task.every_input(function)))
    return loss <= highest_loss and computes(network, task, function)


class _Trained(nn.Module):
    """The part of a network's parameters that is trained, and how the rest comes back to it."""

    def __init__(self, network: nn.Module, circuits: Mapping[str, BinaryMask]) -> None:
        super().__init__()
        self._network = (network,)  # in a tuple, so that its parameters are not this module's
        self._frozen = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
        self._names = list(self._frozen)
        union = {name: torch.stack([mask[name] for mask in circuits.values()]).any(0) for name in next(iter(circuits.values()))}
        self._is_trained = {name: union.get(name, torch.ones_like(old, dtype=torch.bool)) for name, old in self._frozen.items()}
        self.values = nn.ParameterList(nn.Parameter(old.clone()) for old in self._frozen.values())

    def tensors(self) -> dict[str, Tensor]:
        """All parameters by name: trained where they may be, as they were elsewhere."""
        return {
            name: torch.where(self._is_trained[name], value, self._frozen[name])
            for name, value in zip(self._names, self.values, strict=True)
        }

    def write(self) -> None:
        """Writes the parameters into the network."""
        with torch.no_grad():
            for name, value in self.tensors().items():
                self._network[0].get_parameter(name).copy_(value)
