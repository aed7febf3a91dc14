"""Estimators by name. To add one, add one file to this folder and one row here; the contract tests use the table."""

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
    """The estimator with this name.

    Raises:
        UnknownNameError: there is no such estimator.
        ConfigError: the estimator does not work at this temperature.
    """
    if name not in ESTIMATORS:
        raise UnknownNameError("estimator", name, ESTIMATORS)
    return ESTIMATORS[name](temperature=temperature)
