"""The networks that a user gives: of one kind, taken as modules or as weights for one; and whether the data fit them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import BatchesError, ConfigError, GuestError, LossError, MaskscopeError, ScoreError
from maskscope.masks import BehaviourKept, Size, call_with, copy_network, evaluation_mode
from maskscope.masks.gradient import loss_and_reached_gradients, scalar_loss
from maskscope.tasks.calling import described
from maskscope.tasks.functions import UserFunctions, numbers_of
from maskscope.training import isolated_random

MakeNetwork = Callable[[], nn.Module]
# a spread needs two
_LEAST_ITEMS = 2
# of each function, to see which weights it uses
_PARTS_LOOKED_AT = 4
_EXPECTED = "a torch module, or a list of modules or state dicts of one kind, was expected"


def given_networks(given: object, untrained: MakeNetwork | None) -> list[nn.Module]:
    """The networks, as modules.

    Args:
        given: a module; or several, each a module or a state dict.
        untrained: makes a network that state dicts fit; needed where no module is among those given.

    Raises:
        ConfigError: there are none, they are no networks, or of different kinds.
    """
    if isinstance(given, nn.Module):
        return [given]
    if isinstance(given, Mapping) or not isinstance(given, Sequence):
        raise ConfigError(f"network is of the type {type(given).__name__}; {_EXPECTED}.")
    if not given:
        raise ConfigError(f"network is an empty list; {_EXPECTED}.")
    pattern = next((one for one in given if isinstance(one, nn.Module)), None)
    if pattern is None and untrained is not None:
        with isolated_random(0):
            pattern = untrained()
    if pattern is None:
        raise ConfigError(
            "network is a list of state dicts only: give one as a module, or untrained=..., which makes such a network."
        )
    return [_as_module(one, place, pattern) for place, one in enumerate(given)]


def _as_module(given: object, place: int, pattern: nn.Module) -> nn.Module:
    if isinstance(given, nn.Module):
        require_kind(given, f"Network {place}", pattern)
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(f"Network {place} is of the type {type(given).__name__}; {_EXPECTED}.")
    module = copy_network(pattern)
    try:
        module.load_state_dict(dict(given))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The state dict of network {place} does not fit {type(pattern).__name__}: {' '.join(str(error).split())} Several "
            "networks are replicates, and have to be of one kind."
        ) from error
    return module


def off_weights(off: object, network: nn.Module) -> Mapping[str, Tensor] | None:
    """The weights that stand in place of those that are off; None where these are not another network's.

    Raises:
        ConfigError: they do not fit the network.
    """
    if isinstance(off, str):
        return None
    if not isinstance(off, nn.Module | Mapping):
        raise ConfigError(f"off is of the type {type(off).__name__}; zero, mean, drawn or a network was expected.")
    found = off if isinstance(off, nn.Module) else _as_module(off, 0, network)
    why = "Its weights stand in place of those that are off, so it needs the same ones: take the network before fine-tuning."
    require_kind(found, "The network given as off", network, why)
    return {name: parameter.detach().clone() for name, parameter in found.named_parameters()}


_REPLICATES = "All networks of a study are replicates: the same modules, trained from other seeds."


def require_kind(network: nn.Module, name: str, pattern: nn.Module, why: str = _REPLICATES) -> None:
    """Raises `ConfigError` unless a network has the weights that another has: names, shapes and dtypes."""
    expected, found = _layout(pattern), _layout(network)
    differing = sorted(key for key in {*expected, *found} if expected.get(key) != found.get(key))
    if differing:
        key, nothing = differing[0], "nothing"
        raise ConfigError(
            f"{name} is of another kind than the others: as {key} it has {found.get(key, nothing)}, and "
            f"{expected.get(key, nothing)} was expected. {why}"
        )


def _layout(network: nn.Module) -> dict[str, str]:
    return {name: f"{one.dtype} {list(one.shape)}" for name, one in network.state_dict().items()}


def as_they_are(network: nn.Module, pattern: nn.Module) -> nn.Module:
    """A network with the modes of another of its kind, and its choice of what is trained."""
    modes = dict(pattern.named_modules(remove_duplicate=False))
    for name, module in network.named_modules(remove_duplicate=False):
        module.training = modes[name].training if name in modes else module.training
    trained = {name: one.requires_grad for name, one in pattern.named_parameters(remove_duplicate=False)}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(trained.get(name, parameter.requires_grad))
    return network


def require_fit(network: nn.Module, task: UserFunctions, place: int, emptied: Mapping[str, Tensor], size: Size) -> None:
    """Uses loss and score once for each function, so that what does not fit is said before any work.

    Args:
        network: a copy, on the task's device.
        task: with data, loss and score.
        place: of the network among those given.
        emptied: what stands in place of weights that are off, for each tensor that masks are over.
        size: what masks pay for, or are held to.
    """
    network.requires_grad_(True)
    with isolated_random(0, task.device):
        for function in task.functions:
            _require_loss(network, task, function, place)
        _require_used(network, task, list(emptied))
        try:
            with evaluation_mode(network), torch.no_grad():
                for function in task.functions:
                    _require_score(network, task, function, emptied, size)
        except MaskscopeError:
            raise
        except Exception as error:
            raise ConfigError(
                f"The score cannot be computed for network {place}: {_described(error)}. It is called with one part at a time: "
                "score(network, part)."
            ) from error


def _require_loss(network: nn.Module, task: UserFunctions, function: str, place: int) -> None:
    try:
        part: Any = task.batches(function, 1, 0)(0)  # with the unmasked network's answers, where it is compared with them
        task.check(network, part)
        loss: object = task.loss(network, part)
    except MaskscopeError as error:
        raise type(error)(f"Of function {function}: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"The loss cannot be computed for network {place} and the data of function {function}: {_described(error)}. Loss, "
            f"network and data should fit together; a part is {described(task.first_part(function))}, and the "
            "loss is called with one part at a time: loss(network, part)."
        ) from error
    try:
        scalar = scalar_loss(loss)
    except LossError as error:
        raise LossError(f"Of function {function}: {error}") from error
    if not scalar.requires_grad:
        raise LossError(
            f"No gradient leads from the loss of function {function} back to the weights. Look for torch.no_grad, .detach(), "
            ".item() or an argmax in the loss or the network."
        )


def _require_used(network: nn.Module, task: UserFunctions, names: Sequence[str]) -> None:
    """Raises `GuestError` if there is a tensor that no function uses."""
    every, unused = dict(network.named_parameters()), set(names)
    weights = {name: every[name].detach() for name in names}
    with evaluation_mode(network):
        for function in task.functions:
            batches = task.batches(function, 1, 0)
            for index in range(_PARTS_LOOKED_AT):
                if not unused:
                    return
                unused -= set(loss_and_reached_gradients(network, task.loss, batches(index), weights)[1])
    if unused:
        raise GuestError(
            f"No gradient leads from the loss of any function to {', '.join(one for one in names if one in unused)}, on the "
            f"first {_PARTS_LOOKED_AT} parts of each. Leave out what is not used in eval mode: exclude=[...], beside '*bias*' if "
            "biases are not to be masked either. A tensor that is used through a copy made earlier, or through a compiled or "
            "sharded wrapper, cannot be masked."
        )


def _require_score(network: nn.Module, task: UserFunctions, function: str, emptied: Mapping[str, Tensor], size: Size) -> None:
    whole = task.scored_items(network, function)
    nothing = call_with(network, emptied, lambda guest: task.scored_items(guest, function))
    if torch.equal(whole, nothing) and float(whole.min()) == float(whole.max()):
        raise ScoreError(
            f"The score of function {function} is {float(whole[0]):.4g} for each of its {len(whole)} items, with all weights and "
            "without any: no mask can be judged by it. Give a score that tells a network that performs the function from one "
            "that does not, and data on which they differ."
        )
    if not isinstance(size, BehaviourKept) or size.of != "score":
        return
    held_out: Sequence[Any] = task.held_out(function) or ()
    items = sum(numbers_of(function, task.part_score(network, part)).numel() for part in held_out)
    if held_out and items < _LEAST_ITEMS:
        raise BatchesError(
            f"Of function {function}, {items} item is held out to judge masks on, and no spread can be told from it. Give more "
            "data, or config=MaskConfig(size=Penalty(weight)), which needs none held out."
        )


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
