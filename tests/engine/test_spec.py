from dataclasses import dataclass, field

import pytest

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.spec import canonical_spec, from_json, to_json
from maskscope.errors import ConfigError
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.double_addition.spec import DoubleAdditionSpec


@pytest.mark.parametrize("name", known_studies())
def test_every_preset_goes_to_json_and_back(name):
    for presets in study_at(name).presets.values():
        for _, spec in presets.values():
            assert from_json(type(spec), to_json(spec)) == spec


def test_paper_preset_is_the_papers():
    spec = study_at("addition-multiplication").preset("paper")
    assert (spec.hidden, spec.digits, spec.train_items) == ((2000,) * 4, 2, 1_000_000)
    assert spec.fit == FitSpec(20_000, 128, 1e-3, 1.0)
    config = spec.mask.config()
    assert (config.steps, config.samples_per_step, config.learning_rate, config.initial_logit) == (20_000, 4, 1e-2, 2.0)
    assert config.size.weight == pytest.approx(7.8125e-7)
    assert (config.temperature, config.clip_norm, spec.mask.part_size) == (1.0, 1.0, 32)


def test_all_faults_of_a_spec_are_listed_together():
    value = to_json(AdditionMultiplicationSpec())
    value["mask"]["stpes"] = 3
    value["fit"]["steps"] = "many"
    value["hiden"] = [3]
    with pytest.raises(ConfigError) as error:
        from_json(AdditionMultiplicationSpec, value)
    text = str(error.value)
    assert "mask: stpes: no such field. Did you mean 'steps' or 'stop_when_lost'?" in text
    assert "fit: steps: 'many' is no int" in text
    assert "hiden: no such field. Did you mean 'hidden'?" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaskSpec(batch_size=130), "130 does not divide by samples_per_step 4.*multiple of 4"),
        (lambda: MaskSpec(samples_per_step=0), "samples_per_step is 0"),
        (lambda: MaskSpec(estimator="deterministic"), "deterministic draws nothing.*Take samples_per_step=1"),
        (lambda: MaskSpec(annealing=(2.0,)), "two temperatures were expected, or none"),
        (lambda: MaskSpec(annealing=(2.0, 0.1)), "rao-blackwell has one temperature for all steps"),
        (lambda: MaskSpec(beta=-1.0), "The weight of the penalty is -"),
        (lambda: FitSpec(steps=-1, batch_size=0), "steps is -1.*batch_size is 0"),
        (lambda: AdditionMultiplicationSpec(hidden=()), "at least one layer"),
        (lambda: AdditionMultiplicationSpec(digits=7), "1, 2 or 3"),
        (lambda: AdditionMultiplicationSpec(repeats=-1), "repeats is -1"),
        (lambda: AdditionMultiplicationSpec(unrelated=-1), "unrelated is -1"),
        (lambda: AdditionMultiplicationSpec(network="lstm", hidden=(4, 5)), "all layers of network lstm have one width"),
        (lambda: AdditionMultiplicationSpec(network="transformer", hidden=(6,)), "a multiple of 4"),
        (lambda: AdditionMultiplicationSpec(controls=("untrained", "untrained")), "names one twice"),
        (lambda: from_json(AdditionMultiplicationSpec, {"controls": ["copied-io"]}), "controls: .*copied-io"),
        (lambda: DoubleAdditionSpec(mode="together"), "network mlp can be shown the pairs by two_runs"),
        (lambda: DoubleAdditionSpec(network="lstm", hidden=(8,)), "by together or only_one_io"),
        (
            lambda: DoubleAdditionSpec(network="lstm", hidden=(8,), mode="together", controls=("copied-io",)),
            "could not tell them apart. Take mode two_runs or only_one_io",
        ),
    ],
)
def test_impossible_specs(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_a_field_added_later_does_not_change_an_identity():
    @dataclass(frozen=True)
    class Before:
        steps: int = 3

    @dataclass(frozen=True)
    class After:
        steps: int = 3
        new: int = field(default=1, metadata={"added": "0.2.0"})

    assert canonical_spec(Before()) == canonical_spec(After())
    assert canonical_spec(After(new=2)) == {"steps": 3, "new": 2}
