"""Networks that are run together have to differ in their weights only."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from maskscope.errors import ConfigError
from maskscope.masks.call import evaluation_mode

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def require_alike(networks: Sequence[nn.Module]) -> None:
    """Checks that networks have the same modules, settings, shapes, dtypes and devices. Tensors may have any values.

    Attributes that are no numbers, texts or tuples of these are not compared.

    Raises:
        ConfigError: two differ.
    """
    first = networks[0]
    for place, other in enumerate(networks):
        if other is not first and (fault := _difference(first, other)):
            raise ConfigError(
                f"Network {place} is not like the first, a {type(first).__name__}: {fault}. Networks that are run together must "
                "have the same layers, shapes and settings, and differ in their weights only. Run this one by itself."
            )


def _difference(first: nn.Module, other: nn.Module) -> str | None:
    mine, its = dict(first.named_modules()), dict(other.named_modules())
    if mine.keys() != its.keys():
        return f"its modules are {', '.join(sorted(its))}, and not {', '.join(sorted(mine))}"
    for name, module in mine.items():
        where, twin = name or "the network itself", its[name]
        if type(module) is not type(twin):
            return f"{where} is a {type(twin).__name__}, and not a {type(module).__name__}"
        settings, others = _settings(module), _settings(twin)
        changed = sorted(key for key in {*settings, *others} if settings.get(key, mine) != others.get(key, mine))
        if changed:
            return f"{where} differs in {', '.join(changed)}"
    for kind in ("named_parameters", "named_buffers"):
        tensors, twins = ({name: _form(one) for name, one in getattr(net, kind)()} for net in (first, other))
        changed = sorted(name for name in {*tensors, *twins} if tensors.get(name) != twins.get(name))
        if changed:
            return f"{changed[0]} is {twins.get(changed[0], 'absent')}, and not {tensors.get(changed[0], 'absent')}"
    return None


def _settings(module: nn.Module) -> dict[str, Any]:
    return {key: value for key, value in vars(module).items() if key != "training" and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, _PLAIN)


def _form(tensor: Any) -> str:
    return f"{list(tensor.shape)} {tensor.dtype} on {tensor.device}"


@contextmanager
def evaluation_modes(networks: Sequence[nn.Module]) -> Iterator[None]:
    """`evaluation_mode` of several networks, each once."""
    with ExitStack() as stack:
        for network in {id(one): one for one in networks}.values():
            stack.enter_context(evaluation_mode(network))
        yield
