"""Sweeps: every value is run once, networks are shared, and bad values are refused before anything is made."""

import json
from dataclasses import replace

import pytest

from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec
from maskscope.experiments.catalogue import experiment
from maskscope.experiments.job import Job
from maskscope.experiments.record_file import load_record
from maskscope.experiments.settings import FitSpec, MaskSpec
from maskscope.experiments.spec import to_json
from maskscope.experiments.sweep import SWEEPS, at, jobs, load_sweep, run_sweep, sweep_named

SPEC = AdditionMultiplicationSpec(
    hidden=(8,),
    digits=1,
    train_items=300,
    fit=FitSpec(steps=5),
    mask=MaskSpec(steps=4, learning_rate=0.5),
    repeats=1,
    controls=(),
    random_draws=1,
)


def run(folder, name="penalty", values=("1e-4", "1e-2"), spec=SPEC, seeds=(0,)):
    made = []
    record = run_sweep(sweep_named(name), "quick", Job(spec, seeds, str(folder), threads=1), values, announce=made.append)
    return record, made


def test_a_penalty_sweep_fits_one_network_and_finds_masks_at_every_value(tmp_path):
    record, made = run(tmp_path)
    assert made.count("seed-0-network") == 1
    assert made.count("seed-0-mask-add-0") == 2
    assert [(point.label, point.value) for point in record.points] == [("0.0001", 1e-4), ("0.01", 1e-2)]
    assert [point.spec["mask"]["beta"] for point in record.points] == [1e-4, 1e-2]
    assert record.points[0].quantity("density", "all").summary.n == 1
    assert record.points[0].quantity("density", "nothing") is None
    assert json.dumps(to_json(load_sweep(tmp_path))) == json.dumps(to_json(record))
    extended, more = run(tmp_path, values=("1e-2", "1e-4", "1e-3"), seeds=(0, 1))
    assert [point.value for point in extended.points] == [1e-4, 1e-3, 1e-2], "in the order of their values"
    assert more.count("seed-0-mask-add-0") == 1, "what is there is not made again"
    assert [point.seeds for point in extended.points] == [(0, 1)] * 3


def test_an_estimator_sweep_differs_in_the_estimator_alone(tmp_path):
    record, made = run(tmp_path, "estimator", ("rao-blackwell", "straight-through"))
    assert made.count("seed-0-network") == 1
    assert [point.spec["mask"]["estimator"] for point in record.points] == ["rao-blackwell", "straight-through"]
    assert [point.value for point in record.points] == [0, 1]


def test_a_size_has_the_number_of_its_weights():
    sweep = sweep_named("size")
    assert at(sweep, SPEC, "medium").hidden == (800,) * 4
    with pytest.raises(UnknownNameError, match="no size 'tiny'.*big, huge, medium, small"):
        at(sweep, SPEC, "tiny")


@pytest.mark.parametrize(
    ("name", "values", "error", "words"),
    [
        ("penalty", (), ConfigError, "--values is empty"),
        ("penalty", ("1e-4", "1e-4"), ConfigError, "different values"),
        ("penalty", ("much",), ConfigError, "beta is 'much'; a number was expected"),
        ("penalty", ("-1",), ConfigError, "penalty_weight is -"),
        ("penalty", ("1e-4", "0.0001"), ConfigError, "different values"),
        ("penalty", ("inf",), ConfigError, "a finite number"),
        ("estimator", ("rao",), UnknownNameError, "no estimator 'rao'"),
    ],
)
def test_bad_values_are_refused_before_anything_is_made(tmp_path, name, values, error, words):
    with pytest.raises(error, match=words):
        run(tmp_path / "run", name, values)
    assert not (tmp_path / "run").exists()


def test_a_sweep_is_over_the_feed_forward_network():
    lstm = Job(replace(SPEC, network="lstm"), (0,), "runs")
    with pytest.raises(ConfigError, match="addition-multiplication with network mlp"):
        jobs(sweep_named("penalty"), lstm, ("1e-4",))
    double = Job(experiment("double-addition").preset("smoke"), (0,), "runs")
    with pytest.raises(ConfigError, match="addition-multiplication with network mlp"):
        jobs(sweep_named("penalty"), double, ("1e-4",))


def test_a_folder_without_a_sweep(tmp_path):
    with pytest.raises(FileFormatError, match=r"no sweep.json in .*maskscope sweep"):
        load_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(FileFormatError, match="holds a sweep, and the record of a single run was expected"):
        load_record(tmp_path)
    with pytest.raises(UnknownNameError, match="no sweep 'penalti'. Did you mean 'penalty'"):
        sweep_named("penalti")


@pytest.mark.parametrize("name", SWEEPS)
def test_every_preset_of_a_sweep_can_be_run(name):
    sweep = SWEEPS[name]
    for preset, (spec, values) in sweep.presets.items():
        found = jobs(sweep, Job(spec, (0,), "runs"), values)
        assert list(found) == list(values)
        labels = [f"{float(value):g}" if sweep.axis == "beta" else value for value in values]
        assert sweep.chosen.get(preset, "") in ("", *labels)
