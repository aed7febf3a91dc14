"""Claims as values: a question, conditions with their constants, and the verdict that the numbers give."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from maskscope.analysis import Summary
from maskscope.engine.quantities import TRAINED, Quantity, find_quantity

VerdictWord = Literal["supported", "not supported", "inconclusive"]
# empty where the paper says nothing
PaperWord = Literal["supported", "not supported", ""]
About = Literal["P_specialize", "P_reuse", "method"]
OutcomeKind = Literal["satisfied", "violated", "open", "lacking"]


@dataclass(frozen=True)
class Condition:
    """That a quantity lies on one side of a bound."""

    measure: str
    mask: str
    function: str
    relation: Literal[">=", "<="]
    bound: float
    variant: str = TRAINED

    @property
    def address(self) -> tuple[str, str, str, str]:
        """Of the quantity: measure, mask, function and variant."""
        return (self.measure, self.mask, self.function, self.variant)


def conditions(
    measure: str, addresses: Iterable[tuple[str, str]], relation: Literal[">=", "<="], bound: float, variant: str = TRAINED
) -> tuple[Condition, ...]:
    """The same condition on several masks and functions, which come in pairs."""
    return tuple(Condition(measure, mask, function, relation, bound, variant) for mask, function in addresses)


@dataclass(frozen=True)
class Claim:
    """A statement about networks that a record can support or not.

    Args:
        name: short.
        question: what is asked.
        conditions: all must hold.
        premises: without them the question does not arise: a network that has not learned its functions says nothing of them.
        about: the property that it speaks of, or ``method`` for what must hold before either can be asked.
        paper: what Csordás et al. 2021 report; empty where they say nothing.
        networks: the kinds of network that it is about; empty for all.
        repeats: that a record needs at least.
        controls: that a record needs.
    """

    name: str
    question: str
    conditions: tuple[Condition, ...]
    premises: tuple[Condition, ...] = ()
    about: About = "method"
    paper: PaperWord = ""
    networks: tuple[str, ...] = ()
    repeats: int = 0
    controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lack:
    """What a record has not that a claim needs.

    Args:
        missing: what it needs, and what there is: ``needs 1 repeat(s) for the ceiling, has 0``.
        cure: how to run again so that it is there: ``with --repeats 1``.
    """

    missing: str
    cure: str


@dataclass(frozen=True)
class Outcome:
    """What became of a condition.

    Args:
        condition: what was asked.
        kind: the whole interval satisfies the condition, or violates it, or neither (open); or the record lacks what the claim
            needs, and nothing was judged.
        found: what was found, over networks; None where it was not measured, or not judged.
        lacks: what the record lacks; some where the kind is ``lacking``, else none.
    """

    condition: Condition
    kind: OutcomeKind
    found: Summary | None = None
    lacks: tuple[Lack, ...] = ()

    @property
    def n(self) -> int:
        """On how many networks the quantity is defined."""
        return self.found.n if self.found else 0

    @property
    def undefined(self) -> int:
        """On how many networks it is not."""
        return len(self.found.values) - self.found.n if self.found else 0


@dataclass(frozen=True)
class Verdict:
    """What a record says about a claim.

    Args:
        name: of the claim.
        question: of the claim.
        verdict: supported, not supported, or inconclusive.
        premises: what became of each premise.
        conditions: what became of each further condition.
        about: of the claim.
        paper: what the paper reports; empty where it says nothing.
    """

    name: str
    question: str
    verdict: VerdictWord
    premises: tuple[Outcome, ...]
    conditions: tuple[Outcome, ...]
    about: About = "method"
    paper: PaperWord = ""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Of premises, then of further conditions."""
        return self.premises + self.conditions

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What the record lacks that the claim needs, such as a control; each lack once."""
        return tuple(dict.fromkeys(lack for outcome in self.outcomes for lack in outcome.lacks))

    @property
    def contradicts_paper(self) -> bool:
        """Whether the numbers say the opposite of what the paper reports; what is inconclusive contradicts nothing."""
        return contradicts(self.verdict, self.paper)


def contradicts(verdict: str, paper: str) -> bool:
    """Whether a verdict is the opposite of what the paper reports; what is inconclusive contradicts nothing."""
    return bool(paper) and verdict != "inconclusive" and verdict != paper


def judge(claim: Claim, quantities: Sequence[Quantity], lacking: Sequence[Lack] = ()) -> Verdict:
    """The verdict on a claim, by the rule of `verdict_of`.

    Args:
        claim: what is claimed.
        quantities: of a record.
        lacking: what the record has not that the claim needs; if anything, no condition is judged.
    """

    def judged(some: Sequence[Condition]) -> tuple[Outcome, ...]:
        if lacking:
            return tuple(Outcome(one, "lacking", lacks=tuple(lacking)) for one in some)
        return tuple(outcome_of(one, find_quantity(quantities, *one.address)) for one in some)

    premises, conditions = judged(claim.premises), judged(claim.conditions)
    word = verdict_of(premises, conditions)
    return Verdict(claim.name, claim.question, word, premises, conditions, claim.about, claim.paper)


def verdict_of(premises: Sequence[Outcome], conditions: Sequence[Outcome]) -> VerdictWord:
    """Supported if all are satisfied; not supported if the premises are, and a condition is violated; else inconclusive."""
    kinds = [outcome.kind for outcome in conditions]
    if any(outcome.kind != "satisfied" for outcome in premises):
        return "inconclusive"
    if "violated" in kinds:
        return "not supported"
    return "supported" if all(kind == "satisfied" for kind in kinds) else "inconclusive"


def outcome_of(condition: Condition, quantity: Quantity | None) -> Outcome:
    """What became of a condition on a quantity: open with one network, and wherever it is undefined on a network."""
    found = quantity.summary if quantity else None
    if found is None or found.n < 2 or found.n < len(found.values):
        return Outcome(condition, "open", found)
    low_side, high_side, bound = found.low, found.high, condition.bound
    if condition.relation == "<=":
        low_side, high_side, bound = -high_side, -low_side, -bound
    if low_side >= bound:
        return Outcome(condition, "satisfied", found)
    return Outcome(condition, "violated" if high_side < bound else "open", found)
