"""The one reader of earlier formats of records.

Format 1: verdicts were sentences, and quantities had no unit. Format 2: results that only some studies have were fields of every
record; the procedure of a study knows which are its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from maskscope.analysis import Summary
from maskscope.engine.claims import About, Condition, Lack, Outcome, PaperWord, Verdict, VerdictWord, outcome_of
from maskscope.engine.quantities import Quantity, Unit
from maskscope.engine.records.record import FORMAT
from maskscope.engine.spec import from_json, to_json
from maskscope.engine.study import Procedure
from maskscope.errors import ConfigError
from maskscope.storage.legible import brief

_RULE = (
    "Supported if the whole 95 % interval over networks satisfies every condition; not supported if it satisfies the "
    "premises and the whole interval violates another condition; inconclusive otherwise, and always with one network. "
    "Conditions: "
)
_PREMISE, _CURE = " (premise)", "; run again "
_CONTROLS = ("untrained", "shuffled-weights", "shuffled-labels", "copied-io")
# of all verdicts of a record, times what each lacks. Ours have some hundreds; text that stands for millions of values is refused
_MOST_OUTCOMES = 100_000
_Address = tuple[str, str, str, str]


@dataclass(frozen=True)
class FirstQuantity:
    """A quantity of format 1: without a unit."""

    measure: str
    mask: str
    function: str
    variant: str
    summary: Summary


@dataclass(frozen=True)
class FirstVerdict:
    """A verdict of format 1: the rule with its constants, and what was found or is lacking, in sentences."""

    name: str
    question: str
    rule: str
    verdict: VerdictWord
    reasons: tuple[str, ...]
    about: About = "method"
    paper: PaperWord = ""


@dataclass(frozen=True)
class FirstRecord:
    """What is read anew of a record of format 1."""

    quantities: tuple[FirstQuantity, ...]
    verdicts: tuple[FirstVerdict, ...] = ()


def in_present_format(body: Any, procedure: Procedure[Any]) -> Any:
    """The JSON of a record, or of a sweep, as the present format has it; what has no known shape is returned as it is.

    Args:
        body: of the file.
        procedure: of the study that it is of.

    Raises:
        ConfigError: it is of a later format, or a rule of format 1 cannot be read or has no end.
    """
    if not isinstance(body, dict):
        return body
    units = procedure.units
    if isinstance(body.get("points"), list):
        return body | {"points": [_with_units(point, units) for point in body["points"]]}
    found = body.get("format", 1 if "verdicts" in body else FORMAT)
    if found not in range(1, FORMAT + 1):
        raise ConfigError(f"Not a valid Record: its format is {brief(repr(found))}; {FORMAT} or a lower one was expected.")
    if found == 1:
        body = _in_second_format(body, units)
    if found < FORMAT:
        body = procedure.from_second_format(body) | {"format": FORMAT, "study": body.get("experiment", "")}
    return body


def _in_second_format(body: Any, units: Mapping[str, Unit]) -> Any:
    first = from_json(FirstRecord, {"quantities": body.get("quantities"), "verdicts": body["verdicts"]})
    outcomes = sum((one.rule.count("; ") + 1) * (len(one.reasons) + 1) for one in first.verdicts)
    if outcomes > _MOST_OUTCOMES:
        raise ConfigError(
            f"Not a valid Record: its verdicts have {outcomes:,} outcomes; {_MOST_OUTCOMES:,} at most were expected."
        )
    quantities = [_quantity(one, units) for one in first.quantities]
    by_address = {one.address: one for one in quantities}
    verdicts = [_verdict(one, by_address, units) for one in first.verdicts]
    return body | {"quantities": to_json(quantities), "verdicts": to_json(verdicts)}


def _with_units(point: Any, units: Mapping[str, Unit]) -> Any:
    """A point of a sweep, which has quantities of the same kind and no verdicts."""
    if not isinstance(point, dict) or not isinstance(point.get("quantities"), list):
        return point
    return point | {
        "quantities": [
            {"unit": _unit(one["measure"], units)} | one if isinstance(one, dict) and isinstance(one.get("measure"), str) else one
            for one in point["quantities"]
        ]
    }


def _quantity(one: FirstQuantity, units: Mapping[str, Unit]) -> Quantity:
    return Quantity(one.measure, one.mask, one.function, one.variant, one.summary, _unit(one.measure, units))


def _unit(measure: str, units: Mapping[str, Unit]) -> Unit:
    """A measure that nobody knows any more is a ratio, as it was shown."""
    return units.get(measure, "ratio")


def _verdict(one: FirstVerdict, quantities: Mapping[_Address, Quantity], units: Mapping[str, Unit]) -> Verdict:
    if not one.rule.startswith(_RULE):
        raise ConfigError(
            f"Not a valid Record: verdicts: {one.name}: the rule of format 1 was expected, not {brief(one.rule)!r}."
        )
    parts = [reason.partition(_CURE) for reason in one.reasons]
    lacks = tuple(Lack(missing, cure) for missing, cut, cure in parts if cut)
    premises, conditions = list[Outcome](), list[Outcome]()
    for text in one.rule.removeprefix(_RULE).removesuffix(".").split("; "):
        condition = condition_of(text.removesuffix(_PREMISE), units)
        outcome = (
            Outcome(condition, "lacking", lacks=lacks) if lacks else outcome_of(condition, quantities.get(condition.address))
        )
        (premises if text.endswith(_PREMISE) else conditions).append(outcome)
    return Verdict(one.name, one.question, one.verdict, tuple(premises), tuple(conditions), one.about, one.paper)


def condition_of(text: str, measures: Iterable[str]) -> Condition:
    """A condition from its words in format 1: ``sufficiency of mul under mask add (untrained) <= 0.5``.

    Raises:
        ConfigError: these are no such words.
    """
    words, _, bound = text.rpartition(" ")
    address, _, relation = words.rpartition(" ")
    variant = next((one for one in _CONTROLS if address.endswith(f" ({one})")), "")
    address, _, mask = address.removesuffix(f" ({variant})").partition(" under mask ")
    # some measures have " of " in their names
    longest_first = sorted(measures, key=len, reverse=True)
    known = (name for name in longest_first if address == name or address.startswith(f"{name} of "))
    measure = next(known, address.partition(" of ")[0])
    value = {"measure": measure, "mask": mask, "function": address.removeprefix(measure).removeprefix(" of ")}
    try:
        number = float(bound)
    except ValueError:
        raise ConfigError(f"Not a valid Record: verdicts: {brief(repr(text))} is no condition of format 1.") from None
    return from_json(Condition, value | {"relation": relation, "bound": number, "variant": variant or "trained"})
