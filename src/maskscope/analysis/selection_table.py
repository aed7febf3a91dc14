"""What masks of a network are over, tensor by tensor, and why the other tensors are left as they are."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from maskscope.masks import Selection
from maskscope.masks.maskable import is_uninitialised, unmaskable
from maskscope.masks.selection import aliases
from maskscope.masks.units.patterns import matching
from maskscope.masks.units.roles import roles_of

# rows of a table that is meant to be read
MOST_ROWS = 30
_VARIOUS = "various"


@dataclass(frozen=True)
class TensorRow:
    """One parameter tensor of a network, or several that are alike.

    Args:
        name: its dotted name; of several, a pattern such as ``layer.*.weight``.
        shape: its shape; of several that differ, ``various``.
        role: what it is for: ``linear weight``, ``bias``, ``embedding`` and so on.
        weights: the number of scalar weights, of all tensors of the row together.
        unit: what one bit of a mask stands for; empty if it is not masked.
        units: the number of units. A unit with weights in several tensors counts at the first of them only.
        reason: why it is not masked; empty if it is.
        tensors: how many tensors the row stands for.
    """

    name: str
    shape: str
    role: str
    weights: int
    unit: str
    units: int
    reason: str = ""
    tensors: int = 1

    @property
    def is_masked(self) -> bool:
        """Whether masks are over it."""
        return not self.reason

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """Name, shape, role, unit and number of units, as a table has them; for what is not masked, the reason."""
        name = f"{self.name} x {self.tensors}" if self.tensors > 1 else self.name
        if not self.is_masked:
            return name, self.shape, self.role, f"not masked: {self.reason}", ""
        return name, self.shape, self.role, self.unit, f"{self.units:,}" if self.units else "as above"


@dataclass(frozen=True)
class SelectionTable:
    """All parameters of a network, with what masks make of each.

    Args:
        rows: a row for each tensor, in the order of ``named_parameters``.
        buffers: how many tensors are buffers, which are never masked.
    """

    rows: tuple[TensorRow, ...]
    buffers: int = 0

    @property
    def titles(self) -> tuple[str, str, str, str, str]:
        """What stands above the cells of a row."""
        return "tensor", "shape", "role", "unit", "units"

    @property
    def summary(self) -> str:
        """How much is masked, in a sentence."""
        masked = [row for row in self.rows if row.is_masked]
        weights, total = sum(row.weights for row in masked), sum(row.weights for row in self.rows)
        units = sum(row.units for row in masked)
        buffers = f" {self.buffers} buffers are no parameters, and never masked." if self.buffers else ""
        return (
            f"Masks are over {len(masked)} of {len(self.rows)} tensors: {weights:,} of {total:,} weights "
            f"({weights / total:.1%}), in {units:,} units.{buffers}"
        )

    def grouped(self, most: int = MOST_ROWS) -> tuple[TensorRow, ...]:
        """The rows, with those that are alike as one, so that there are at most so many.

        First those are put together that differ in the numbers of their names only (``layer.*.weight``); if these are too many,
        also those of different shapes; then all of one role. What is then still too much is counted in a last row.
        """
        rows = self.rows
        for key in (_itself, _numbered, _numbered_anywhere, _of_any_shape, _of_a_role):
            rows = _together(self.rows, key)
            if len(rows) <= most:
                return rows
        largest = {id(row) for row in sorted(rows, key=lambda row: -row.weights)[: most - 1]}
        rest = [row for row in rows if id(row) not in largest]
        shown = [row for row in rows if id(row) in largest]
        return (*shown, _sum_of("further tensors", rest))


Key = Callable[[TensorRow], tuple[str, ...]]


def selection_table(network: nn.Module, selection: Selection) -> SelectionTable:
    """What a selection makes of each tensor of a network.

    Args:
        network: the network that the selection is of.
        selection: what masks are over.

    Examples:
        >>> from maskscope.masks import select
        >>> network = nn.Linear(3, 2)
        >>> for row in selection_table(network, select(network, exclude=["*bias"])).rows:
        ...     print(row.cells)
        ('weight', '[2, 3]', 'linear weight', 'weight', '6')
        ('bias', '[2]', 'bias', "not masked: excluded by '*bias'", '')
    """
    parameters, names = dict(network.named_parameters()), aliases(network)
    shapes = {name: () if is_uninitialised(one) else tuple(one.shape) for name, one in parameters.items()}
    units = {name: (group, place) for group in selection.groups for place, name in enumerate(group.names)}
    rows = []
    for role in roles_of(network, shapes):
        group, place = units.get(role.name, (None, 0))
        tied = names[role.name][1:]
        rows.append(
            TensorRow(
                name=role.name,
                shape=_shape(role.shape),
                role=f"{role.kind}, tied to {tied[0]}" if tied else role.kind,
                weights=role.count,
                unit=group.kind if group else "",
                units=group.count if group and place == 0 else 0,
                reason="" if group else _reason(parameters, names[role.name], selection),
            )
        )
    return SelectionTable(tuple(rows), sum(1 for _ in network.buffers()))


def _reason(parameters: dict[str, nn.Parameter], names: Sequence[str], selection: Selection) -> str:
    """Why a tensor that has these names is not selected."""
    everything = set(names)
    if is_uninitialised(parameters[names[0]]):
        return "has no shape yet"
    if not parameters[names[0]].numel():
        return "is empty"
    patterns = [pattern for pattern in selection.exclude if any(name in matching(pattern, everything) for name in names)]
    if patterns:
        return f"excluded by {patterns[0]!r}"
    faults = unmaskable(parameters, [names[0]])
    if faults:
        return faults[0].removeprefix(names[0]).strip().partition(";")[0].partition(":")[0]
    return "no pattern includes it"


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _together(rows: Sequence[TensorRow], key: Key) -> tuple[TensorRow, ...]:
    """Rows of one key as one, in the order of their first."""
    groups: dict[tuple[str, ...], list[TensorRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return tuple(mine[0] if len(mine) == 1 else _sum_of(_pattern([row.name for row in mine]), mine) for mine in groups.values())


def _pattern(names: Sequence[str]) -> str:
    """What names have in common, part by part: ``layer.*.weight``; ``*`` if they have not equally many parts."""
    parts = [name.split(".") for name in names]
    if len(set(map(len, parts))) > 1:
        return "*"
    return ".".join(map(_common_part, zip(*parts, strict=True)))


def _common_part(parts: Sequence[str]) -> str:
    if len(set(parts)) == 1:
        return parts[0]
    numbered = {re.sub(r"\d+", "*", part) for part in parts}
    return numbered.pop() if len(numbered) == 1 else "*"


def _sum_of(name: str, rows: Sequence[TensorRow]) -> TensorRow:
    return TensorRow(
        name=name,
        shape=_common([row.shape for row in rows]),
        role=_common([row.role for row in rows]),
        weights=sum(row.weights for row in rows),
        unit=_common([row.unit for row in rows]),
        units=sum(row.units for row in rows),
        reason=_common([row.reason for row in rows]),
        tensors=sum(row.tensors for row in rows),
    )


def _common(words: Sequence[str]) -> str:
    return words[0] if len(set(words)) == 1 else _VARIOUS


def _itself(row: TensorRow) -> tuple[str, ...]:
    return (row.name,)


def _numbered(row: TensorRow) -> tuple[str, ...]:
    """A part of a name that is a number, such as that of a block, does not count."""
    name = ".".join("*" if part.isdigit() else part for part in row.name.split("."))
    return name, row.shape, row.role, row.unit, row.reason, str(bool(row.units))


def _numbered_anywhere(row: TensorRow) -> tuple[str, ...]:
    return re.sub(r"\d+", "*", row.name), *_numbered(row)[1:]


def _of_any_shape(row: TensorRow) -> tuple[str, ...]:
    return re.sub(r"\d+", "*", row.name), row.role, row.unit, row.reason, str(bool(row.units))


def _of_a_role(row: TensorRow) -> tuple[str, ...]:
    return row.role.partition(",")[0], row.unit, row.reason, str(bool(row.units))
