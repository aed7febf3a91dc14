"""The experiments that there are, by name: a row each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec, DoubleAdditionSpec
from maskscope.experiments.claims import Claim, Lack, VerdictWord, contradicts
from maskscope.experiments.image_spec import ClassRemovalSpec, MaskStabilitySpec, PermutedImagesSpec
from maskscope.experiments.paper import (
    addition_multiplication,
    class_removal,
    double_addition,
    mask_stability,
    mathematics,
    permuted_images,
    scan,
)
from maskscope.experiments.record import Record
from maskscope.experiments.sequence_numbers import NEVER_SEEN
from maskscope.experiments.sequence_spec import MathematicsSpec, ScanSpec
from maskscope.experiments.spec import STUDIES, Spec, from_json
from maskscope.tasks.scan import SPLIT_FILES


@dataclass(frozen=True)
class Experiment:
    """A study that can be run.

    Args:
        name: as the command line has it.
        summary: one line.
        spec: the class of its settings.
        presets: by kind of network and name: what it is for, and its settings.
        claims: what its records are asked.
        differences: where it differs from the paper on purpose.
        kind: the field of the settings that presets and claims go by.
        ours: kinds that the paper does not have.
    """

    name: str
    summary: str
    spec: type[Spec]
    presets: Mapping[str, Mapping[str, tuple[str, Spec]]]
    claims: tuple[Claim, ...]
    differences: tuple[str, ...]
    kind: Literal["network", "module"] = "network"
    ours: tuple[str, ...] = ()

    @property
    def first_kind(self) -> str:
        """The kind of network, or of questions, that is meant where none is named."""
        return next(iter(self.presets))

    def kind_of(self, spec: Spec) -> str:
        """The kind of network, or of questions, that settings are for."""
        found: str = getattr(spec, self.kind)
        return found

    def preset(self, name: str, kind: str = "") -> Spec:
        """The settings of a preset, of the first kind unless one is named.

        Raises:
            UnknownNameError: there is no such kind, or no preset of that name for it.
        """
        kind = kind or self.first_kind
        if kind not in self.presets:
            raise UnknownNameError(self.kind, kind, self.presets)
        if name not in self.presets[kind]:
            raise UnknownNameError(f"preset of {self.name} with {self.kind} {kind}", name, self.presets[kind])
        return self.presets[kind][name][1]

    def claims_about(self, spec: Spec) -> tuple[Claim, ...]:
        """The claims about the kind of network of a spec; of kinds that the paper does not have, it says nothing."""
        found = (claim for claim in self.claims if spec.network in (claim.networks or (spec.network,)))
        return tuple(replace(claim, paper="") if self.kind_of(spec) in self.ours else claim for claim in found)


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            STUDIES[AdditionMultiplicationSpec],
            "one network adds or multiplies two numbers: are the two operations in different weights? (P_specialize)",
            AdditionMultiplicationSpec,
            addition_multiplication.PRESETS,
            addition_multiplication.CLAIMS,
            addition_multiplication.DIFFERENCES,
            ours=("transformer",),
        ),
        Experiment(
            STUDIES[DoubleAdditionSpec],
            "one network adds two pairs of numbers: is the same addition, needed twice, in the same weights? (P_reuse)",
            DoubleAdditionSpec,
            double_addition.PRESETS,
            double_addition.CLAIMS,
            double_addition.DIFFERENCES,
            ours=("transformer",),
        ),
        Experiment(
            STUDIES[PermutedImagesSpec],
            "the same images, their pixels in another order for each task: are weights of earlier tasks used again? (P_reuse)",
            PermutedImagesSpec,
            permuted_images.PRESETS,
            permuted_images.CLAIMS,
            permuted_images.DIFFERENCES,
        ),
        Experiment(
            STUDIES[ClassRemovalSpec],
            "a classifier of images, and masks found without one class: what does a class own? (P_specialize)",
            ClassRemovalSpec,
            class_removal.PRESETS,
            class_removal.CLAIMS,
            class_removal.DIFFERENCES,
            ours=("resnet20",),
        ),
        Experiment(
            STUDIES[MaskStabilitySpec],
            "a classifier of images, and two masks for the same pair of classes: how alike are they? (the ceiling of overlap)",
            MaskStabilitySpec,
            mask_stability.PRESETS,
            mask_stability.CLAIMS,
            mask_stability.DIFFERENCES,
            ours=("resnet20",),
        ),
        Experiment(
            STUDIES[ScanSpec],
            "commands and actions: do held-out combinations need weights that the rest does not? (P_reuse)",
            ScanSpec,
            scan.PRESETS,
            scan.CLAIMS,
            scan.DIFFERENCES,
        ),
        Experiment(
            STUDIES[MathematicsSpec],
            "questions of mathematics: do hard ones need weights that easy ones do not? (P_reuse)",
            MathematicsSpec,
            mathematics.PRESETS,
            mathematics.CLAIMS,
            mathematics.DIFFERENCES,
            kind="module",
        ),
    )
}


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def lacking(claim: Claim, spec: Spec) -> tuple[Lack, ...]:
    """What a record of these settings lacks that the claim needs, each with the cure."""
    if isinstance(spec, PermutedImagesSpec):
        return lacking_starts(claim, spec)
    found = []
    if spec.repeats < claim.repeats:
        missing = f"needs {claim.repeats} repeat(s) for the ceiling, has {spec.repeats}"
        found.append(Lack(missing, f"with --repeats {claim.repeats}"))
    if "copied-io" in claim.controls and isinstance(spec, DoubleAdditionSpec) and spec.mode == "together":
        missing = "does not apply to mode together, in which copied-io would make the pairs one"
        return (*found, Lack(missing, "with another mode"))
    if isinstance(spec, ScanSpec):
        found += lacking_splits(claim, spec)
    found += [
        Lack(f"needs the control {control}, which was not run", "with it among --controls")
        for control in claim.controls
        if control not in spec.controls
    ]
    return tuple(found)


def lacking_starts(claim: Claim, spec: PermutedImagesSpec) -> tuple[Lack, ...]:
    """The starts of new logits that a claim is about and a record lacks."""
    needed = {condition.mask.removeprefix("new logits ") for condition in claim.conditions}
    missing = sorted(needed - {f"{start:g}" for start in spec.new_logits})
    every = " ".join([*(f"{start:g}" for start in spec.new_logits), *missing])
    return (Lack(f"needs new logits from {', '.join(missing)}", f"with --new-logits {every}"),) if missing else ()


def lacking_splits(claim: Claim, spec: ScanSpec) -> tuple[Lack, ...]:
    """The splits of SCAN that a claim is about and a record lacks, and networks trained on them."""
    masks = {condition.mask for condition in (*claim.premises, *claim.conditions)}
    missing = [split for split in SPLIT_FILES if split in masks and split not in spec.splits]
    found = [Lack(f"needs a mask for split {split}", "with it among --splits") for split in missing]
    if not spec.baselines and any(condition.measure == NEVER_SEEN for condition in claim.conditions):
        found.append(Lack("needs a network trained on the split", "without --no-baselines"))
    return tuple(found)


def require_fit(experiment: Experiment, spec: Spec) -> None:
    """Raises `ConfigError` unless the settings are this experiment's."""
    if not isinstance(spec, experiment.spec):
        raise ConfigError(f"{experiment.name} was given the settings of {STUDIES[type(spec)]}.")


@dataclass(frozen=True)
class ClaimState:
    """A claim on one kind of network, and what one record says of it.

    Args:
        experiment: its name.
        network: kind of network, or of questions.
        claim: its name.
        question: what is asked.
        about: the property it speaks of.
        paper: what the paper reports; empty where it says nothing.
        verdict: of the record; empty without one.
        where: preset, layers, mode and number of networks of the record; or the command that makes one.
    """

    experiment: str
    network: str
    claim: str
    question: str
    about: str
    paper: str
    verdict: VerdictWord | Literal[""]
    where: str

    @property
    def contradicts_paper(self) -> bool:
        """See `Verdict.contradicts_paper`."""
        return bool(self.verdict) and contradicts(self.verdict, self.paper)


def _settings_of(record: Record) -> str:
    mode = [record.spec["mode"]] if "mode" in record.spec else []
    layers = ["-".join(map(str, record.spec["hidden"]))] if "hidden" in record.spec else []
    return ", ".join([record.preset, *layers, *mode, f"n = {len(record.seeds)}"])


def state_of_claims(records: Sequence[Record]) -> list[ClaimState]:
    """Every claim of every experiment and kind of network or questions, with each record that speaks of it."""
    found = []
    for one in EXPERIMENTS.values():
        for kind in one.presets:
            mine = [record for record in records if record.experiment == one.name]
            here = [record for record in mine if one.kind_of(from_json(one.spec, record.spec)) == kind]
            settings = next(spec for _, spec in one.presets[kind].values())
            for claim in one.claims_about(settings):
                address = (one.name, kind, claim.name, claim.question, claim.about, claim.paper)
                verdicts = [
                    (verdict, _settings_of(record))
                    for record in here
                    for verdict in record.verdicts
                    if verdict.name == claim.name
                ]
                found += [ClaimState(*address, verdict.verdict, where) for verdict, where in verdicts]
                if not verdicts:
                    command = f"no record: maskscope run {one.name} --{one.kind} {kind} --seeds 3"
                    found.append(ClaimState(*address, "", command))
    return found
