"""Which weights of a network may be masked: chosen by patterns over dotted parameter names, kept as a value."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from maskscope.errors import SelectionError, suggestion


@dataclass(frozen=True)
class WeightTensor:
    """One maskable parameter tensor, described without its values.

    Args:
        name: canonical dotted name, the one that ``named_parameters`` shows.
        shape: its shape.
        dtype: its dtype without the ``torch.`` in front.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def count(self) -> int:
        """The number of scalar weights."""
        return torch.Size(self.shape).numel()


@dataclass(frozen=True)
class Selection:
    """The weights that masks of a network cover, in the network's own order."""

    weights: tuple[WeightTensor, ...]
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical dotted names."""
        return tuple(weight.name for weight in self.weights)

    @property
    def count(self) -> int:
        """The number of scalar weights in all."""
        return sum(weight.count for weight in self.weights)

    def of(self, network: nn.Module) -> dict[str, Tensor]:
        """The selected parameters of a network, detached, by canonical name.

        Raises:
            SelectionError: the network lacks one, or has it in another shape or dtype.
        """
        parameters = dict(network.named_parameters())
        faults = []
        for weight in self.weights:
            found = parameters.get(weight.name)
            if found is None:
                faults.append(f"{weight.name}: not there.{suggestion(weight.name, parameters)}")
            elif (tuple(found.shape), dtype_name(found)) != (weight.shape, weight.dtype):
                faults.append(
                    f"{weight.name}: expected {weight.dtype} {list(weight.shape)}, found {dtype_name(found)} {list(found.shape)}"
                )
        if faults:
            raise SelectionError("The selection was made for another network:\n  " + "\n  ".join(faults))
        return {name: parameters[name].detach() for name in self.names}


def select(network: nn.Module, include: Iterable[str] = ("*",), exclude: Iterable[str] = ()) -> Selection:
    """Chooses weights by shell patterns over dotted parameter names.

    A tied weight has several names; it is left out if any of them matches ``exclude``, else taken if any of them
    matches ``include``, and goes by its canonical name.

    Args:
        network: any module.
        include: patterns such as ``"*weight"``; each must match something.
        exclude: patterns that win over ``include``; one without a wildcard must match something.

    Raises:
        SelectionError: nothing is selected, a pattern matches nothing, or a selected weight cannot be masked.

    Example:
        >>> selection = select(nn.Linear(3, 2), exclude=["*bias"])
        >>> selection.names, selection.count
        (('weight',), 6)
    """
    include, exclude = _patterns("include", include), _patterns("exclude", exclude)
    names = aliases(network)
    everything = [alias for group in names.values() for alias in group]
    if not everything:
        raise SelectionError("The network has no parameters, so there is nothing to mask.")
    faults = [
        f"{pattern!r} matches no parameter.{suggestion(pattern, everything)}"
        for pattern in (*include, *(pattern for pattern in exclude if not re.search(r"[*?\[]", pattern)))
        if not any(fnmatchcase(name, pattern) for name in everything)
    ]
    if faults:
        raise SelectionError("\n".join(faults) + f"\nThe parameters are: {_listing(everything)}.")

    parameters = dict(network.named_parameters())
    chosen = [name for name, group in names.items() if not _matches(group, exclude) and _matches(group, include)]
    chosen = [name for name in chosen if not _empty(parameters[name])]
    if not chosen:
        raise SelectionError(
            f"Nothing is left to mask: include={list(include)} and exclude={list(exclude)} leave none of {_listing(everything)}."
        )
    _refuse_unmaskable(parameters, chosen)
    weights = tuple(WeightTensor(name, tuple(parameters[name].shape), dtype_name(parameters[name])) for name in chosen)
    return Selection(weights, include, exclude)


def aliases(network: nn.Module) -> dict[str, list[str]]:
    """All dotted names of each parameter, by canonical name."""
    canonical = {id(parameter): name for name, parameter in network.named_parameters()}
    groups: dict[str, list[str]] = {name: [] for name in canonical.values()}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        groups[canonical[id(parameter)]].append(name)
    return groups


def dtype_name(tensor: Tensor) -> str:
    """``float32`` for ``torch.float32``."""
    return str(tensor.dtype).removeprefix("torch.")


def _patterns(argument: str, patterns: Iterable[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise SelectionError(f"{argument} is the string {patterns!r}; a list of patterns was expected: [{patterns!r}].")
    return tuple(patterns)


def _matches(names: list[str], patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _empty(parameter: nn.Parameter) -> bool:
    return not isinstance(parameter, UninitializedParameter) and parameter.numel() == 0


def _refuse_unmaskable(parameters: Mapping[str, nn.Parameter], chosen: list[str]) -> None:
    faults = []
    for name in chosen:
        parameter = parameters[name]
        if isinstance(parameter, UninitializedParameter):
            faults.append(f"{name} is not initialised yet: run the network once on an example first")
        elif parameter.is_meta:
            faults.append(f"{name} is on the meta device and has no values: load the weights first")
        elif not parameter.is_floating_point():
            faults.append(f"{name} is {dtype_name(parameter)}; only real floating-point weights can be masked: exclude it")
    if not faults:
        faults = _overlaps(parameters, chosen)
    if faults:
        raise SelectionError("These weights cannot be masked:\n  " + "\n  ".join(faults))


def _overlaps(parameters: Mapping[str, nn.Parameter], chosen: list[str]) -> list[str]:
    """Distinct parameters over common memory: masking one would leave the other's view of it unmasked."""
    spans = []
    for name, parameter in parameters.items():
        if isinstance(parameter, UninitializedParameter) or parameter.is_meta or not parameter.numel():
            continue
        reach = 1 + sum((size - 1) * stride for size, stride in zip(parameter.shape, parameter.stride(), strict=True))
        start = parameter.storage_offset() * parameter.element_size()
        spans.append((parameter.untyped_storage().data_ptr(), start, start + reach * parameter.element_size(), name))
    spans.sort()
    return [
        f"{first} and {second} are different parameters over the same memory: clone one of them, or exclude both"
        for (storage, _, end, first), (other, start, _, second) in pairwise(spans)
        if storage == other and start < end and (first in chosen or second in chosen)
    ]


def _listing(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")
