"""Claims in words: what was asked, what was found, what a record lacks, and how a verdict stands to what the paper reports.

Records hold conditions and outcomes as values; the words for them are made here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.engine.claims import About, Condition, Outcome, Verdict
from maskscope.engine.quantities import Quantity
from maskscope.engine.records.record import Record
from maskscope.report.numbers import count_text, in_words
from maskscope.report.table import Column, Row, Table

ABOUT: dict[About, str] = {
    "P_specialize": "Specialisation (P_specialize): are different functions in different weights?",
    "P_reuse": "Reuse (P_reuse): is the same function, needed twice, in the same weights?",
    "method": "Method: what must hold before either can be asked",
}
# what `engine.claims.verdict_of` and `outcome_of` do; the same for every claim, only the conditions differ
RULE = (
    "Supported if the whole 95 % interval over networks satisfies every condition; not supported if it satisfies the premises "
    "and the whole interval violates another condition; inconclusive otherwise, and always with one network."
)
# how a record of most studies comes to have a second network
MORE_NETWORKS = "run again with --seeds 2 or more"
_SIGNS = {">=": "≥", "<=": "≤"}


@dataclass(frozen=True)
class ShownClaim:
    """A verdict as it is shown.

    Args:
        number: of its anchor.
        verdict: what became of the claim.
        asked: all conditions in a sentence.
        conditions: what was asked and what was found; none where the record lacks what the claim needs.
        lacking: what the record lacks, and the cure.
    """

    number: int
    verdict: Verdict
    asked: str
    conditions: tuple[tuple[str, str], ...]
    lacking: tuple[tuple[str, str], ...]

    @property
    def beside_the_paper(self) -> str:
        """How the verdict stands to what the paper reports."""
        return beside_the_paper(self.verdict)


@dataclass(frozen=True)
class ClaimGroup:
    """The claims about one property."""

    title: str
    claims: tuple[ShownClaim, ...]


def beside_the_paper(verdict: Verdict) -> str:
    """``agrees``, ``contradicts`` or ``leaves open``; empty where the paper says nothing."""
    if not verdict.paper:
        return ""
    if verdict.contradicts_paper:
        return "contradicts"
    return "leaves open" if verdict.verdict == "inconclusive" else "agrees"


def contradictions(record: Record) -> list[str]:
    """A sentence for each verdict that says the opposite of what the paper reports, with what it was measured on."""
    network = f"{record.spec['network']}, " if "network" in record.spec else ""
    where = f"{network}preset {record.preset}, {count_text(len(record.seeds), 'network')}"
    return [
        f"This contradicts the paper: “{verdict.name}” is {verdict.verdict} here ({where}); Csordás et al. 2021 report it as "
        f"{verdict.paper}. The question was: {verdict.question}"
        for verdict in record.verdicts
        if verdict.contradicts_paper
    ]


def agreements(verdicts: Sequence[Verdict]) -> list[str]:
    """What agrees with the paper, what leaves it open, where the paper says nothing, and what was not asked: a sentence each."""
    words = {
        "agrees": "Agrees with the paper",
        "leaves open": "Inconclusive here, which contradicts nothing, where the paper has a result",
        "": "The paper reports nothing on",
        "not asked": "Not asked here, where what they need was not run",
    }
    stands = [(verdict.name, "not asked" if verdict.lacks else beside_the_paper(verdict)) for verdict in verdicts]
    found = {word: [name for name, stand in stands if stand == word] for word in words}
    return [f"{words[word]}: {in_words(names)}." for word, names in found.items() if names]


def claim_groups(record: Record, more_networks: str = MORE_NETWORKS) -> tuple[str, list[ClaimGroup]]:
    """The rule, which all claims have in common, and the claims by what they are about.

    Args:
        record: with the verdicts.
        more_networks: how to have a second network.
    """
    cure = more_networks if len(record.seeds) < 2 else ""
    claims = [_shown(place + 1, verdict, cure) for place, verdict in enumerate(record.verdicts)]
    groups = [ClaimGroup(title, tuple(one for one in claims if one.verdict.about == about)) for about, title in ABOUT.items()]
    return RULE if claims else "", [group for group in groups if group.claims]


def claims_table(verdicts: Sequence[Verdict]) -> Table:
    """The claims, what became of them, what the paper reports, and by which rule."""
    rows = []
    for about, title in ABOUT.items():
        for verdict in verdicts:
            if verdict.about == about:
                paper = verdict.paper or "says nothing"
                rule = f"{RULE} Conditions: {asked_text(verdict)}"
                found = " ".join(f"{reason}." for reason in reasons(verdict))
                stands = beside_the_paper(verdict)
                rows.append(Row(title, (verdict.name, verdict.verdict, paper, stands, verdict.question, rule, found)))
    titles = (Column("claim"), Column("verdict"), Column("the paper"), Column("this record"))
    long = tuple(Column(title, long=True) for title in ("question", "rule", "found"))
    return Table("claims", "Claims and verdicts, beside what the paper reports", (*titles, *long), tuple(rows))


def lacking(verdict: Verdict, more_networks: str) -> tuple[tuple[str, str], ...]:
    """What a record lacks that the claim needs, each with the cure; a second network, where it is said how to have one."""
    found = [(lack.missing, f"run again {lack.cure}") for lack in verdict.lacks]
    if more_networks:
        found.append(("needs a second network for an interval", more_networks))
    return tuple(found)


def reasons(verdict: Verdict) -> list[str]:
    """What was found for each condition, with its address and what was asked; or what the record lacks, and the cure."""
    if verdict.lacks:
        return [f"{lack.missing}; run again {lack.cure}" for lack in verdict.lacks]
    return [_reason(outcome) for outcome in verdict.outcomes]


def asked_text(verdict: Verdict) -> str:
    """All conditions in a sentence."""
    return f"{'; '.join(_conditions(verdict))}."


def label(quantity: Quantity) -> str:
    """The address of a quantity."""
    return _address(*quantity.address, mask_words=", mask")


def condition_text(condition: Condition) -> str:
    """What is asked of a quantity."""
    return f"{_address(*condition.address, mask_words=' under mask')} {_bound_text(condition)}"


def found_text(outcome: Outcome) -> str:
    """What was found, without the address and the bound."""
    found = outcome.found
    if found is None or found.n == 0:
        return "not measured, or undefined on every network"
    note = f"; undefined on {outcome.undefined} of {len(found.values)} networks" if outcome.undefined else ""
    if found.n == 1:
        return f"{found.mean:.3f} on one network, no interval{note}"
    return f"{found.mean:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}, n = {found.n}{note}"


def _shown(number: int, verdict: Verdict, more_networks: str) -> ShownClaim:
    texts = zip(_conditions(verdict), verdict.outcomes, strict=True)
    conditions = () if verdict.lacks else tuple((_in_signs(text), _typeset(found_text(outcome))) for text, outcome in texts)
    return ShownClaim(number, verdict, _in_signs(asked_text(verdict)), conditions, lacking(verdict, more_networks))


def _conditions(verdict: Verdict) -> list[str]:
    premises = [f"{condition_text(outcome.condition)} (premise)" for outcome in verdict.premises]
    return premises + [condition_text(outcome.condition) for outcome in verdict.conditions]


def _reason(outcome: Outcome) -> str:
    condition = outcome.condition
    if outcome.n == 0:
        return f"{condition_text(condition)}: {found_text(outcome)}"
    address = _address(*condition.address, mask_words=", mask")
    asked = f"; asked: {_bound_text(condition)}" if outcome.n > 1 else ""
    return f"{address}: {found_text(outcome)}{asked}"


def _address(measure: str, mask: str, function: str, variant: str, *, mask_words: str) -> str:
    words = measure + (f" of {function}" if function else "") + (f"{mask_words} {mask}" if mask else "")
    return words + ("" if variant == "trained" else f" ({variant})")


def _bound_text(condition: Condition) -> str:
    return f"{condition.relation} {condition.bound:g}"


def _in_signs(text: str) -> str:
    for word, sign in _SIGNS.items():
        text = text.replace(f" {word} ", f" {sign}\u00a0")
    return text


def _typeset(text: str) -> str:
    """With a sign for minus, and no line broken between a number and what belongs to it."""
    signed = f" {text}".replace(" -", " −").replace(" %", "\u00a0%").replace("n = ", "n\u00a0=\u00a0")
    return signed.removeprefix(" ")
