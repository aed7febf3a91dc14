"""Records from anybody: a file is read with care, shown without doing anything, and replaced only where nothing is lost."""

import io
import json
import os

import pytest
from rich.console import Console

from maskscope.engine.address import study_at
from maskscope.engine.records.file import begun, load_record, require_replaceable
from maskscope.engine.spec import from_json, read_spec, to_json
from maskscope.engine.state import state_of_claims
from maskscope.engine.sweep.record import SweepRecord, load_sweep
from maskscope.errors import ConfigError, FileFormatError, MaskscopeError, RunFolderError, StudyFileError
from maskscope.procedure.record import MaskRecord
from maskscope.procedure.settings import MaskSpec
from maskscope.report import comparison, show_claims, show_comparison, show_record
from maskscope.storage import write_json
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.class_removal.result import RemovalResult
from tests.report.pages import page, page_of
from tests.report.synthetic import make_record

DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def record():
    return make_record(seeds=(0,), repeats=0, controls=())


@pytest.fixture(scope="module")
def body(record):
    return json.loads(json.dumps(to_json(record), allow_nan=True).replace("NaN", "null"))


@pytest.mark.parametrize("kind", [MaskRecord[RemovalResult], SweepRecord, AdditionMultiplicationSpec])
@pytest.mark.parametrize("value", [[], None, 3, "x", True, [{}]])
def test_a_value_of_another_shape_is_named(kind, value):
    with pytest.raises(ConfigError, match=rf"Not a valid {kind.__name__}: .* an object with the fields of {kind.__name__}"):
        from_json(kind, value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden": "12"}, "hidden: '12' was found; a list was expected"),
        ({"hidden": {"1": 2}}, "hidden: {'1': 2} was found; a list was expected"),
        ({"mask": []}, "mask: .* was found; an object with the fields of MaskSpec was expected"),
        ({"mask": {"beta": None}}, "mask: beta is nan"),
        ({"mask": {"steps": 10**30}}, "mask: steps is 10{30}; a finite number of at most 64 bits"),
        ({"hidden": [10**400]}, "hidden is .*401 characters|hidden is .*characters.*64 bits"),
        ({"x" * 10_000: 1}, r"x \.\.\. x+ \(10,000 characters\): no such field|characters\): no such field"),
        ({f"field {number}": 1 for number in range(1000)}, "and 980 more faults"),
    ],
)
def test_faults_of_a_spec_are_named_in_few_words(fields, message):
    with pytest.raises(ConfigError, match=message) as error:
        from_json(AdditionMultiplicationSpec, fields)
    assert len(str(error.value)) < 3000


def test_numbers_that_are_none_are_refused_where_settings_are_made():
    with pytest.raises(ConfigError, match="warm_start is inf; a finite number was expected"):
        MaskSpec(warm_start=float("inf"))


@pytest.mark.parametrize("text", ["[]", "null", "3", DEEP, '{"mask": NaN}', '{"digits": 1e999}', "", "\ufeff", "{"])
def test_spec_files_that_are_none(tmp_path, text):
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(MaskscopeError, match=r"spec.json.*--print-spec"):
        read_spec(tmp_path / "spec.json", AdditionMultiplicationSpec)


@pytest.mark.parametrize("load", [load_record, load_sweep])
@pytest.mark.parametrize("text", ["[]", "null", "3", DEEP, '{"sha256": "x", "body": NaN}', "", '{"sha256": "", "body": []}'])
def test_record_files_that_are_none(tmp_path, text, load):
    file = tmp_path / ("record.json" if load is load_record else "sweep.json")
    file.write_text(text)
    with pytest.raises(FileFormatError, match=file.name):
        load(tmp_path)
    for value in ([], None, 3, {"experiment": []}):
        write_json(file, value)
        with pytest.raises(FileFormatError, match="another version"):
            load(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")
def test_a_record_that_leads_to_a_device(tmp_path):
    (tmp_path / "record.json").symlink_to("/dev/zero")
    with pytest.raises(FileFormatError, match="it is a device"):
        load_record(tmp_path)
    said = []
    require_replaceable(tmp_path / "record.json", said.append)
    assert "it is a device" in said[0]


@pytest.mark.parametrize("text", ["{", "[]", DEEP, '{"sha256": "x", "body": NaN}', "3"])
def test_a_damaged_record_is_made_again_from_its_artefacts_and_said(tmp_path, text):
    (tmp_path / "artefacts").mkdir()
    (tmp_path / "record.json").write_text(text)
    said = []
    require_replaceable(tmp_path / "record.json", said.append)
    assert "cannot be used, and is made again from the artefacts" in said[0]
    assert begun(tmp_path, "addition-multiplication").get("spec", {}) == {}


def test_what_would_be_lost_is_not_replaced(tmp_path):
    file = tmp_path / "record.json"
    file.write_text('{"of another program": 1}')
    with pytest.raises(RunFolderError, match="no artefacts beside it"):
        require_replaceable(file, print)


def test_a_record_that_can_be_read_is_replaced_without_a_word(tmp_path, body):
    said = []
    require_replaceable(tmp_path / "record.json", said.append)
    (tmp_path / "record.json").write_text("")
    (tmp_path / "artefacts").mkdir()
    write_json(tmp_path / "record.json", body)
    require_replaceable(tmp_path / "record.json", said.append)
    assert said == []
    assert begun(tmp_path, "addition-multiplication").get("spec", {}) == body["spec"]


def test_signs_that_do_something_are_written_out(tmp_path, body, record, monkeypatch):
    """An escape would clear the terminal, a sign of direction turn a sentence round."""
    sign = "\x1b]0;title\x07\u202egnp\u2066\x9b\r"
    text = json.dumps(body).replace('"add"', json.dumps(f"add{sign}")).replace("Example processor", json.dumps(sign)[1:-1])
    write_json(tmp_path / "record.json", json.loads(text))
    foreign = load_record(tmp_path)
    assert r"add\x1b]0;title\x07\u202egnp\u2066\x9b\r" in foreign.functions
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    show_record(foreign, page_of(foreign), console)
    show_comparison(comparison(foreign, record), console)
    show_claims(state_of_claims([foreign]), console)
    # figures, which take seconds, have the same texts
    monkeypatch.setattr("maskscope.report.readings.html.inline_figures", lambda record: {})
    for found in (shown.getvalue(), page(foreign)):
        assert not set(found) & set("\x1b\x07\u202e\u2066\x9b\r")
        assert r"\u202egnp" in found


def test_a_record_of_ours_is_as_it_was(body, record):
    again = from_json(MaskRecord[type(None)], body)
    assert str(again) == str(record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body | {"study": "another"}, "no study 'another'"),
        (
            lambda body: body | {"experiment": "another"},
            "experiment: addition-multiplication was expected, but another was found",
        ),
        (lambda body: body | {"spec": {}}, None),
        (lambda body: body | {"spec": {"hidden": 3}}, "hidden: 3 was found"),
        (lambda body: body | {"networks": []}, "at least one that was trained"),
        (lambda body: body | {"seeds": []}, "seeds: at least one"),
    ],
)
def test_parts_that_do_not_fit_together_are_named(tmp_path, body, change, message):
    write_json(tmp_path / "record.json", change(body))
    if message is None:  # every setting has a default
        assert "mlp" in {one.network for one in state_of_claims([load_record(tmp_path)]) if one.verdict}
        return
    with pytest.raises(FileFormatError, match=message):
        load_record(tmp_path)


def test_weights_and_confusion_that_cannot_be(tmp_path, body):
    network = body["networks"][0]
    masks = network["masks"]
    name = next(iter(masks[0]["by_tensor"]))
    lost = {true: dict(list(given.items())[1:]) for true, given in network["unmasked"]["confusion"].items()}
    for changed, message in (
        ({"masks": [masks[0] | {"by_tensor": {}}]}, "weights kept"),
        ({"masks": [masks[0] | {"by_tensor": {name: {"kept": 9, "weights": 1}}}]}, "weights kept"),
        ({"masks": [masks[0] | {"sufficiency": {"accuracy": {}, "confusion": {}}}]}, "scores of add, mul were expected"),
        ({"unmasked": network["unmasked"] | {"confusion": lost}}, "confusion between the same answers"),
    ):
        write_json(tmp_path / "record.json", body | {"networks": [network | changed]})
        with pytest.raises(FileFormatError, match=message):
            load_record(tmp_path)


def test_a_study_that_is_not_the_records_is_refused(tmp_path, body):
    write_json(tmp_path / "record.json", body)
    assert load_record(tmp_path, study_at("addition-multiplication")).experiment == "addition-multiplication"
    with pytest.raises(StudyFileError, match="is a record of the study addition-multiplication; scan cannot read it"):
        load_record(tmp_path, study_at("scan"))
