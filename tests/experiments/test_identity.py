"""Each field of each spec is part of the identities that it says, and of no others."""

from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
import torch

from maskscope.errors import ConfigError
from maskscope.engine import plan
from maskscope.studies.arithmetic.spec import AdditionMultiplicationSpec, DoubleAdditionSpec
from maskscope.engine.artefact import Artefact
from maskscope.studies.permuted_images.study import growth_stage
from maskscope.studies.images.networks import class_pairs
from maskscope.studies.images.spec import (
    FIRST_TASK,
    LATER_TASKS,
    OWN_OUTPUT,
    ClassRemovalSpec,
    MaskStabilitySpec,
    PermutedImagesSpec,
)
from maskscope.studies.sequences.spec import MathematicsSpec, ScanSpec, SequenceSpec
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec
from maskscope.engine.spec import STUDIES, canonical_spec, settings_at
from maskscope.procedure.stages import mask_groups, plan_masks
from maskscope.storage import digest
from maskscope.tasks import AdditionMultiplication, removal_name
from tests.small_images import CLASSES

# a dry run asks it for two names and numbers that no identity depends on
TASK = AdditionMultiplication(1, 10, torch.device("cpu"))
CONTROLS = ("untrained", "shuffled-weights")
# of the fields of a mask, this estimator leaves none idle
SOUGHT = MaskSpec(estimator="straight-through")
# with all the stages that a study can have; where a field plays no part in one, it does in the next
SPECS = {
    AdditionMultiplicationSpec: [AdditionMultiplicationSpec(mask=SOUGHT, controls=(*CONTROLS, "shuffled-labels"), unrelated=1)],
    DoubleAdditionSpec: [
        DoubleAdditionSpec(mask=SOUGHT, controls=(*CONTROLS, "copied-io"), unrelated=1),
        DoubleAdditionSpec("lstm", (8,), mode="together", controls=()),
    ],
    ClassRemovalSpec: [
        ClassRemovalSpec(mask=SOUGHT, controls=CONTROLS, repeats=1, classes=("bird", "cat"), gradient_cosine="cat")
    ],
    MaskStabilitySpec: [MaskStabilitySpec(mask=SOUGHT, controls=CONTROLS, repeats=1, pairs=2)],
    ScanSpec: [ScanSpec(mask=SOUGHT, controls=CONTROLS, repeats=1), ScanSpec(network="transformer")],
    MathematicsSpec: [MathematicsSpec(mask=SOUGHT, controls=CONTROLS, repeats=1)],
    PermutedImagesSpec: [PermutedImagesSpec(mask=SOUGHT, tasks=3)],
}
# by kind of stage, where it is no network that is trained
COUNTED = {
    "untrained network": NETWORK,
    "shuffled-weights network": None,
    "copied-io network": None,
    "mask": MASKS,
    "analysis": ANALYSIS,
    "grown task": FIRST_TASK,
}
# of all stages of the first of them; an identity may change only on purpose: it decides what is made again
GOLDEN = {
    AdditionMultiplicationSpec: "26bac7940dd4",
    DoubleAdditionSpec: "1019014bdeb3",
    ClassRemovalSpec: "ccd1f4357f04",
    MaskStabilitySpec: "347aefdf63eb",
    ScanSpec: "516dbf698e3c",
    MathematicsSpec: "6f84684dc4d7",
    PermutedImagesSpec: "317e784dbe26",
}


@dataclass(frozen=True)
class Made:
    """A stage as it would be made.

    Args:
        counted: the point from whose settings it is made; none, where it is made from its input alone.
        identity: its own.
        company: the masks that are found with it.
        inputs: names of the stages that it is made from.
    """

    counted: int | None
    identity: str
    company: tuple[str, ...]
    inputs: tuple[str, ...]


def stages_of(spec, monkeypatch) -> dict[str, Made]:
    """All stages of a seed in order, by name, as a dry run goes through them; an artefact's bytes are its identity here."""
    made: dict[str, Made] = {}

    def make(stage, run, inputs):
        counted = COUNTED.get(stage.kind, TRAINING)
        if stage.kind == "grown task" and stage.settings["task"]:
            counted = LATER_TASKS
        identity, from_ = stage.identity(inputs), tuple(artefact.path.name for artefact in inputs.values())
        made[stage.name] = Made(counted, identity, tuple(stage.settings.get("together", ())), from_)
        return Artefact(Path(stage.name), identity)

    if isinstance(spec, PermutedImagesSpec):
        for new_logit in spec.new_logits:
            before = None
            for number in range(spec.tasks):
                before = make(growth_stage(spec, 0, new_logit, number), Path(), {"before": before} if before else {})
        return made
    monkeypatch.setattr(plan, "_existing", make)
    groups = mask_groups(spec, plan_masks(spec, functions(spec), TASK.whole), TASK.whole, weights=1000)
    plan._stages_of(spec, 0, groups, TASK, Path(), 0.0, 0.0)
    return made


def functions(spec) -> list[str]:
    """What masks are sought for."""
    if isinstance(spec, ClassRemovalSpec):
        own = [removal_name(spec.gradient_cosine) + OWN_OUTPUT] if spec.gradient_cosine else []
        return [removal_name(name) for name in spec.classes or CLASSES] + own
    if isinstance(spec, MaskStabilitySpec):
        return list(class_pairs(CLASSES, spec))
    if isinstance(spec, SequenceSpec):
        return list(spec.splits if isinstance(spec, ScanSpec) else spec.masks_on)
    return ["first", "second"]


def others(kind, value) -> Iterator[object]:
    """Other values of a field, of which some may not be valid."""
    if is_dataclass(kind):
        yield from (changed(value, item.name) for item in fields(kind))
    elif get_origin(kind) is Literal:
        yield from (one for one in get_args(kind) if one != value)
    elif get_origin(kind) is tuple:
        item = get_args(kind)[0]
        one_more = get_args(item)[0] if get_origin(item) is Literal else {str: "cat", int: 3, float: 3.0}[item]
        yield from (value[:-1], (*value[:-1], *islice(others(item, value[-1]), 1))) if value else [(one_more,)]
    elif kind is bool:
        yield not value
    elif kind is str:
        yield {"cat": "dog", "straight-through": "rao-blackwell"}.get(value, "0" * 64)
    else:
        yield from (value / 2 or 0.25, 0.25) if kind is float else (value + 1, 2 * value or 2)


def changed(spec, name):
    """The spec with another valid value of one field; none, if `others` knows none."""
    kind = get_type_hints(type(spec))[name]
    if get_origin(kind) is Literal and len(get_args(kind)) == 1:
        other = copy(spec)  # there is no other choice so far; one that comes has to count
        object.__setattr__(other, name, "another")
        return other
    for value in others(kind, getattr(spec, name)):
        with suppress(ConfigError):
            return replace(spec, **{name: value})
    return None


def promised(item, before, after) -> set[str]:
    """The stages of both that a field should change, by what it says: those where it counts, and what is made from them."""
    changed = set()
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        counts = old.counted is not None and old.counted in item.metadata.get("counts", (old.counted,))
        if counts or old.company != new.company or set(old.inputs) != set(new.inputs):
            changed.add(name)
    for name in before:  # in order: what a stage is made from stands before it
        if name in after and changed & set(before[name].inputs):
            changed.add(name)
    return changed


@pytest.mark.parametrize(("kind", "name"), [(kind, item.name) for kind in SPECS for item in fields(kind)])
def test_a_field_changes_exactly_the_identities_that_it_says(kind, name, monkeypatch):
    item = next(item for item in fields(kind) if item.name == name)
    tried = ((spec, changed(spec, name)) for spec in SPECS[kind])
    spec, other = next((pair for pair in tried if pair[1]), (None, None))
    assert other, "`others` knows no other valid value for this field"
    before, after = stages_of(spec, monkeypatch), stages_of(other, monkeypatch)
    differ = {name for name in before.keys() & after.keys() if before[name].identity != after[name].identity}
    assert differ == promised(item, before, after)
    assert differ or before.keys() != after.keys(), "a field that no identity depends on, and no list of stages"


def test_every_spec_is_walked():
    assert set(SPECS) == set(STUDIES)


@pytest.mark.parametrize("kind", SPECS)
def test_a_field_that_says_nothing_counts_from_the_first_stage_on(kind, monkeypatch):
    @dataclass(frozen=True)
    class Longer(kind):
        forgotten: int = 0

    monkeypatch.setitem(STUDIES, Longer, STUDIES[kind])
    spec = Longer(**{item.name: getattr(SPECS[kind][0], item.name) for item in fields(kind)})
    before, after = stages_of(spec, monkeypatch), stages_of(replace(spec, forgotten=1), monkeypatch)
    assert before.keys() == after.keys()
    assert [name for name in before if before[name].identity == after[name].identity] == []
    for stage in (FIRST_TASK, LATER_TASKS) if kind is PermutedImagesSpec else (NETWORK, TRAINING, MASKS, ANALYSIS):
        assert settings_at(spec, stage)["forgotten"] == 0


@pytest.mark.parametrize("spec", [FitSpec(), SOUGHT], ids=["fit", "mask"])
def test_what_a_spec_holds_counts_as_a_whole(spec):
    for item in fields(spec):
        other = changed(spec, item.name)
        assert other, f"`others` knows no other valid value for {item.name}"
        assert canonical_spec(other) != canonical_spec(spec)
        assert "counts" not in item.metadata


@pytest.mark.parametrize("kind", SPECS)
def test_golden_identities_of_all_stages(kind, monkeypatch):
    made = stages_of(SPECS[kind][0], monkeypatch)
    assert digest({name: stage.identity for name, stage in made.items()})[:12] == GOLDEN[kind]
