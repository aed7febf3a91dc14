"""Units by name: what each makes of the selected tensors. To add one, add a row here, or pass your own rule to `select`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from maskscope.errors import SelectionError, UnknownNameError
from maskscope.masks.units.group import WEIGHT, UnitGroup, faults_of_groups, single_weights
from maskscope.masks.units.heads import Heads, heads
from maskscope.masks.units.layout import Layout
from maskscope.masks.units.patterns import matching
from maskscope.masks.units.roles import Role, listing, roles_of

Rule = Callable[[nn.Module, Sequence[Role]], Sequence[UnitGroup]]
"""A rule gets the network and the roles of the tensors that it is for, and divides them into groups of units."""
Unit = str | Heads | Rule
Units = Unit | Mapping[str, Unit]


@dataclass(frozen=True)
class UnitRule:
    """A rule for units within a tensor, by a function from the role of a tensor to a layout.

    The tensors of one module that have equally many units make one group, if they all are those of ``together``: so a neuron has
    its bias besides its weights.

    Args:
        kind: what a unit is called, for example ``row``.
        layout: gives the layout of the units in a tensor, or None if they do not fit it.
        together: whether the tensors of a module, with equally many units, are one group.

    Examples:
        >>> import torch, maskscope as ms
        >>> halves = ms.UnitRule("half", lambda role: ms.Layout(1, 2, role.count // 2))
        >>> ms.select(torch.nn.Linear(4, 3), include=["weight"], units=halves).unit_count
        2
    """

    kind: str
    layout: Callable[[Role], Layout | None]
    together: bool = False

    def __call__(self, network: nn.Module, roles: Sequence[Role]) -> list[UnitGroup]:
        """The groups.

        Raises:
            SelectionError: units of this kind do not fit a tensor.
        """
        found: dict[tuple[object, ...], list[tuple[str, Layout]]] = {}
        faults = []
        for role in roles:
            layout = self.layout(role)
            if layout is None:
                faults.append(f"{role.name}: a {self.kind} does not fit this {role.kind} of shape {list(role.shape)}")
            else:
                key = (role.path, _layer(role), layout.units) if self.together else (role.name,)
                found.setdefault(key, []).append((role.name, layout))
        if faults:
            raise SelectionError("\n".join(faults))
        return [UnitGroup(mine[0][0], self.kind, mine[0][1].units, tuple(mine)) for mine in found.values()]


def weights(network: nn.Module, roles: Sequence[Role]) -> tuple[UnitGroup, ...]:
    """Each weight is a unit."""
    return single_weights({role.name: role.count for role in roles})


def blocks(network: nn.Module, roles: Sequence[Role]) -> list[UnitGroup]:
    """Each module of a list is one unit, with all of its tensors: ``encoder.layers.0``; elsewhere each layer is one.

    A list is an outermost ModuleList above the tensor; if there is none, an outermost Sequential.
    """
    modules = dict(network.named_modules())
    found: dict[str, list[tuple[str, Layout]]] = {}
    for role in roles:
        found.setdefault(_block(modules, role.path), []).append((role.name, Layout(1, 1, role.count)))
    return [UnitGroup(path or type(network).__name__, "block", 1, tuple(mine)) for path, mine in found.items()]


UNITS: dict[str, Rule] = {
    WEIGHT: weights,
    "row": UnitRule("row", lambda role: role.row, together=True),
    "column": UnitRule("column", lambda role: role.column),
    "filter": UnitRule("filter", lambda role: role.row if role.is_convolution else None, together=True),
    "channel": UnitRule("channel", lambda role: role.column if role.is_convolution else None),
    "head": heads,
    "tensor": UnitRule("tensor", lambda role: Layout(1, 1, role.count)),
    "block": blocks,
}


def groups_of(network: nn.Module, shapes: Mapping[str, tuple[int, ...]], units: Units) -> tuple[UnitGroup, ...]:
    """Divides tensors into units.

    Args:
        network: the network that has the tensors.
        shapes: the shapes of the tensors, by canonical dotted name.
        units: one unit for all, or units by pattern; the first pattern that matches a name counts.

    Returns:
        The groups, in the order of their first tensors; empty if each weight is a unit.

    Raises:
        SelectionError: the units do not fit the tensors; the message lists every fault.
        UnknownNameError: there is no unit with this name.
    """
    roles = roles_of(network, shapes)
    found, faults = [], []
    for rule, mine in _assigned(roles, units):
        try:
            found += list(rule(network, mine))
        except SelectionError as error:
            faults += str(error).splitlines()
    faults = faults or faults_of_groups(found, {role.name: role.count for role in roles})
    if faults:
        raise SelectionError(
            "The units do not fit the selected tensors:\n  "
            + "\n  ".join(faults)
            + "\nExclude these tensors, or give units by pattern: units={'*attn*': 'head', '*': 'weight'}."
        )
    if all(group.is_single for group in found):
        return ()
    order = {name: place for place, name in enumerate(shapes)}
    return tuple(sorted(found, key=lambda group: order[group.names[0]]))


def _assigned(roles: Sequence[Role], units: Units) -> list[tuple[Rule, list[Role]]]:
    """Each rule with the tensors that it is for."""
    if not isinstance(units, Mapping):
        return [(_rule(units), list(roles))]
    left = {role.name: role for role in roles}
    assigned, faults = [], []
    for pattern, unit in units.items():
        if not matching(pattern, [role.name for role in roles]):
            faults.append(f"units: {pattern!r} matches none of the selected tensors: {listing(role.name for role in roles)}")
        mine = [left.pop(name) for name in list(left) if name in matching(pattern, list(left))]
        assigned.append((_rule(unit), mine))
    if left:
        faults.append(f"units: no pattern matches {listing(left)}; end with a pattern for the others, '*': 'weight'")
    if faults:
        raise SelectionError("\n".join(faults))
    return [(rule, mine) for rule, mine in assigned if mine]


def _rule(unit: Unit) -> Rule:
    if not isinstance(unit, str):
        return unit
    if unit not in UNITS:
        raise UnknownNameError("unit", unit, UNITS)
    return UNITS[unit]


def _layer(role: Role) -> str:
    """Which layer of a recurrent module: ``l0`` or ``l0_reverse``; empty for other modules."""
    return role.attribute.partition("_l")[2] if isinstance(role.module, nn.RNNBase) else ""


def _block(modules: Mapping[str, nn.Module], path: str) -> str:
    parts = path.split(".") if path else []
    above = [".".join(parts[:depth]) for depth in range(len(parts))]
    for kind in (nn.ModuleList, nn.Sequential):
        for depth, place in enumerate(above):
            if isinstance(modules.get(place), kind):
                return ".".join(parts[: depth + 1])
    return path
