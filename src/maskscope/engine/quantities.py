"""Numbers over networks, each with an address and a unit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from maskscope.analysis import Summary, summarise
from maskscope.errors import UnknownNameError

# share: a part of a whole, 0 to 1
# difference of shares: one share minus another, -1 to 1
# relative: a change of a share by what it was before, or by another change; of any size and sign
# ratio: what masks have in common, and places on a scale that is made of such overlaps
# difference of ratios: one overlap minus another
# p: how probable so much is by chance
Unit = Literal["share", "difference of shares", "relative", "ratio", "difference of ratios", "p"]
# what a score is, unless a study has another word for it
ACCURACY = "accuracy"
# the trained network; every other variant is a control
TRAINED = "trained"
# measure, mask, function
Address = tuple[str, str, str]
# the numbers of one network
Numbers = dict[Address, float]


@dataclass(frozen=True)
class Quantity:
    """A number over networks, with its address.

    Args:
        measure: what is measured: ``sufficiency``, ``necessity``, ``density``, ``dice`` ...
        mask: the mask it is measured under, or the pair of functions.
        function: the function whose score it is.
        variant: ``trained``, or the name of a control.
        summary: n, mean, spread, interval and every value.
        unit: of the values.
    """

    measure: str
    mask: str
    function: str
    variant: str
    summary: Summary
    unit: Unit

    @property
    def address(self) -> tuple[str, str, str, str]:
        """Measure, mask, function and variant."""
        return (self.measure, self.mask, self.function, self.variant)


def over_networks(rows: Sequence[Numbers], units: Mapping[str, Unit], variant: str = TRAINED) -> list[Quantity]:
    """The quantities of several networks; one that a network lacks is NaN there.

    Args:
        rows: the numbers of each network.
        units: of every measure.
        variant: what kind of network these are.

    Raises:
        UnknownNameError: a measure has no unit.
    """
    return [
        Quantity(*address, variant, summarise([row.get(address, math.nan) for row in rows]), unit_of(address[0], units))
        for address in dict.fromkeys(address for row in rows for address in row)
    ]


def unit_of(measure: str, units: Mapping[str, Unit]) -> Unit:
    """The unit of a measure.

    Raises:
        UnknownNameError: the table has no such measure; a new one is a row in it.
    """
    if measure not in units:
        raise UnknownNameError("measure", measure, units)
    return units[measure]


def find_quantity(
    quantities: Sequence[Quantity], measure: str, mask: str = "", function: str = "", variant: str = TRAINED
) -> Quantity | None:
    """The quantity of that address, or None."""
    address = (measure, mask, function, variant)
    return next((one for one in quantities if one.measure == measure and one.address == address), None)
