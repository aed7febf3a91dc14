"""Estimators by name. To add one: one file beside these, one row here; the contract tests take it from the table."""

from maskscope.errors import UnknownNameError
from maskscope.masks.estimators.gate import Estimator, Gates
from maskscope.masks.estimators.rao_blackwell import RaoBlackwell
from maskscope.masks.estimators.straight_through import StraightThrough

ESTIMATORS: dict[str, type[Estimator]] = {
    "rao-blackwell": RaoBlackwell,
    "straight-through": StraightThrough,
}

__all__ = ["ESTIMATORS", "Estimator", "Gates", "make_estimator"]


def make_estimator(name: str, temperature: float = 1.0) -> Estimator:
    """The estimator of that name.

    Raises:
        UnknownNameError: no such estimator.
        ConfigError: a temperature that it cannot have.
    """
    if name not in ESTIMATORS:
        raise UnknownNameError("estimator", name, ESTIMATORS)
    return ESTIMATORS[name](temperature=temperature)
