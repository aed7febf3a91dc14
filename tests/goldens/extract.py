"""What a record found, as rows that do not depend on how its fields are named or where they stand; and a record of a golden.

Everything that knows the package is in this file: whoever renames fields of records changes it here, and no digest moves.
"""

import math
from collections.abc import Iterable

import pytest

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.engine.spec import from_json, to_json
from maskscope.procedure import measure
from maskscope.storage import canonical_json, digest
from maskscope.studies.class_removal import measure as removal_measure
from maskscope.studies.class_removal.result import RemovalResult, removal_of
from maskscope.studies.images import networks as image_networks
from maskscope.studies.sequences.result import SequenceResult
from tests.small_images import small_images

SEED = 0


def kinds():
    """Every study and kind of network or questions, with the JSON of its preset smoke."""
    studies = [study_at(name) for name in known_studies()]
    return {(one.name, kind): to_json(one.preset("smoke", kind)) for one in studies for kind in one.presets}


def record_of(golden, folder):
    """The record of a golden's study and settings, on small images of ours; weights are scored on few items if it says so."""
    study, spec = study_at(golden["study"]), golden["spec"]
    with pytest.MonkeyPatch.context() as patch:
        if golden["scoring"] == "few items":
            for module in (measure, removal_measure):
                patch.setattr(module, "SCORING_PARTS", 2)
                patch.setattr(module, "SCORING_ITEMS", 16)
        patch.setattr(image_networks, "images_of", lambda name, _: small_images(name, channels=1 if name == "mnist" else 3))
        return run_study("smoke", Job(study, from_json(study.spec, spec), (SEED,), str(folder), threads=1))


def digests(record):
    """Digests of a record by what they are of: times, versions and machine are left out."""
    found = {
        "spec": digest(record.spec),
        "names": _rows(
            [
                ["function", *record.functions],
                ["mask", *getattr(record, "masks", record.functions)],
                *(["difference", d] for d in record.differences),
            ]
        ),
        "data": _rows([[one.name, one.digest, one.verified, one.note] for one in (record.data,) if one]),
        "quantities": _rows([q.measure, q.mask, q.function, q.variant, *q.summary.values] for q in record.quantities),
        "summaries": _rows([q.measure, q.mask, q.function, q.variant, *_summary(q.summary)] for q in record.quantities),
        "verdicts": _rows(_verdict(one) for one in record.verdicts),
        "tests": _rows([p.name, p.items, p.judged, p.seen, p.judged_unseen] for p in getattr(record, "evaluated_on", ())),
    }
    for network in getattr(record, "networks", ()):
        for what, rows in _network(network).items():
            found[f"network, {network.variant}: {what}"] = _rows([network.seed, *row] for row in rows)
    for growth in getattr(record, "growths", ()):
        for what, rows in _growth(growth).items():
            found[f"growth, {growth.new_logit:g}: {what}"] = _rows([growth.seed, *row] for row in rows)
    return found


def _rows(rows):
    """The digest of rows in an order of their own; NaN is a word."""
    return digest(sorted(canonical_json(_plain(row)) for row in rows))


def _plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _summary(one):
    return one.n, one.mean, one.std, one.low, one.high


def _verdict(one):
    return [one.name, one.verdict, [found.kind for found in one.premises], [found.kind for found in one.conditions]]


def _scores(scores, *address):
    """A row for each accuracy and each cell of a confusion matrix."""
    if scores is None:
        return
    for function, accuracy in scores.accuracy.items():
        yield [*address, function, accuracy]
    for true, shares in scores.confusion.items():
        yield from ([*address, "confusion", true, given, percent] for given, percent in shares.items())


def _counts(parts, *address):
    return [[*address, name, part.kept, part.weights] for name, part in parts.items()]


def _each(function, items):
    return [row for item in items for row in function(item)]


def _floor(one):
    return [one.dice, one.iomin, one.iou]


def _network(one):
    """Rows of everything that was measured on one network, by what they are."""
    more = one.more if isinstance(one.more, SequenceResult) else None
    removal = removal_of(one) if isinstance(one.more, RemovalResult) else RemovalResult()
    return {
        "scores": [*_scores(one.unmasked, "unmasked"), *_each(_mask_scores, one.masks)],
        "kept": _each(lambda m: _counts(m.by_tensor, m.function, m.repeat), one.masks),
        "kept of the full mask": _each(lambda m: _counts(m.in_full, m.function, m.repeat), one.masks),
        "histograms": [[m.function, m.repeat, *m.histogram] for m in one.masks],
        "losses": [[m.function, m.repeat, m.final_loss, m.unmasked_loss, m.undecided] for m in one.masks],
        "pairs": _each(_pair_counts, one.pairs),
        "floors": _each(_pair_floors, one.pairs),
        "sharing": _each(_sharing, one.sharing),
        "cores": [[c.function, c.repeats, c.needed, c.kept, c.share, c.share_by_chance] for c in one.cores],
        "half masks": [[*sorted(h.early), h.full, h.early_masked, h.late_masked] for h in one.half_masks],
        "owned": _each(lambda o: _counts(o.by_tensor, o.function, o.mask), removal.owned),
        "without owned": _each(_owned_scores, removal.owned),
        "cosines": _each(_cosine, removal.cosines),
        "filters": [[f.tensor, *f.shape, *f.weights, f.full, sorted(f.owned.items())] for f in (removal.filters,) if f],
        "answers": [_example(e) for e in more.examples] if more else [],
        "baselines": _each(_baseline, more.baselines) if more else [],
        "output rows": _each(lambda r: _counts(r.by_token, r.function, r.repeat), more.rows) if more else [],
        "dropping": [*_scores(more.dropping)] if more else [],
    }


def _mask_scores(one) -> Iterable[list]:
    """Rows [mask, repeat, kind of score, function, accuracy]."""
    address = one.function, one.repeat
    yield from _scores(one.sufficiency, *address, "sufficiency")
    yield from _scores(one.necessity, *address, "necessity")
    yield from _scores(one.necessity_full_io, *address, "necessity, full input and output")
    yield from _scores(one.top_weights, *address, "top weights")
    for draw, scores in enumerate(one.random_removed):
        yield from _scores(scores, *address, "random removed", draw)


def _pair_counts(one):
    return [[*one.first, *one.second, name, c.first, c.second, c.both, c.weights] for name, c in one.by_tensor.items()]


def _pair_floors(one):
    whole = [[*one.first, *one.second, "all", *_floor(one.floor)], [*one.first, *one.second, "used", *_floor(one.floor_used)]]
    return whole + [[*one.first, *one.second, "in", place, *_floor(floor)] for place, floor in one.floors.items()]


def _sharing(one):
    for where, s in (("all", one.all_weights), ("used", one.used_weights), ("hidden", one.hidden_weights)):
        if s:
            numbers = [s.masks, s.between, s.within_first, s.within_second]
            yield [*one.functions, where, *numbers, s.floor_between, s.floor_first, s.floor_second, s.normalised]
    if one.null:
        yield [*one.functions, "null", one.null.observed, one.null.p, *one.null.null]
    yield [*one.functions, "null accuracy", *one.null_accuracy]


def _owned_scores(one):
    yield from _scores(one.removed, one.function, "removed")
    for draw, scores in enumerate(one.random_removed):
        yield from _scores(scores, one.function, "random removed", draw)


def _cosine(one):
    yield [len(one.masked), "total", one.total]
    yield [len(one.masked), "masked", *sorted(one.masked)]
    yield from ([len(one.masked), name, cosine] for name, cosine in one.by_tensor.items())


def _example(one):
    return [one.test, one.question, one.answer, one.seen, sorted((who, list(given)) for who, given in one.given.items())]


def _baseline(one):
    yield from _scores(one.scores, one.trained_on)
    yield from _scores(one.dropping, one.trained_on, "dropping")


def _growth(one):
    """Rows of every task of a network that grew."""
    return {
        "scores": [
            *([task.function, task.accuracy] for task in one.tasks),
            *([task.function, earlier, accuracy] for task in one.tasks for earlier, accuracy in task.earlier.items()),
        ],
        "losses": [[task.function, task.sampled_loss, task.undecided, task.density] for task in one.tasks],
        "shared": [
            [task.function, name, part.kept, part.shared, part.used, part.weights]
            for task in one.tasks
            for name, part in task.by_tensor.items()
        ],
    }
