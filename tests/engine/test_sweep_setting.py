"""Settings by their dotted names, and their values as a user writes them."""

import pytest

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.spec import from_json, to_json
from maskscope.engine.sweep.setting import label_of, parse_values, setting_named, settings_of
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.double_addition.spec import DoubleAdditionSpec

ARITHMETIC = study_at("addition-multiplication")


@pytest.mark.parametrize(
    ("name", "text", "value", "label"),
    [
        ("mask.beta", "1e-4", 1e-4, "0.0001"),
        ("mask.beta", "1.23456789e-5", 1.23456789e-5, "1.23456789e-05"),
        ("mask.initial-logit", "-2", -2.0, "-2"),
        ("mask.steps", "100", 100, "100"),
        ("mask.schedule", "warm-cosine", "warm-cosine", "warm-cosine"),
        ("mask.stop_when_settled", "yes", True, "yes"),
        ("mask.stop_when_settled", "False", False, "no"),
        ("hidden", "400x400x200", (400, 400, 200), "400x400x200"),
        ("hidden", "400 400, 200", (400, 400, 200), "400x400x200"),
        ("hidden", "[400, 400]", (400, 400), "400x400"),
        ("hidden", "(8,)", (8,), "8"),
        ("fit.betas", "0.9x0.99", (0.9, 0.99), "0.9x0.99"),
        ("fit.milestones", "none", (), "none"),
        ("controls", "untrained,shuffled-weights", ("untrained", "shuffled-weights"), "untrained,shuffled-weights"),
        ("controls", "none", (), "none"),
    ],
)
def test_values_are_of_the_types_of_the_settings(name, text, value, label):
    setting = setting_named(ARITHMETIC, name)
    assert setting.parse(text) == value
    assert type(setting.parse(text)) is type(value)
    assert label_of(value) == label
    assert setting.parse(label) == value, "a label is read back"
    changed = setting.put(AdditionMultiplicationSpec(), value)
    assert setting.of(changed) == value
    assert from_json(AdditionMultiplicationSpec, to_json(changed)) == changed


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("mask.beta", "much", ConfigError, "mask.beta is 'much'; a number was expected, as in 1e-4"),
        ("mask.beta", "nan", ConfigError, "mask.beta is nan; a finite number was expected"),
        ("mask.steps", "2.5", ConfigError, "mask.steps is '2.5'; a whole number was expected"),
        ("hidden", "400xmany", ConfigError, "hidden is 'many'; a whole number was expected.* a list is written 400x400x200"),
        ("hidden", "none", ConfigError, "hidden cannot be none here: .*at least one layer"),
        ("mask.stop_when_settled", "maybe", ConfigError, "yes or no was expected"),
        ("mask.schedule", "cosin", UnknownNameError, "no mask.schedule 'cosin'. Did you mean 'cosine'"),
        (
            "controls",
            "untrained,shufled-weights",
            UnknownNameError,
            "no controls 'shufled-weights'. Did you mean 'shuffled-weights'",
        ),
        ("mask.batch_size", "30", ConfigError, "mask.batch_size cannot be 30 here: .*does not divide by samples_per_step 4"),
        ("hidden", "8x", ConfigError, "hidden is ''"),
    ],
)
def test_values_that_cannot_be(name, text, error, words):
    setting = setting_named(ARITHMETIC, name)
    with pytest.raises(error, match=words):
        setting.put(AdditionMultiplicationSpec(), setting.parse(text))


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("beta", UnknownNameError, "no setting of addition-multiplication 'beta'. Did you mean .*'mask.beta'"),
        ("mask.learning_rat", UnknownNameError, "Did you mean 'mask.learning_rate'"),
        ("hiden", UnknownNameError, "Did you mean 'hidden'"),
        ("mask", ConfigError, "mask is a group of settings; one of them was expected: mask.steps, "),
        ("mask.config", UnknownNameError, "no setting of addition-multiplication 'mask.config'"),
        ("mode", UnknownNameError, "no setting of addition-multiplication 'mode'"),
        ("full_mask", UnknownNameError, "no setting of addition-multiplication 'full_mask'"),
    ],
)
def test_unknown_names_get_the_closest_right_ones(name, error, words):
    with pytest.raises(error, match=words):
        setting_named(ARITHMETIC, name)


@pytest.mark.parametrize(("study", "name"), [("cifar10-class-removal", "data_digest"), ("scan", "data_digest"), ("own", "loss")])
def test_what_the_run_finds_is_not_chosen(study, name):
    with pytest.raises(ConfigError, match=f"{name} is found by the run"):
        setting_named(study_at(study), name)


def test_the_weight_of_the_penalty_can_be_named_as_the_library_names_it():
    setting, spec = setting_named(study_at("double-addition"), "penalty_weight"), DoubleAdditionSpec()
    changed = setting.put(spec, 1e-6)
    assert setting.name == "mask.penalty_weight"
    assert changed.mask.config().size.weight == pytest.approx(1e-6)
    assert changed.mask.beta == pytest.approx(128e-6)
    assert setting.of(changed) == pytest.approx(1e-6)


def test_a_value_that_stands_twice_is_refused():
    setting = setting_named(ARITHMETIC, "hidden")
    assert parse_values(setting, ("small", "8x8"), {"small": (4,)}) == {"small": (4,), "8x8": (8, 8)}
    with pytest.raises(ConfigError, match="hidden is 4 twice in small 4; different values were expected"):
        parse_values(setting, ("small", "4"), {"small": (4,)})


@pytest.mark.parametrize("name", known_studies())
def test_every_setting_of_every_study_has_a_name_and_keeps_its_value(name):
    study = study_at(name)
    spec = study.preset("smoke")
    for name in settings_of(study.spec):
        setting = setting_named(study, name)
        value = setting.of(spec)
        assert setting.put(spec, value) == spec
        assert setting.parse(label_of(value) if value != "" else "") == value
