"""The experiments that there are, by name: a row each."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.errors import UnknownNameError
from maskscope.experiments.claims import Claim
from maskscope.experiments.paper import addition_multiplication
from maskscope.experiments.spec import AdditionMultiplicationSpec


@dataclass(frozen=True)
class Experiment:
    """A study that can be run.

    Args:
        name: as the command line has it.
        summary: one line.
        presets: by name, what it is for and its settings.
        claims: what its records are asked.
        differences: where it differs from the paper on purpose.
    """

    name: str
    summary: str
    presets: Mapping[str, tuple[str, AdditionMultiplicationSpec]]
    claims: tuple[Claim, ...]
    differences: tuple[str, ...]

    def preset(self, name: str) -> AdditionMultiplicationSpec:
        """The settings of a preset.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if name not in self.presets:
            raise UnknownNameError("preset", name, self.presets)
        return self.presets[name][1]


EXPERIMENTS = {
    "addition-multiplication": Experiment(
        "addition-multiplication",
        "one network adds or multiplies two numbers: are the two operations in different weights? (P_specialize)",
        addition_multiplication.PRESETS,
        addition_multiplication.CLAIMS,
        addition_multiplication.DIFFERENCES,
    ),
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
