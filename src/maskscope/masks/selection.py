"""Selects the weights of a network to mask, by patterns over dotted parameter names."""

import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from maskscope.errors import SelectionError, suggestion
from maskscope.masks.maskable import is_uninitialised, unmaskable, wrapped
from maskscope.masks.notebook_cells import selection_cell
from maskscope.masks.shards.shard import reshard
from maskscope.masks.units import UnitGroup, Units, faults_of_groups, groups_of, single_weights, unit_shapes
from maskscope.masks.units.patterns import UnmatchedPatternWarning, has_wildcard, matching, near_names
from maskscope.storage import Json


@dataclass(frozen=True)
class WeightTensor:
    """One maskable parameter tensor, without its values.

    Args:
        name: its canonical dotted name, as in ``named_parameters``.
        shape: its shape.
        dtype: its dtype without ``torch.``.
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
    """The weights that masks of a network cover, in the order of ``named_parameters``, and the units that are kept or not.

    Args:
        weights: the weights.
        include: the patterns that chose them.
        exclude: the patterns that left others out.
        units: what one bit of a mask stands for, if this is not a single weight in every tensor; else empty.
    """

    weights: tuple[WeightTensor, ...]
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    units: tuple[UnitGroup, ...] = ()

    def __post_init__(self) -> None:
        faults = faults_of_groups(self.units, {weight.name: weight.count for weight in self.weights}) if self.units else []
        if faults:
            raise SelectionError("The units do not fit the selected tensors:\n  " + "\n  ".join(faults))

    _repr_html_ = selection_cell

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical dotted names."""
        return tuple(weight.name for weight in self.weights)

    @property
    def count(self) -> int:
        """The number of scalar weights in all tensors together."""
        return sum(weight.count for weight in self.weights)

    @property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The units, in groups; for single weights, a group for each tensor."""
        return self.units or single_weights({weight.name: weight.count for weight in self.weights})

    @property
    def unit_count(self) -> int:
        """The number of units in all groups together: of logits, and of bits of a mask."""
        return sum(group.count for group in self.groups)

    @property
    def unit_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of values by unit, for each group: that of the tensor for single weights, else the number of units."""
        return unit_shapes(self.groups, self.shapes)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors, by dotted name."""
        return {weight.name: weight.shape for weight in self.weights}

    @property
    def identity(self) -> list[Json]:
        """What tells this selection from others, for a digest. Units count only if they are not single weights."""
        return [*map(asdict, self.weights), *map(asdict, self.units)]

    def of(self, network: nn.Module) -> dict[str, Tensor]:
        """The selected parameters of a network, detached, by canonical name.

        Raises:
            SelectionError: the network lacks a selected parameter, or it has another shape or dtype; or the network has lazy
                layers, which a masked call would initialise.
        """
        parameters = dict(network.named_parameters())
        lazy = [name for name, parameter in parameters.items() if is_uninitialised(parameter)]
        if lazy:
            raise SelectionError(
                f"Not initialised yet: {', '.join(lazy)}. Run the network once on an example first; a lazy layer that it never "
                "uses has to be removed."
            )
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


def select(
    network: nn.Module, include: Iterable[str] = ("*",), exclude: Iterable[str] = (), units: Units = "weight"
) -> Selection:
    """Selects weights by shell patterns over dotted parameter names.

    A tied weight has several names: it is excluded if any of them matches ``exclude``, else included if any of them matches
    ``include``, and it is listed under its canonical name. A pattern that is the whole name of a parameter matches only this
    parameter, also if it contains brackets.

    Args:
        network: any module.
        include: patterns such as ``"*weight"``; each must match a parameter.
        exclude: patterns that win over ``include``. A pattern without a wildcard must match a parameter; if one with a wildcard
            matches nothing and similar names exist, an `UnmatchedPatternWarning` is given.
        units: what one bit of a mask stands for: a name of `UNITS` (``weight``, ``row``, ``column``, ``filter``, ``channel``,
            ``head``, ``tensor``, ``block``), `Heads` with their number, or a rule of your own; or a mapping from patterns to
            these, of which the first that matches counts: ``{"*attn*": "head", "*": "weight"}``.

    Raises:
        SelectionError: nothing is selected, a pattern matches nothing, a selected weight cannot be masked, or the units do not
            fit the selected tensors.
        UnknownNameError: there is no unit with this name.

    Examples:
        >>> selection = select(nn.Linear(3, 2), exclude=["*bias"])
        >>> selection.names, selection.count
        (('weight',), 6)
    """
    include, exclude = _patterns("include", include), _patterns("exclude", exclude)
    reshard(network)  # weights that FSDP gathered for a call are copies, perhaps of another dtype
    if fault := wrapped(network):
        raise SelectionError(f"The network {fault}.")
    names = aliases(network)
    everything = [alias for group in names.values() for alias in group]
    if not everything:
        raise SelectionError("The network has no parameters, so there is nothing to mask.")
    known = set(everything)
    meant = {pattern: matching(pattern, known) for pattern in (*include, *exclude)}
    unmatched = [pattern for pattern in exclude if has_wildcard(pattern) and not meant[pattern]]
    faults = [
        f"{pattern!r} matches no parameter.{near_names(pattern, network, everything)}"
        for pattern, found in meant.items()
        if not found and (pattern in include or pattern not in unmatched)
    ]
    if faults:
        raise SelectionError("\n".join(faults) + f"\nThe parameters are: {_listing(everything)}.")

    parameters = dict(network.named_parameters())
    excluded, included = (set().union(*(meant[pattern] for pattern in patterns)) for patterns in (exclude, include))
    chosen = [name for name, group in names.items() if excluded.isdisjoint(group) and not included.isdisjoint(group)]
    chosen = [name for name in chosen if not _is_empty(parameters[name])]
    if not chosen:
        raise SelectionError(
            f"Nothing is left to mask: include={list(include)} and exclude={list(exclude)} leave none of {_listing(everything)}."
        )
    refused = unmaskable(parameters, chosen)
    if refused:
        raise SelectionError("These weights cannot be masked:\n  " + "\n  ".join(refused))
    for pattern in unmatched:
        meant_instead = near_names(pattern, network, everything)
        if meant_instead:
            warnings.warn(
                f"exclude={pattern!r} matches no parameter, so it leaves nothing out.{meant_instead} Patterns are compared with "
                "the dotted names of parameters, and case counts.",
                UnmatchedPatternWarning,
                stacklevel=2,
            )
    weights = tuple(WeightTensor(name, tuple(parameters[name].shape), dtype_name(parameters[name])) for name in chosen)
    return Selection(weights, include, exclude, groups_of(network, {weight.name: weight.shape for weight in weights}, units))


def aliases(network: nn.Module) -> dict[str, list[str]]:
    """All dotted names of each parameter, by canonical name; more than one if the parameter is tied."""
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


def _is_empty(parameter: nn.Parameter) -> bool:
    return not is_uninitialised(parameter) and parameter.numel() == 0


def _listing(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")
