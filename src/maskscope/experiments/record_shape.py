"""Whether the parts of a record fit together. Its checksum says that it is as it was written, not who wrote it, or what."""

from collections.abc import Iterator

from maskscope.errors import ConfigError
from maskscope.experiments.catalogue import EXPERIMENTS
from maskscope.experiments.claims import verdict_of
from maskscope.experiments.record import Record
from maskscope.experiments.spec import from_json
from maskscope.masks import OverlapCounts
from maskscope.tasks import Scores


def require_whole(record: Record) -> None:
    """Raises `ConfigError` unless a record is of an experiment that there is, with its settings and with numbers to show."""
    if record.experiment not in EXPERIMENTS:
        raise ConfigError(f"Not a valid Record: there is no experiment {record.experiment!r}.")
    from_json(EXPERIMENTS[record.experiment].spec, record.spec)
    faults = [*_faults(record)]
    if faults:
        raise ConfigError("\n  ".join(["Not a valid Record:", *faults[:20]]))


def _faults(record: Record) -> Iterator[str]:
    if not record.seeds:
        yield "seeds: at least one was expected"
    if not record.growths and not any(network.variant == "trained" for network in record.networks):
        yield "networks: at least one that was trained was expected"
    for growth in record.growths:
        if not growth.tasks or any(not task.by_tensor for task in growth.tasks):
            yield f"growths: seed {growth.seed}: tasks with weights were expected"
    for verdict in record.verdicts:
        word = verdict_of(verdict.premises, verdict.conditions)
        if not verdict.conditions:
            yield f"verdicts: {verdict.name}: at least one condition was expected"
        elif verdict.verdict != word:
            yield f"verdicts: {verdict.name}: its conditions make it {word}, but {verdict.verdict} was found"
    answers = {_answers(network.unmasked) for network in record.networks}
    for network in record.networks:
        where = f"networks: seed {network.seed}, {network.variant}"
        functions = set(network.unmasked.accuracy)
        for mask in network.masks:
            kept = [*mask.by_tensor.values()]
            if not sum(part.weights for part in kept) or any(not 0 <= part.kept <= part.weights for part in kept):
                yield f"{where}: mask {mask.label}: weights kept, of as many or more, were expected"
            if set(mask.sufficiency.accuracy) != functions or set(mask.necessity.accuracy) != functions:
                yield f"{where}: mask {mask.label}: scores of {', '.join(sorted(functions)) or 'functions'} were expected"
            answers |= {_answers(mask.sufficiency), _answers(mask.necessity)}
        for pair in network.pairs:
            if not all(_can_be(counts) for counts in pair.by_tensor.values()):
                names = f"{pair.first[0]}, {pair.second[0]}"
                yield f"{where}: pair {names}: weights kept by both, of as many or more by each, of all, were expected"
    if len(answers - {()}) > 1:
        yield "networks: confusion between the same answers, on every network and under every mask, was expected"


def _can_be(counts: OverlapCounts) -> bool:
    """Floors are drawn from these counts; numpy draws from tensors of less than 10^9 weights."""
    return 0 <= counts.both <= min(counts.first, counts.second) and max(counts.first, counts.second) <= counts.weights < 10**9


def _answers(scores: Scores) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Between which answers confusion was counted; nothing where it was not."""
    return tuple((true, tuple(sorted(given))) for true, given in sorted(scores.confusion.items()))
