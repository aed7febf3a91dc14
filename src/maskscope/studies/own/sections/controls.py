"""What the page says of the controls that only studies of own networks have."""

from typing import Any

from maskscope.engine.quantities import TRAINED
from maskscope.procedure.record import MaskRecord
from maskscope.report.numbers import count_text, in_words, number_of
from maskscope.report.section import Section
from maskscope.report.table import Cell, Row, Table, columns
from maskscope.studies.own.controls.numbers import DISJOINT, DISJOINT_FLOOR, DISJOINT_SHARING
from maskscope.studies.own.result import DisjointInputs, SpikeIn

_ASKED = (
    "Would these settings find what is there? A rule on the network's own inputs was planted in a few weights of a copy: these "
    "were chosen at random among those that matter, and trained, with all others frozen, until the copy told the rule. Without "
    "any one of them it tells it less well. Then a mask for the rule was sought with the study's settings."
)
_READ = (
    "Found of the planted (recall) is the number to look at, beside what a random mask finds that keeps as much of each tensor. "
    "Planted among kept (precision) is a lower bound: the rule also needs the weights that bring inputs to the planted ones and "
    "their effect to the answers, and these were in the network before. The last precision is over the weights that the mask "
    "keeps and that no mask of the study's own functions keeps."
)


def spike_section(record: MaskRecord[Any]) -> Section | None:
    """Whether a search finds planted weights; None where this was not tried."""
    tried = [(network.seed, network.more.spike_in) for network in _trained(record) if network.more and network.more.spike_in]
    if not tried:
        return None
    planted = [(seed, one) for seed, one in tried if not one.failed]
    text = [_ASKED]
    if planted:
        text.append(f"n = {count_text(len(planted), 'network')}. {_READ}")
    if len(planted) < len(tried):
        reasons = "; ".join(dict.fromkeys(one.failed.rstrip(".") for _, one in tried if one.failed))
        text.append(
            f"In {len(tried) - len(planted)} of {count_text(len(tried), 'network')} nothing could be planted, so that it says "
            f"nothing of the search there: {reasons}."
        )
    table = Table(
        "spike-in",
        "A search for planted weights, with the study's settings",
        columns(
            "planted",
            "kept by the mask",
            "found of the planted",
            "by chance",
            "planted among kept",
            "among kept by no other mask",
        ),
        tuple(Row(f"network {seed}", _found(one)) for seed, one in planted),
    )
    told = Table(
        "spike-in-rule",
        "How often the rule was told, and what planting did to the network's own functions",
        columns("before planting", "after", "under the mask", "without the planted", "own scores before and after"),
        tuple(Row(f"network {seed}", _told(one)) for seed, one in planted),
    )
    where = Table(
        "spike-in-places",
        "Where the planted weights are",
        columns("tensor or group of units", "planted"),
        tuple(Row(f"network {seed}", (name, count)) for seed, one in planted for name, count in one.by_tensor.items()),
    )
    shown = (table, told) if planted else ()
    return Section(
        "spike-in", "A planted rule", tuple(text), tables=shown, folded=(where,) if planted else (), terminal=shown[:1]
    )


def disjoint_section(record: MaskRecord[Any]) -> Section | None:
    """The ceiling from disjoint inputs; None where none was sought."""
    found = [(network.seed, one) for network in _trained(record) if network.more for one in network.more.disjoint]
    if not found:
        return None
    ceilings = [_ceiling_row(record, name) for name in dict.fromkeys(one.function for _, one in found)]
    sharing = [
        Row(
            " and ".join(shared.functions),
            tuple(
                number_of(record.quantity(measure, ", ".join(shared.functions)))
                for measure in ("normalised sharing", DISJOINT_SHARING)
            ),
        )
        for shared in _trained(record)[0].sharing
    ]
    masks = [Row(f"{one.function}, network {seed}", row) for seed, one in found for row in _mask_rows(one)]
    tables = [
        Table(
            "disjoint-inputs",
            "Overlap of two masks for one function (Dice)",
            columns("found on the same inputs", "found on disjoint inputs", "floor of these"),
            tuple(ceilings),
        )
    ]
    if sharing:
        titles = columns("up to two masks from the same inputs", "up to two masks from disjoint inputs")
        tables.append(Table("disjoint-sharing", "Normalised sharing, on both scales", titles, tuple(sharing)))
    kinds = in_words(list(found[0][1].kinds))
    return Section(
        "disjoint-inputs",
        "The same function, other inputs",
        (
            f"Masks of one function were sought on disjoint parts of its data ({kinds}): the function is the same, and only its "
            "inputs differ. Where two functions share as little as these masks do, their inputs alone may be the reason. So this "
            f"overlap is a second ceiling. n = {count_text(len(dict.fromkeys(seed for seed, _ in found)), 'network')}.",
        ),
        tables=tuple(tables),
        folded=(
            Table(
                "disjoint-masks",
                "The masks from disjoint inputs",
                columns("inputs", "parts of data", "units kept", "score on all data"),
                tuple(masks),
            ),
        ),
        terminal=tuple(tables),
        short="Other inputs",
    )


def _trained(record: MaskRecord[Any]) -> list[Any]:
    return [network for network in record.networks if network.variant == TRAINED]


def _found(one: SpikeIn) -> tuple[Cell, ...]:
    return (
        one.planted,
        f"{one.kept:,} of {one.units:,}",
        _share(one.found, one.planted),
        _share(round(one.by_chance, 1), one.planted),
        _share(one.found, one.kept),
        _share(one.found_beyond, one.beyond),
    )


def _told(one: SpikeIn) -> tuple[Cell, ...]:
    before, after = (dict(scores.accuracy) if scores else {} for scores in (one.scores_before, one.scores))
    own = "; ".join(f"{name} {score:.3f} to {after.get(name, float('nan')):.3f}" for name, score in before.items())
    return (*(f"{share:.1%}" for share in (one.told_before, one.told, one.told_masked, one.told_without)), own)


def _share(part: int | float, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.1%})" if whole else "none kept"


def _ceiling_row(record: MaskRecord[Any], name: str) -> Row:
    addresses = (("dice", f"{name}, {name}"), (DISJOINT, name), (DISJOINT_FLOOR, name))
    return Row(name, tuple(number_of(record.quantity(*address)) for address in addresses))


def _mask_rows(one: DisjointInputs) -> list[tuple[Cell, ...]]:
    parts = [count if count else "no end" for count in one.parts]
    rows = zip(one.kinds, parts, one.kept, one.scores, strict=True)
    return [(kind, count, kept, f"{score:.3f}") for kind, count, kept, score in rows]
