"""Claims as values: a question, a rule with its constants, and the verdict that the numbers give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from maskscope.analysis import Summary
from maskscope.experiments.stages import Variant

VerdictWord = Literal["supported", "not supported", "inconclusive"]
About = Literal["P_specialize", "P_reuse", "method"]


@dataclass(frozen=True)
class Quantity:
    """A number over networks, with its address.

    Args:
        measure: what is measured: ``sufficiency``, ``necessity``, ``density``, ``dice`` ...
        mask: the mask it is measured under, or the pair of functions.
        function: the function whose score it is.
        variant: the trained network, or which control.
        summary: n, mean, spread, interval and every value.
    """

    measure: str
    mask: str
    function: str
    variant: Variant
    summary: Summary

    @property
    def label(self) -> str:
        """The address in words."""
        words = self.measure
        words += f" of {self.function}" if self.function else ""
        words += f", mask {self.mask}" if self.mask else ""
        return words + ("" if self.variant == "trained" else f" ({self.variant})")


@dataclass(frozen=True)
class Condition:
    """That a quantity lies on one side of a bound."""

    measure: str
    mask: str
    function: str
    relation: Literal[">=", "<="]
    bound: float
    variant: Variant = "trained"

    @property
    def text(self) -> str:
        """The condition in words."""
        where = f" under mask {self.mask}" if self.mask else ""
        whose = f" of {self.function}" if self.function else ""
        on = "" if self.variant == "trained" else f" ({self.variant})"
        return f"{self.measure}{whose}{where}{on} {self.relation} {self.bound:g}"


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
    paper: Literal["supported", "not supported", ""] = ""
    networks: tuple[str, ...] = ()
    repeats: int = 0
    controls: tuple[Variant, ...] = ()

    @property
    def rule(self) -> str:
        """The rule in words; it is the same for every claim, only the conditions differ."""
        texts = [f"{condition.text} (premise)" for condition in self.premises] + [one.text for one in self.conditions]
        return (
            "Supported if the whole 95 % interval over networks satisfies every condition; not supported if it satisfies the "
            "premises and the whole interval violates another condition; inconclusive otherwise, and always with one network. "
            "Conditions: " + "; ".join(texts) + "."
        )


@dataclass(frozen=True)
class Verdict:
    """What a record says about a claim.

    Args:
        name: of the claim.
        question: of the claim.
        rule: the rule with its constants.
        verdict: supported, not supported, or inconclusive.
        reasons: for each condition, what was found; or what the record lacks.
        about: of the claim.
        paper: what the paper reports; empty where it says nothing.
    """

    name: str
    question: str
    rule: str
    verdict: VerdictWord
    reasons: tuple[str, ...]
    about: About = "method"
    paper: Literal["supported", "not supported", ""] = ""

    @property
    def contradicts_paper(self) -> bool:
        """Whether the numbers say the opposite of what the paper reports; what is inconclusive contradicts nothing."""
        return contradicts(self.verdict, self.paper)


def contradicts(verdict: str, paper: str) -> bool:
    """Whether a verdict is the opposite of what the paper reports; what is inconclusive contradicts nothing."""
    return bool(paper) and verdict != "inconclusive" and verdict != paper


def judge(claim: Claim, quantities: Sequence[Quantity], lacking: Sequence[str] = ()) -> Verdict:
    """The verdict of the printed rule: see `Claim.rule`.

    Args:
        claim: what is claimed.
        quantities: of a record.
        lacking: what the record has not that the claim needs; if anything, the verdict is inconclusive for that reason.
    """
    if lacking:
        return Verdict(claim.name, claim.question, claim.rule, "inconclusive", tuple(lacking), claim.about, claim.paper)
    premises, conditions = (
        [_outcome(one, find_quantity(quantities, one.measure, one.mask, one.function, one.variant)) for one in some]
        for some in (claim.premises, claim.conditions)
    )
    outcomes, reasons = [outcome for outcome, _ in conditions], [reason for _, reason in premises + conditions]
    word: VerdictWord = "inconclusive"
    if all(outcome == "satisfied" for outcome, _ in premises):
        if "violated" in outcomes:
            word = "not supported"
        elif all(outcome == "satisfied" for outcome in outcomes):
            word = "supported"
    return Verdict(claim.name, claim.question, claim.rule, word, tuple(reasons), claim.about, claim.paper)


def find_quantity(
    quantities: Sequence[Quantity], measure: str, mask: str = "", function: str = "", variant: Variant = "trained"
) -> Quantity | None:
    """The quantity of that address, or None."""
    address = (measure, mask, function, variant)
    return next((q for q in quantities if (q.measure, q.mask, q.function, q.variant) == address), None)


def _outcome(condition: Condition, found: Quantity | None) -> tuple[str, str]:
    if found is None or found.summary.n == 0:
        return "open", f"{condition.text}: not measured, or undefined on every network"
    summary = found.summary
    undefined = len(summary.values) - summary.n
    note = f"; undefined on {undefined} of {len(summary.values)} networks" if undefined else ""
    if summary.n == 1:
        return "open", f"{found.label}: {summary.mean:.3f} on one network, no interval{note}"
    text = f"{found.label}: {summary.mean:.3f}, 95 % interval {summary.low:.3f} to {summary.high:.3f}, n = {summary.n}{note}"
    text += f"; asked: {condition.relation} {condition.bound:g}"
    if undefined:
        return "open", text
    low_side, high_side = summary.low, summary.high
    if condition.relation == "<=":
        low_side, high_side = -high_side, -low_side
    bound = condition.bound if condition.relation == ">=" else -condition.bound
    if low_side >= bound:
        return "satisfied", text
    return ("violated" if high_side < bound else "open"), text
