"""Each field of each spec is part of the identities that it says, and of no others."""

from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch import nn

from maskscope.engine.address import known_studies, study_at
from maskscope.engine.artefact import Artefact
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import canonical_spec, settings_at
from maskscope.errors import ConfigError
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING, FitSpec, MaskSpec
from maskscope.storage import digest
from maskscope.studies.images import networks as image_networks
from maskscope.studies.mathematics import study as mathematics
from maskscope.studies.own.study import Study as OwnStudy
from maskscope.studies.permuted_images.spec import FIRST_TASK, LATER_TASKS
from maskscope.studies.scan import study as scan
from maskscope.studies.sequences.data import SequenceData
from maskscope.tasks.scan_grammar import Split, every_command
from tests.small_images import small_images

RUNTIME = Runtime(Path("runs"), torch.device("cpu"))
CONTROLS = ("untrained", "shuffled-weights")
# of the fields of a mask, this estimator leaves none idle
SOUGHT = MaskSpec(estimator="straight-through")
ARITHMETIC: dict[str, Any] = {"hidden": (8,), "digits": 1, "train_items": 10}
SEQUENCES: dict[str, Any] = {"width": 8, "layers": 1, "mask": SOUGHT, "controls": CONTROLS, "repeats": 1}
IMAGES: dict[str, Any] = {"mask": SOUGHT, "controls": CONTROLS, "repeats": 1}
FEW_COMMANDS = Split(tuple(every_command()[:20]), tuple(every_command()[20:30]))


def own_study():
    """Two functions of a small network."""
    parts = [torch.ones(2, 4)] * 5
    return OwnStudy(
        nn.Linear(4, 2),
        {"first": parts, "second": [2 * part for part in parts]},
        loss=lambda network, x: network(x).mean(),
        score=lambda network, x: network(x)[:, 0] > 0,
        untrained=lambda: nn.Linear(4, 2),
    ).study


OWN = own_study()
STUDIES = {name: study_at(name) for name in known_studies()} | {"own": OWN}
# with all the stages that a study can have; where a field plays no part in one, it does in the next
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "addition-multiplication": [ARITHMETIC | {"mask": SOUGHT, "controls": (*CONTROLS, "shuffled-labels"), "unrelated": 1}],
    "double-addition": [
        ARITHMETIC | {"mask": SOUGHT, "controls": (*CONTROLS, "shuffled-labels", "copied-io"), "unrelated": 1},
        ARITHMETIC | {"network": "lstm", "mode": "together", "controls": ()},
    ],
    "cifar10-class-removal": [IMAGES | {"classes": ("bird", "cat"), "gradient_cosine": "cat"}],
    "cifar10-mask-stability": [IMAGES | {"pairs": 2}],
    "scan": [
        SEQUENCES | {"embedding": 4, "test_items": 5},
        {"network": "transformer", "width": 8, "layers": 1, "embedding": 16, "heads": 2, "feedforward": 8, "forcing": 1.0}
        | {"test_items": 5},
        {"width": 8, "layers": 1, "test_items": 5},
    ],
    "mathematics": [SEQUENCES | {"heads": 2, "feedforward": 8, "train_items": 60, "held_out": 10}],
    "permuted-mnist": [{"mask": SOUGHT, "tasks": 3}],
    "own": [
        {"networks": ("a",), "functions": ("b", "c"), "loss": "d", "score": "e", "mask": SOUGHT, "controls": CONTROLS},
        {"networks": ("a", "b"), "series": ("x", "y"), "functions": ("b", "c"), "loss": "d", "score": "e", "mask": SOUGHT},
    ],
}
SPECS = {name: [STUDIES[name].spec(**settings) for settings in some] for name, some in SETTINGS.items()}
FIELDS = [(name, item.name) for name, study in STUDIES.items() for item in fields(study.spec)]
# by kind of stage, where it is no network that is trained
COUNTED = {
    "untrained network": NETWORK,
    "shuffled-weights network": None,
    "copied-io network": None,
    "mask": MASKS,
    "analysis": ANALYSIS,
    "grown task": FIRST_TASK,
}
# of the stages of the first of them, all and without the analyses; an identity may change only on purpose: it decides what is
# made again. Those of analyses change with `Subject.analysis_version`
GOLDEN = {
    "addition-multiplication": ("1ebef1f74817", "a5e301381871"),
    "double-addition": ("4a2c9a919aff", "a0272df4c445"),
    "cifar10-class-removal": ("b853c2cc604a", "104675e08f67"),
    "cifar10-mask-stability": ("3f6232cd175b", "e1afe402b82c"),
    "scan": ("eac0a948ed55", "083da51f9245"),
    "mathematics": ("d34be450b92e", "b29580ea179a"),
    "permuted-mnist": ("725f05a53c98", "725f05a53c98"),
    "own": ("81ac2ff366f1", "83e33b3ed965"),
}
# what a run finds out for its page, and what follows from other settings
FOLLOW = {("own", "scored_on"), ("own", "score_name"), ("own", "series")}


@dataclass(frozen=True)
class Made:
    """A stage as it would be made.

    Args:
        counted: the point from whose settings it is made; none, where it is made from its input alone.
        identity: its own.
        besides: what it says of itself beside the settings: the masks that are found with it, digests of what was given.
        inputs: names of the stages that it is made from.
    """

    counted: int | None
    identity: str
    besides: dict[str, object]
    inputs: tuple[str, ...]


@pytest.fixture(autouse=True)
def _whatever_data_the_settings_name(monkeypatch):
    """Data of another digest, or from files, are other settings here, and the same data."""

    def images_of(name, _):
        return small_images(name, channels=1 if "mnist" in name else 3)

    def pinned(spec, _):
        return images_of(spec.data, None)

    def commands(spec, _):
        return SequenceData("scan", "", True, dict.fromkeys(("simple", *spec.splits), FEW_COMMANDS))

    def questions_of(spec, _):
        return mathematics._generated(spec.module, spec.train_items, spec.held_out, spec.data_seed)

    for module in ("images.networks", "class_removal.study", "mask_stability.study", "permuted_images.grow"):
        monkeypatch.setattr(f"maskscope.studies.{module}.pinned_images", pinned)
    monkeypatch.setattr(image_networks, "images_of", images_of)
    monkeypatch.setattr(scan, "commands", commands)
    monkeypatch.setattr(mathematics, "questions_of", questions_of)


def stages_of(study, spec) -> dict[str, Made]:
    """All stages of a seed in order, by name, as every run goes through them; an artefact's bytes are its identity here."""
    made, artefacts = dict[str, Made](), dict[str, Artefact]()
    for step in study.procedure.steps(study.name, spec, 0, RUNTIME):
        inputs = step.inputs_from(artefacts)
        for stage in step.outputs:
            counted = COUNTED.get(stage.kind, TRAINING)
            if stage.kind == "grown task" and stage.settings["task"]:
                counted = LATER_TASKS
            of_spec = () if counted is None else settings_at(study.name, spec, counted)
            besides = {name: value for name, value in stage.settings.items() if name not in of_spec}
            made[stage.name] = Made(counted, stage.identity(inputs), besides, tuple(step.inputs.values()))
            artefacts[stage.name] = Artefact(Path(stage.name), stage.identity(inputs))
    return made


def others(kind, value) -> Iterator[object]:
    """Other values of a field, of which some may not be valid."""
    if is_dataclass(kind):
        yield from (changed(value, item.name) for item in fields(kind))
    elif get_origin(kind) is Literal:
        yield from (one for one in get_args(kind) if one != value)
    elif get_origin(kind) is tuple:
        item = get_args(kind)[0]
        one_more = get_args(item)[0] if get_origin(item) is Literal else {str: "cat", int: 3, float: 3.0}[item]
        yield from ((*value[:-1], *islice(others(item, value[-1]), 1)), value[:-1]) if value else [(one_more,), (one_more,) * 2]
    elif kind is bool:
        yield not value
    elif kind is str:
        yield {"cat": "dog", "straight-through": "rao-blackwell", "*bias*": "bias"}.get(value, "0" * 64)
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
        if counts or old.besides != new.besides or set(old.inputs) != set(new.inputs):
            changed.add(name)
    for name in before:  # in order: what a stage is made from stands before it
        if name in after and changed & set(before[name].inputs):
            changed.add(name)
    return changed


@pytest.mark.parametrize(("study", "name"), FIELDS)
def test_a_field_changes_exactly_the_identities_that_it_says(study, name):
    item = next(item for item in fields(STUDIES[study].spec) if item.name == name)
    tried = ((spec, changed(spec, name)) for spec in SPECS[study])
    spec, other = next((pair for pair in tried if pair[1]), (None, None))
    assert other, "`others` knows no other valid value for this field"
    before, after = stages_of(STUDIES[study], spec), stages_of(STUDIES[study], other)
    differ = {name for name in before.keys() & after.keys() if before[name].identity != after[name].identity}
    assert differ == promised(item, before, after)
    said = "a field that no identity depends on, and no list of stages"
    assert differ or before.keys() != after.keys() or (study, name) in FOLLOW, said


def test_every_study_is_walked():
    assert set(SPECS) == {*known_studies(), "own"}


@pytest.mark.parametrize("study", STUDIES)
def test_a_field_that_says_nothing_counts_from_the_first_stage_on(study):
    kind = STUDIES[study].spec

    @dataclass(frozen=True)
    class Longer(kind):
        forgotten: int = 0

    spec = Longer(**{item.name: getattr(SPECS[study][0], item.name) for item in fields(kind)})
    before, after = stages_of(STUDIES[study], spec), stages_of(STUDIES[study], replace(spec, forgotten=1))
    assert before.keys() == after.keys()
    assert [name for name in before if before[name].identity == after[name].identity] == []
    for stage in (FIRST_TASK, LATER_TASKS) if study == "permuted-mnist" else (NETWORK, TRAINING, MASKS, ANALYSIS):
        assert settings_at(study, spec, stage)["forgotten"] == 0


@pytest.mark.parametrize("spec", [FitSpec(), SOUGHT], ids=["fit", "mask"])
def test_what_a_spec_holds_counts_as_a_whole(spec):
    for item in fields(spec):
        other = changed(spec, item.name)
        assert other, f"`others` knows no other valid value for {item.name}"
        assert canonical_spec(other) != canonical_spec(spec)
        assert "counts" not in item.metadata


@pytest.mark.parametrize("study", SPECS)
def test_golden_identities_of_all_stages(study):
    made = {name: stage.identity for name, stage in stages_of(STUDIES[study], SPECS[study][0]).items()}
    without_analyses = {name: identity for name, identity in made.items() if "-analysis" not in name}
    assert (digest(made)[:12], digest(without_analyses)[:12]) == GOLDEN[study]
