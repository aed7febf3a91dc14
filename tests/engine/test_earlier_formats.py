"""Records of formats 1 and 2 load as values and say what they said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from maskscope.analysis import density_floor
from maskscope.engine.address import known_studies, study_at
from maskscope.engine.claims import Condition
from maskscope.engine.records.earlier_formats import condition_of
from maskscope.engine.records.file import load_record
from maskscope.engine.spec import to_json
from maskscope.engine.sweep.record import load_sweep
from maskscope.errors import ConfigError, FileFormatError
from maskscope.procedure.floors import layers_of
from maskscope.procedure.record import with_floors
from maskscope.procedure.units import UNITS
from maskscope.report.verdicts import RULE
from maskscope.storage import read_json, write_json
from maskscope.studies.mask_stability.numbers import UNITS as STABILITY_UNITS
from maskscope.studies.sequences.numbers import UNITS as SEQUENCE_UNITS
from tests.engine.first_format import asked_text, condition_text, reasons
from tests.report.synthetic import make_record
from tests.report.synthetic_images import make_growth_record, make_removal_record
from tests.report.synthetic_sequences import make_scan_record
from tests.report.synthetic_sweep import make_sweep

MEASURES = {**UNITS, **SEQUENCE_UNITS, **STABILITY_UNITS}
REPRODUCTION = Path(__file__).parents[2] / "reproduction"
COMMITTED = sorted(path.parent for path in REPRODUCTION.glob("*/record.json"))
RECORDS = {
    "functions": lambda: make_record(),
    "lacking": lambda: make_record(seeds=(0,), repeats=0, controls=()),
    "undefined": lambda: make_record(seeds=(0, 1), hide="mul"),
    "removal": lambda: make_removal_record(seeds=(0,), repeats=0),
    "growth": lambda: make_growth_record(),
    "sequences": lambda: make_scan_record(splits=("jump",)),
}


# fields of format 2 that every network had, and that only some studies filled
OF_SOME = {"owned": [], "cosines": [], "filters": None, "sequences": None}


def in_second_format(record):
    """A record as format 2 had it: results that only some studies have were fields of all."""
    body = to_json(record)
    del body["study"]
    body |= {"format": 2, "networks": body.get("networks", []), "growths": body.get("growths", [])}
    body |= {"sought": body.pop("mask_targets", []), "evaluated_on": body.get("evaluated_on", [])}
    body.pop("controls", None)
    for network in body["networks"]:
        more = network.pop("more") or {}
        network |= OF_SOME | ({"sequences": more} if "rows" in more else more)
        for mask in network["masks"]:
            del mask["judged_by"]
    return body


def in_first_format(record):
    """A record as format 1 had it: verdicts were sentences, quantities had no unit, pairs no floors by place."""
    body = in_second_format(record)
    del body["format"]
    body["quantities"] = [{key: value for key, value in one.items() if key != "unit"} for one in body["quantities"]]
    for network in body["networks"]:
        network["pairs"] = [{key: value for key, value in one.items() if key != "floors"} for one in network["pairs"]]
    body["verdicts"] = [
        {
            "name": one.name,
            "question": one.question,
            "rule": f"{RULE} Conditions: {asked_text(one)}",
            "verdict": one.verdict,
            "reasons": reasons(one),
            "about": one.about,
            "paper": one.paper,
        }
        for one in record.verdicts
    ]
    return body


def with_conditions(verdict, count):
    return verdict | {"rule": f"{RULE} Conditions: {'; '.join(['a >= 0'] * count)}.", "reasons": ["needs; run again so"] * count}


@pytest.mark.parametrize("name", RECORDS)
def test_all_formats_are_read_as_the_same_values(tmp_path, name):
    record = RECORDS[name]()
    assert record.verdicts
    for body in (to_json(record), in_second_format(record), in_first_format(record)):
        write_json(tmp_path / "record.json", body)
        assert str(load_record(tmp_path)) == str(record)


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_committed_records_say_what_they_said(folder):
    record, written = load_record(folder), read_json(folder / "record.json")
    for verdict, old in zip(record.verdicts, written["verdicts"], strict=True):
        assert f"{RULE} Conditions: {asked_text(verdict)}" == old["rule"]
        assert reasons(verdict) == old["reasons"]
        assert verdict.verdict == old["verdict"]


@pytest.mark.parametrize("name", known_studies())
def test_every_condition_is_read_back_from_its_words(name):
    claims = study_at(name).claims
    for condition in (one for claim in claims for one in (*claim.premises, *claim.conditions)):
        assert condition_of(condition_text(condition), study_at(name).procedure.units) == condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("iou of repeats, mean >= 0.5", Condition("iou of repeats, mean", "", "", ">=", 0.5)),
        (
            "accuracy of a network trained on it of jump under mask jump <= 1e-05",
            Condition("accuracy of a network trained on it", "jump", "jump", "<=", 1e-5),
        ),
        ("forgotten of add under mask mul (untrained) >= -1", Condition("forgotten", "mul", "add", ">=", -1.0, "untrained")),
    ],
)
def test_words_of_conditions(text, condition):
    assert condition_of(text, MEASURES) == condition


@pytest.mark.parametrize("text", ["", "by eye", "accuracy >= high", "accuracy == 1"])
def test_words_that_are_no_condition(text):
    with pytest.raises(ConfigError, match="no condition of format 1|is no|relation"):
        condition_of(text, MEASURES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body | {"format": 4}, "its format is 4; 3 or a lower one was expected"),
        (lambda body: body | {"format": "2"}, "its format is '2'"),
        (lambda body: body | {"spec": body["spec"] | {"controls": 3}}, "controls: 3 was found; a list was expected"),
        (lambda body: body | {"spec": body["spec"] | {"controls": [[]]}}, "controls"),
        (lambda body: body | {"verdicts": [body["verdicts"][0] | {"rule": "By eye."}]}, "the rule of format 1 was expected"),
        (lambda body: body | {"verdicts": [with_conditions(body["verdicts"][0], 400)]}, "161,202 outcomes; 100,000 at most"),
        (lambda body: body | {"verdicts": 3}, "verdicts: 3 was found; a list was expected"),
        (lambda body: body | {"verdicts": [body["verdicts"][0] | {"verdict": "not supported"}]}, "make it .*, but not"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, change, message):
    write_json(tmp_path / "record.json", change(in_first_format(make_record())))
    with pytest.raises(FileFormatError, match=message):
        load_record(tmp_path)


def test_a_verdict_that_its_outcomes_do_not_give(tmp_path):
    body = to_json(make_record(seeds=(0, 1)))
    body["verdicts"][0] |= {"conditions": []}
    write_json(tmp_path / "record.json", body)
    with pytest.raises(FileFormatError, match="at least one condition was expected"):
        load_record(tmp_path)


def test_a_measure_that_nobody_knows_any_more_is_shown_as_before(tmp_path):
    body = in_first_format(make_record())
    body["quantities"][0] |= {"measure": "forgotten"}
    body["verdicts"] = []
    write_json(tmp_path / "record.json", body)
    assert load_record(tmp_path).quantities[0].unit == "ratio"


def test_a_sweep_without_units(tmp_path):
    sweep = make_sweep()
    body = json.loads(json.dumps(to_json(sweep)))
    for point in body["points"]:
        for quantity in point["quantities"]:
            del quantity["unit"]
    write_json(tmp_path / "sweep.json", body)
    assert str(load_sweep(tmp_path)) == str(sweep)


def test_a_record_holds_the_floor_of_every_tensor():
    for pair in (pair for network in make_record().networks for pair in network.pairs):
        assert set(pair.floors) == set(pair.by_tensor)
        assert all(str(pair.floors[name]) == str(density_floor([counts], 0)) for name, counts in pair.by_tensor.items())


def test_of_a_deep_network_it_also_holds_those_of_groups():
    record = make_record(seeds=(0,), controls=())
    network = record.networks[0]
    pair = network.pairs[0]
    counts = next(iter(pair.by_tensor.values()))
    deep = {f"layers.{place // 2}.{'ab'[place % 2]}.weight": counts for place in range(40)}
    (completed,) = with_floors([replace(network, pairs=(replace(pair, by_tensor=deep, floors={}),))])
    floors = completed.pairs[0].floors
    assert set(floors) == {*deep, *(f"layers.{place}" for place in range(20))} == {*deep, *layers_of([*deep])}
    assert floors["layers.7"] == density_floor([counts, counts], 0)


@pytest.mark.parametrize("counts", [(5, 3, 2, 4), (-1, 3, -2, 4), (2, 2, 3, 4), (1, 1, 1, 10**10)])
def test_counts_that_cannot_be_are_named(tmp_path, counts):
    body = in_first_format(make_record(seeds=(0,)))
    pair = body["networks"][0]["pairs"][0]
    pair["by_tensor"] = {"w": dict(zip(("first", "second", "both", "weights"), counts, strict=True))}
    write_json(tmp_path / "record.json", body)
    with pytest.raises(FileFormatError, match="pair add, mul: weights kept by both"):
        load_record(tmp_path)
