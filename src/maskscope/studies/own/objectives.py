"""The loss and the score of each function as a user gives them: one for all, or one each."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from maskscope.errors import BatchesError, ConfigError
from maskscope.storage import Json
from maskscope.tasks.functions import FunctionData
from maskscope.tasks.named_objectives import Labels, Unmasked, Values
from maskscope.tasks.objective import Objective
from maskscope.tasks.objectives import objective_of

_SCORES: Mapping[type[Objective], str] = {
    Labels: "accuracy",
    Unmasked: "agreement with the unmasked network",
    Values: "explained variance",
}


def objectives_of(functions: Sequence[str], loss: object, score: object) -> dict[str, Objective]:
    """The objective of each function.

    Raises:
        ConfigError: a mapping does not name exactly the functions; and see `objective_of`.
    """
    for what, given in {"loss": loss, "score": score}.items():
        if isinstance(given, Mapping) and set(given) != set(functions):
            raise ConfigError(
                f"{what} names {', '.join(map(str, given)) or 'nothing'}; one for each function was expected: "
                f"{', '.join(functions)}."
            )
    made: dict[tuple[int, int], Objective] = {}
    found = {}
    for name in functions:
        own_loss, own_score = (one[name] if isinstance(one, Mapping) else one for one in (loss, score))
        key = id(own_loss), id(own_score)
        made[key] = found[name] = made.get(key) or objective_of(own_loss, own_score)
    return found


def score_name_of(objectives: Iterable[Objective]) -> str:
    """What the scores of all functions are, in words; empty if they are the user's own, or differ."""
    found = {_SCORES.get(type(one), "") for one in objectives}
    return found.pop() if len(found) == 1 else ""


def score_name_in(settings: Json) -> str:
    """The same for a record, from its settings; those of earlier versions do not have it."""
    return str(settings.get("score_name") or "score")


def require_different(data: Sequence[FunctionData], objectives: Mapping[str, Objective]) -> None:
    """Raises `BatchesError` if two functions are one: of the same data and the same objective."""
    for first, second in combinations(data, 2):
        if first.digest == second.digest and objectives[first.name] is objectives[second.name]:
            raise BatchesError(
                f"Functions {first.name} and {second.name} have the same data, loss and score, so that they are one "
                "function. Two masks for one function come with repeats=1. Give them other data, or another loss each: "
                'loss={"first": ..., "second": ...}.'
            )
