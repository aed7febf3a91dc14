"""Claims in words: what was asked, what was found, what a record lacks, and how a verdict stands to what the paper reports.

Records hold conditions and outcomes as values; the words for them are made here and nowhere else.
"""

from dataclasses import dataclass

from maskscope.engine.claims import About, Condition, Outcome, Verdict
from maskscope.engine.quantities import ACCURACY, Quantity
from maskscope.engine.records.record import Record
from maskscope.report.measures import measure_words
from maskscope.report.numbers import count_text, in_words, signless_zero
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
_SIDES = {">=": "at least", "<=": "at most"}
# the premises of the claims there are, in words
_PREMISES = {
    "accuracy": "the network performs its functions, accuracy",
    "sufficiency": "each mask performs its own function, accuracy",
    "necessity": "each function is lost without its mask's weights, accuracy",
    "share of the score kept": "each mask keeps its own function, share of the score",
}
# how a verdict stands to what the paper reports
AGREES, CONTRADICTS, OTHER_SIZE, OPEN = "as in the paper", "contradicts the paper", "not at this size", "open here"


@dataclass(frozen=True)
class ShownClaim:
    """A verdict as it is shown.

    Args:
        number: of its anchor.
        verdict: what became of the claim.
        word: the verdict; with one network, whether its conditions hold there.
        beside_the_paper: how that stands to what the paper reports; empty where the paper says nothing.
        asked: all conditions in a sentence.
        conditions: what was asked and what was found, in a sentence each; none where the record lacks what the claim needs.
        lacking: what the record lacks, and the cure.
    """

    number: int
    verdict: Verdict
    word: str
    beside_the_paper: str
    asked: str
    conditions: tuple[str, ...]
    lacking: tuple[tuple[str, str], ...]

    @property
    def tone(self) -> str:
        """Of its mark: what was hoped for, what was not, what is no verdict; what the paper reports as well is no failure."""
        if self.verdict.verdict == "not supported":
            return "agreed" if self.beside_the_paper == AGREES else "not-supported"
        return self.verdict.verdict


@dataclass(frozen=True)
class ClaimGroup:
    """The claims about one property."""

    title: str
    claims: tuple[ShownClaim, ...]


def beside_the_paper(verdict: Verdict, other_size: str = "") -> str:
    """How a verdict stands to what the paper reports; empty where the paper says nothing, or nothing was asked.

    Args:
        verdict: of a record.
        other_size: how the paper's networks differ in size from the record's; empty where they do not. What does not hold in
            networks of another size contradicts nothing.
    """
    if not verdict.paper or verdict.lacks:
        return ""
    if verdict.contradicts_paper:
        return OTHER_SIZE if other_size else CONTRADICTS
    return OPEN if verdict.verdict == "inconclusive" else AGREES


def verdict_word(verdict: Verdict) -> str:
    """The verdict; where one network was measured and nothing was tested, whether the conditions hold there."""
    if verdict.lacks:
        return "not asked"
    measured = [outcome for outcome in verdict.outcomes if outcome.found is not None and outcome.n]
    if verdict.verdict != "inconclusive" or len(measured) < len(verdict.outcomes) or any(one.n > 1 for one in measured):
        return verdict.verdict
    if not all(_holds(outcome) for outcome in verdict.premises):
        return "premise fails on this network"
    return f"{'holds' if all(_holds(outcome) for outcome in verdict.conditions) else 'does not hold'} on this network"


def contradictions(record: Record) -> list[str]:
    """A sentence for each verdict that says the opposite of what the paper reports of networks of this size."""
    if record.other_size:
        return []
    network = f"{record.spec['network']}, " if "network" in record.spec else ""
    where = f"{network}preset {record.preset}, {count_text(len(record.seeds), 'network')}"
    return [
        f"This contradicts the paper: “{verdict.name}” is {verdict.verdict} here ({where}); Csordás et al. 2021 report it as "
        f"{verdict.paper}. The question was: {verdict.question}"
        for verdict in record.verdicts
        if verdict.contradicts_paper
    ]


def agreements(record: Record) -> list[str]:
    """What agrees with the paper, what leaves it open, where the paper says nothing, and what was not asked: a sentence each."""
    words = {
        AGREES: "As in the paper",
        OTHER_SIZE: f"Reported by the paper for networks of another size ({record.other_size}), and not found at this size",
        OPEN: "Inconclusive here, which contradicts nothing, where the paper has a result",
        "": "The paper reports nothing on",
        "not asked": "Not asked here, where what they need was not run",
    }
    stands = [
        (verdict.name, "not asked" if verdict.lacks else beside_the_paper(verdict, record.other_size))
        for verdict in record.verdicts
    ]
    found = {word: [name for name, stand in stands if stand == word] for word in words}
    return [f"{words[word]}: {in_words(names)}." for word, names in found.items() if names]


def claim_groups(record: Record, more_networks: str = MORE_NETWORKS) -> tuple[str, list[ClaimGroup]]:
    """The rule, which all claims have in common, and the claims by what they are about.

    Args:
        record: with the verdicts.
        more_networks: how to have a second network.
    """
    cure = more_networks if len(record.seeds) < 2 else ""
    claims = [_shown(place + 1, verdict, cure, record.other_size) for place, verdict in enumerate(record.verdicts)]
    groups = [ClaimGroup(title, tuple(one for one in claims if one.verdict.about == about)) for about, title in ABOUT.items()]
    return RULE if claims else "", [group for group in groups if group.claims]


def claims_table(record: Record) -> Table:
    """The claims, what became of them, what the paper reports, and by which rule."""
    rows = []
    for about, title in ABOUT.items():
        for verdict in record.verdicts:
            if verdict.about == about:
                paper = verdict.paper or "says nothing"
                rule = f"{RULE} Conditions: {asked_text(verdict)}"
                found = " ".join(f"{reason}." for reason in reasons(verdict))
                stands = beside_the_paper(verdict, record.other_size)
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
    """What was found for each condition and what was asked, in a sentence each; or what the record lacks, and the cure."""
    if verdict.lacks:
        return [f"{lack.missing}; run again {lack.cure}" for lack in verdict.lacks]
    premises = [f"Premise: {outcome_text(outcome)}" for outcome in verdict.premises]
    return premises + [outcome_text(outcome) for outcome in verdict.conditions]


def asked_text(verdict: Verdict) -> str:
    """All conditions in a sentence."""
    premises = [f"{condition_text(outcome.condition)} (premise)" for outcome in verdict.premises]
    return f"{'; '.join(premises + [condition_text(outcome.condition) for outcome in verdict.conditions])}."


def label(quantity: Quantity, score: str = ACCURACY) -> str:
    """A quantity in words; see `measure_words`."""
    return measure_words(*quantity.address, score=score)


def condition_text(condition: Condition) -> str:
    """What is asked of a quantity: ``accuracy on add with only the weights of add: at least .95``."""
    return f"{measure_words(*condition.address)}: {_bound_text(condition)}"


def outcome_text(outcome: Outcome) -> str:
    """What was found, and what was asked: ``accuracy on add with ...: 1.000 [1.000, 1.000], asked at least .95``."""
    return f"{measure_words(*outcome.condition.address)}: {found_text(outcome)}, asked {_bound_text(outcome.condition)}"


def found_text(outcome: Outcome) -> str:
    """What was found: the mean, and the 95 % interval over networks in brackets."""
    found = outcome.found
    if found is None or found.n == 0:
        return "not measured, or undefined on every network"
    note = f" (undefined on {outcome.undefined} of {len(found.values)} networks)" if outcome.undefined else ""
    interval = f" [{signless_zero(found.low)}, {signless_zero(found.high)}]" if found.n > 1 else ""
    return f"{signless_zero(found.mean)}{interval}{note}"


def _shown(number: int, verdict: Verdict, more_networks: str, other_size: str) -> ShownClaim:
    conditions = () if verdict.lacks else tuple(_typeset(text) for text in _told(verdict))
    stands = beside_the_paper(verdict, other_size)
    return ShownClaim(
        number, verdict, verdict_word(verdict), stands, asked_text(verdict), conditions, lacking(verdict, more_networks)
    )


def _told(verdict: Verdict) -> list[str]:
    """What was found; premises that hold are counted, since they are those of most claims, and told where they do not."""
    open_ones = [f"Premise: {outcome_text(one)}" for one in verdict.premises if one.kind != "satisfied"]
    held = len(verdict.premises) - len(open_ones)
    counted = [f"{count_text(held, 'premise')} {'holds' if held == 1 else 'hold'}: {_premise_words(verdict)}"] if held else []
    return [*(outcome_text(one) for one in verdict.conditions), *open_ones, *counted]


def _premise_words(verdict: Verdict) -> str:
    """What premises that hold ask, each kind of them once."""
    held = [one.condition for one in verdict.premises if one.kind == "satisfied"]
    kinds = dict.fromkeys((condition.measure, _bound_text(condition)) for condition in held)
    return "; ".join(f"{_PREMISES.get(measure, measure)} {bound}" for measure, bound in kinds)


def _holds(outcome: Outcome) -> bool:
    """Whether a condition holds of the one network that was measured."""
    assert outcome.found is not None, "it was measured"
    mean, bound = outcome.found.mean, outcome.condition.bound
    return mean >= bound if outcome.condition.relation == ">=" else mean <= bound


def _bound_text(condition: Condition) -> str:
    bound = f"{condition.bound:g}".removeprefix("0") if 0 < condition.bound < 1 else f"{condition.bound:g}"
    return f"{_SIDES[condition.relation]} {bound}"


def _typeset(text: str) -> str:
    """With a sign for minus, and no line broken between a number and what belongs to it."""
    signed = text.replace(" -", " −").replace("[-", "[−")
    return signed.replace(" %", "\u00a0%").replace("asked at ", "asked at\u00a0")
