"""Every claim there is, and what records say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.claims import VerdictWord, contradicts
from maskscope.engine.records.record import Record
from maskscope.engine.spec import from_json


@dataclass(frozen=True)
class ClaimState:
    """A claim on one kind of network, and what one record says of it.

    Args:
        experiment: name of the study.
        network: kind of network, or of questions.
        kind: the setting that names it.
        claim: its name.
        question: what is asked.
        about: the property it speaks of.
        paper: what the paper reports; empty where it says nothing.
        verdict: of the record; empty without one.
        preset: of the record; empty without one.
        settings: those that tell the record from others of its preset.
        networks: how many networks the record has; 0 without one.
    """

    experiment: str
    network: str
    kind: str
    claim: str
    question: str
    about: str
    paper: str
    verdict: VerdictWord | Literal[""] = ""
    preset: str = ""
    settings: tuple[Any, ...] = ()
    networks: int = 0

    @property
    def contradicts_paper(self) -> bool:
        """See `Verdict.contradicts_paper`."""
        return bool(self.verdict) and contradicts(self.verdict, self.paper)


def state_of_claims(records: Sequence[Record]) -> list[ClaimState]:
    """Every claim of every study and kind of network or questions, with each record that speaks of it."""
    found = []
    for name in known_studies():
        study = study_at(name)
        mine = [(study.kind_of(from_json(study.spec, one.spec)), one) for one in records if one.experiment == name]
        for kind in study.presets:
            settings = next(spec for _, spec in study.presets[kind].values())
            for claim in study.claims_about(settings):
                address = (name, kind, study.kind, claim.name, claim.question, claim.about, claim.paper)
                states = [
                    ClaimState(
                        *address,
                        verdict.verdict,
                        record.preset,
                        tuple(record.spec[name] for name in study.shown_settings if name in record.spec),
                        len(record.seeds),
                    )
                    for of, record in mine
                    for verdict in record.verdicts
                    if of == kind and verdict.name == claim.name
                ]
                found += states or [ClaimState(*address)]
    return found
