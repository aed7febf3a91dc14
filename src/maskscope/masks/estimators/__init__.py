"""Estimators by name. To add one, add one file to this folder and one row here; the contract tests use the table."""

from maskscope.errors import UnknownNameError
from maskscope.masks.estimators.annealing import Annealing
from maskscope.masks.estimators.continuous_sparsification import ContinuousSparsification
from maskscope.masks.estimators.deterministic import Deterministic
from maskscope.masks.estimators.exact_k import ExactK
from maskscope.masks.estimators.gate import Estimator, Gates
from maskscope.masks.estimators.hard_concrete import HardConcrete
from maskscope.masks.estimators.rao_blackwell import RaoBlackwell
from maskscope.masks.estimators.soft_gumbel import SoftGumbel
from maskscope.masks.estimators.straight_through import StraightThrough

ESTIMATORS: dict[str, type[Estimator]] = {
    "continuous-sparsification": ContinuousSparsification,
    "deterministic": Deterministic,
    "exact-k": ExactK,
    "hard-concrete": HardConcrete,
    "rao-blackwell": RaoBlackwell,
    "soft-gumbel": SoftGumbel,
    "straight-through": StraightThrough,
}

__all__ = ["ESTIMATORS", "Annealing", "Estimator", "Gates", "make_estimator"]


def make_estimator(name: str, temperature: float = 1.0, annealing: Annealing | None = None) -> Estimator:
    """The estimator with this name.

    Args:
        name: a name in `ESTIMATORS`.
        temperature: a factor of its own temperatures.
        annealing: other temperatures over the steps than its own.

    Raises:
        UnknownNameError: there is no such estimator.
        ConfigError: the estimator does not work at this temperature, or with this annealing.
    """
    if name not in ESTIMATORS:
        raise UnknownNameError("estimator", name, ESTIMATORS)
    return ESTIMATORS[name](temperature, annealing)
