"""The table of controls, and which of them are on unless the user says otherwise."""

from collections.abc import Collection, Mapping

from maskscope.procedure.controls import SHUFFLED_LABELS, SHUFFLED_WEIGHTS, UNTRAINED, Control, by_name
from maskscope.studies.own.controls.disjoint import DISJOINT_INPUTS
from maskscope.studies.own.controls.spike_in import SPIKE_IN

CONTROLS: Mapping[str, Control] = by_name(UNTRAINED, SHUFFLED_WEIGHTS, SPIKE_IN, SHUFFLED_LABELS, DISJOINT_INPUTS)


def searches_of(control: Control, functions: int) -> int:
    """How many masks a control searches for: its price, in masks.

    Args:
        control: any of the table.
        functions: of the study.
    """
    if control.experiment is None:
        return functions
    return control.experiment.searches * (functions if control is DISJOINT_INPUTS else 1)


def usual_controls(functions: int, repeats: int, possible: Collection[str]) -> tuple[str, ...]:
    """The controls that are on by default: together they cost no more than the study itself.

    They are taken in the order of the table, what says most for its price first; one that would cost too much is passed over.
    Shuffled weights are always among them. Top weights and random removal need no search, and are measured for every mask.

    Args:
        functions: of the study.
        repeats: of each function's mask.
        possible: names of those that the network and the data allow.
    """
    left = functions * (1 + repeats) + 1 - functions
    chosen = {SHUFFLED_WEIGHTS.name}
    for name, control in CONTROLS.items():
        price = searches_of(control, functions)
        if name in possible and name not in chosen and price <= left:
            chosen.add(name)
            left -= price
    return tuple(name for name in CONTROLS if name in chosen)
