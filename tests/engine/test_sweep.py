"""Sweeps: any setting of any study, every value an ordinary run, networks shared, bad values refused before anything is made."""

import json
import shutil
from dataclasses import replace

import pytest

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.engine.sweep.points import named_sweeps, plan_points, require_untouched, sweep_named, sweep_over
from maskscope.engine.sweep.record import load_sweep
from maskscope.engine.sweep.run import point_folder, run_sweep
from maskscope.errors import ConfigError, FileFormatError, RunFolderError, UnknownNameError
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.images import networks as image_networks
from tests.engine.shared_threads import workers_in_threads
from tests.small_images import small_images

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


ARITHMETIC = study_at("addition-multiplication")
JOB = Job(ARITHMETIC, SPEC, (0,), "runs")


def named(name):
    return sweep_named(name)[1]


def run(folder, name="penalty", values=("1e-4", "1e-2"), spec=SPEC, seeds=(0,)):
    made = []
    record = run_sweep(named(name), "quick", Job(ARITHMETIC, spec, seeds, str(folder), threads=1), values, announce=made.append)
    return record, made


def test_a_penalty_sweep_fits_one_network_and_finds_masks_at_every_value(tmp_path):
    record, made = run(tmp_path)
    assert made.count("seed-0-network") == 1
    assert made.count("seed-0-mask-add-0") == 2
    assert [(point.label, point.value) for point in record.points] == [("0.0001", 1e-4), ("0.01", 1e-2)]
    assert [point.spec["mask"]["beta"] for point in record.points] == [1e-4, 1e-2]
    assert record.points[0].quantity("density", "all").summary.n == 1
    assert record.points[0].quantity("density", "nothing") is None
    assert as_text(load_sweep(tmp_path)) == as_text(record)
    extended, more = run(tmp_path, values=("1e-2", "1e-4", "1e-3"), seeds=(0, 1))
    assert [point.value for point in extended.points] == [1e-4, 1e-3, 1e-2], "in the order of their values"
    assert more.count("seed-0-mask-add-0") == 1, "what is there is not made again"
    assert [point.seeds for point in extended.points] == [(0, 1)] * 3


def test_every_value_is_an_ordinary_run_below(tmp_path):
    record, _ = run(tmp_path / "sweep")
    sweep = named("penalty")
    for point in record.points:
        below = load_record(point_folder(tmp_path / "sweep", sweep, point.label))
        assert (below.experiment, below.spec) == ("addition-multiplication", point.spec)
        assert as_text(below.quantities) == as_text(point.quantities)
        assert below.verdicts
    shutil.copytree(tmp_path / "sweep" / "artefacts", tmp_path / "run" / "artefacts")
    alone, made = Job(ARITHMETIC, replace(SPEC, mask=replace(SPEC.mask, beta=1e-2)), (0,), str(tmp_path / "run"), threads=1), []
    ordinary = run_study("quick", alone, announce=made.append)
    assert made == [], "a run finds every artefact of the sweep"
    assert as_text(ordinary.networks) == as_text(below.networks)


def test_workers_give_the_same_bits_and_nothing_is_left_to_do(tmp_path):
    record, _ = run(tmp_path / "one", values=("1e-2",))
    job = Job(ARITHMETIC, SPEC, (0,), str(tmp_path / "two"), threads=1)
    with workers_in_threads():
        again = run_sweep(named("penalty"), "quick", job, ("1e-2",), workers=2)
    assert as_text(again.points) == as_text(record.points)
    planned = plan_points(named("penalty"), job, ("1e-2",))
    assert all(stage.done for one in planned for stage in make_plan(one.job).stages)


def test_an_estimator_sweep_differs_in_the_estimator_alone(tmp_path):
    record, made = run(tmp_path, "estimator", ("rao-blackwell", "straight-through"))
    assert made.count("seed-0-network") == 1
    assert [point.spec["mask"]["estimator"] for point in record.points] == ["rao-blackwell", "straight-through"]
    assert [point.value for point in record.points] == [0, 1]
    assert record.scale == "name"


def test_lists_of_numbers_stand_at_the_sizes_that_they_give_a_network(tmp_path):
    job = Job(ARITHMETIC, SPEC, (0,), str(tmp_path), threads=1)
    record = run_sweep(sweep_over(ARITHMETIC, "hidden"), "smoke", job, ("16x4", "8", "4 4"))
    assert [(point.label, point.spec["hidden"]) for point in record.points] == [("4x4", [4, 4]), ("8", [8]), ("16x4", [16, 4])]
    inputs, outputs = 2 * 10 + 2, 10
    assert [point.value for point in record.points] == [
        inputs * 4 + 16 + 4 * outputs,
        (inputs + outputs) * 8,
        inputs * 16 + 64 + 40,
    ]
    assert (record.scale, record.axis, record.chosen) == ("weights", "hidden", "8")


def test_a_size_has_a_name():
    sweep = named("size")
    assert [(one.label, one.job.spec.hidden) for one in plan_points(sweep, JOB, ("medium", "40x8"))] == [
        ("medium", (800,) * 4),
        ("40x8", (40, 8)),
    ]
    with pytest.raises(UnknownNameError, match="no size 'tiny'.*big, huge, medium, small"):
        plan_points(sweep, JOB, ("tiny",))


@pytest.mark.parametrize(
    ("name", "values", "error", "words"),
    [
        ("penalty", (), ConfigError, "No values of mask.beta were given"),
        ("penalty", ("1e-4", "1e-4"), ConfigError, "different values"),
        ("penalty", ("much",), ConfigError, "beta is 'much'; a number was expected"),
        ("penalty", ("-1",), ConfigError, "mask.beta cannot be -1 here: The weight of the penalty is -"),
        ("penalty", ("1e-4", "0.0001"), ConfigError, "different values"),
        ("penalty", ("inf",), ConfigError, "a finite number"),
        ("estimator", ("rao",), ConfigError, "mask.estimator cannot be rao here: There is no estimator 'rao'"),
    ],
)
def test_bad_values_are_refused_before_anything_is_made(tmp_path, name, values, error, words):
    with pytest.raises(error, match=words):
        run(tmp_path / "run", name, values)
    assert not (tmp_path / "run").exists()


SMALLER = {
    "cifar10-class-removal": {"classes": ("cat",), "gradient_cosine": ""},
    "cifar10-mask-stability": {"pairs": 2},
    "scan": {"splits": ("jump",), "baselines": False, "test_items": 20, "examples": 0},
    "mathematics": {"train_items": 60, "held_out": 10, "examples": 0},
}


def as_text(value):
    return json.dumps(to_json(value))


def study_job(name, folder="runs", network=""):
    study = study_at(name)
    return Job(study, study.preset("smoke", network), (0,), str(folder), threads=1)


@pytest.mark.parametrize("study", [name for name in known_studies() if name != "permuted-mnist"])
def test_every_study_of_single_networks_can_be_swept(tmp_path, monkeypatch, study):
    monkeypatch.setattr(image_networks, "images_of", lambda name, _: small_images(name))
    job = study_job(study, tmp_path)
    few = {"fit": replace(job.spec.fit, steps=2), "mask": replace(job.spec.mask, steps=2), "controls": (), "random_draws": 1}
    job = replace(job, spec=replace(job.spec, **few, **SMALLER.get(study, {})))
    record = run_sweep(sweep_over(study_at(study), "mask.steps"), "smoke", job, ("2",))
    assert [(point.label, point.value) for point in record.points] == [("2", 2.0)]
    assert (record.experiment, record.sweep, record.chosen, record.scale) == (study, "mask.steps", "2", "number")
    assert as_text(load_sweep(tmp_path)) == as_text(record)
    for point in record.points:
        measured = {one.measure for one in point.quantities}
        assert {"sufficiency", "necessity", "density"} <= measured
        assert point.spec.get("data_digest", "pinned")
        below = load_record(point_folder(tmp_path, sweep_over(study_at(study), "mask.steps"), point.label))
        assert as_text(below.quantities) == as_text(point.quantities)


def test_networks_that_grow_cannot_be_swept_yet():
    with pytest.raises(ConfigError, match="permuted-mnist cannot be swept yet: .*grow.*maskscope run permuted-mnist"):
        sweep_over(study_at("permuted-mnist"), "mask.beta")


def test_a_task_that_cannot_be_made_is_known_before_any_value_is_run(tmp_path, monkeypatch):
    monkeypatch.setattr(image_networks, "images_of", lambda name, _: small_images(name))
    sweep, job = sweep_over(study_at("cifar10-class-removal"), "classes"), study_job("cifar10-class-removal", tmp_path / "run")
    with pytest.raises(UnknownNameError, match="dgo.*Did you mean 'dog'"):
        run_sweep(sweep, "smoke", job, ("cat,dog", "dgo"))
    assert not (tmp_path / "run").exists()


def test_what_is_lost_or_hidden_is_said_before_the_work(tmp_path):
    (tmp_path / "points").touch()
    with pytest.raises(RunFolderError, match="points is no folder that may be written. Move it away"):
        run(tmp_path)
    (tmp_path / "points").unlink()
    run(tmp_path)
    said = run(tmp_path, "estimator", ("rao-blackwell",))[1]
    assert any("holds another sweep (addition-multiplication over beta)" in text for text in said)


def test_an_option_of_its_own_does_not_set_what_is_varied():
    with pytest.raises(ConfigError, match="--mask.beta is what the sweep penalty varies: choose its values by --values"):
        require_untouched(ARITHMETIC, named("penalty"), replace(SPEC, mask=replace(SPEC.mask, beta=1e-3)), SPEC)
    with pytest.raises(ConfigError, match=r"--train-items is what .* varies: choose its values by --over train_items VALUE"):
        require_untouched(ARITHMETIC, sweep_over(ARITHMETIC, "train-items"), replace(SPEC, train_items=400), SPEC)


def test_a_folder_without_a_sweep(tmp_path):
    with pytest.raises(FileFormatError, match=r"no sweep.json in .*maskscope sweep"):
        load_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(FileFormatError, match="holds a sweep, and the record of a single run was expected"):
        load_record(tmp_path)
    with pytest.raises(UnknownNameError, match="no sweep or study 'penalti'. Did you mean 'penalty'"):
        sweep_named("penalti")


@pytest.mark.parametrize("name", named_sweeps())
def test_every_preset_of_a_sweep_can_be_run(name):
    study, sweep = sweep_named(name)
    for preset, (spec, values) in sweep.presets.items():
        found = plan_points(sweep, Job(study, spec, (0,), "runs"), values)
        labels = [f"{float(value):g}" if sweep.axis == "beta" else value for value in values]
        assert [one.label for one in found] == labels
        assert sweep.chosen.get(preset, "") in ("", *labels)
