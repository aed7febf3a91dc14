"""Verdicts in words: by what they are about, beside what the paper reports, and with what a record lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.experiments.claims import About
from maskscope.experiments.record import Record, Verdict
from maskscope.report.numbers import count_text, in_words
from maskscope.report.table import Column, Row, Table

ABOUT: dict[About, str] = {
    "P_specialize": "Specialisation (P_specialize): are different functions in different weights?",
    "P_reuse": "Reuse (P_reuse): is the same function, needed twice, in the same weights?",
    "method": "Method: what must hold before either can be asked",
}
_CONDITIONS = " Conditions: "
# how experiments say what a record lacks
_CURE = "; run again "
_SIGNS = {">=": "≥", "<=": "≤"}


@dataclass(frozen=True)
class Claim:
    """A verdict as it is shown.

    Args:
        number: of its anchor.
        verdict: what became of the claim.
        rule: the part of its rule that is its own.
        conditions: what was asked and what was found, where these can be told apart.
        lacking: what the record lacks, and the cure.
    """

    number: int
    verdict: Verdict
    rule: str
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
    claims: tuple[Claim, ...]


def beside_the_paper(verdict: Verdict) -> str:
    """``agrees``, ``contradicts`` or ``leaves open``; empty where the paper says nothing."""
    if not verdict.paper:
        return ""
    if verdict.contradicts_paper:
        return "contradicts"
    return "leaves open" if verdict.verdict == "inconclusive" else "agrees"


def was_not_asked(verdict: Verdict) -> bool:
    """Whether the record lacks what the claim needs, such as a control."""
    return any(_CURE in reason for reason in verdict.reasons)


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
    stands = [(verdict.name, "not asked" if was_not_asked(verdict) else beside_the_paper(verdict)) for verdict in verdicts]
    found = {word: [name for name, stand in stands if stand == word] for word in words}
    return [f"{words[word]}: {in_words(names)}." for word, names in found.items() if names]


def claim_groups(record: Record) -> tuple[str, list[ClaimGroup]]:
    """The part of the rule that all claims have in common, and the claims by what they are about."""
    shared, claims = _claims(record.verdicts, len(record.seeds))
    groups = [ClaimGroup(title, tuple(one for one in claims if one.verdict.about == about)) for about, title in ABOUT.items()]
    return shared, [group for group in groups if group.claims]


def claims_table(verdicts: Sequence[Verdict]) -> Table:
    """The claims, what became of them, what the paper reports, and by which rule."""
    rows = []
    for about, title in ABOUT.items():
        for verdict in verdicts:
            if verdict.about == about:
                paper = verdict.paper or "says nothing"
                reasons = " ".join(f"{reason}." for reason in verdict.reasons)
                stands = beside_the_paper(verdict)
                rows.append(Row(title, (verdict.name, verdict.verdict, paper, stands, verdict.question, verdict.rule, reasons)))
    titles = (Column("claim"), Column("verdict"), Column("the paper"), Column("this record"))
    long = tuple(Column(title, long=True) for title in ("question", "rule", "found"))
    return Table("claims", "Claims and verdicts, beside what the paper reports", (*titles, *long), tuple(rows))


def lacking(verdict: Verdict, networks: int) -> tuple[tuple[str, str], ...]:
    """What a record of so many networks lacks that the claim needs, each with the cure."""
    parts = [reason.partition(_CURE) for reason in verdict.reasons]
    found = [(missing, f"run again {cure}") for missing, cut, cure in parts if cut]
    if networks < 2:
        found.append(("needs a second network for an interval", "run again with --seeds 2 or more"))
    return tuple(found)


def _claims(verdicts: Sequence[Verdict], networks: int) -> tuple[str, list[Claim]]:
    parts = [verdict.rule.partition(_CONDITIONS) for verdict in verdicts]
    common = len({part[0] for part in parts}) == 1 and all(part[2] for part in parts)
    claims = []
    for place, (verdict, (_, _, own)) in enumerate(zip(verdicts, parts, strict=True)):
        missing = lacking(verdict, networks)
        asked = own.removesuffix(".").split("; ")
        paired = common and not was_not_asked(verdict) and len(asked) == len(verdict.reasons)
        conditions = tuple((_in_signs(a), _found(b)) for a, b in zip(asked, verdict.reasons, strict=False)) if paired else ()
        rule = _in_signs(own) if common else verdict.rule
        claims.append(Claim(place + 1, verdict, rule, conditions, missing))
    return parts[0][0] if common else "", claims


def _in_signs(text: str) -> str:
    for word, sign in _SIGNS.items():
        text = text.replace(f" {word} ", f" {sign}\u00a0")
    return text


def _found(reason: str) -> str:
    """What was found, without the address and the bound, which stand beside it."""
    found = reason.partition(": ")[2].partition("; asked: ")[0]
    if not found:
        return reason
    signed = f" {found}".replace(" -", " −").replace(" %", "\u00a0%").replace("n = ", "n\u00a0=\u00a0")
    return signed.removeprefix(" ")
