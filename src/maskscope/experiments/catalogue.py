"""The experiments that there are, by name: a row each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from maskscope.errors import ConfigError, UnknownNameError
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec, DoubleAdditionSpec
from maskscope.experiments.claims import Claim, VerdictWord, contradicts
from maskscope.experiments.image_spec import ClassRemovalSpec, MaskStabilitySpec, PermutedImagesSpec
from maskscope.experiments.paper import (
    addition_multiplication,
    class_removal,
    double_addition,
    mask_stability,
    permuted_images,
)
from maskscope.experiments.record import Record
from maskscope.experiments.spec import STUDIES, Spec

PAPER_NETWORKS = ("mlp", "lstm", "cnn", "cnn-no-dropout", "resnet110")


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
    """

    name: str
    summary: str
    spec: type[Spec]
    presets: Mapping[str, Mapping[str, tuple[str, Spec]]]
    claims: tuple[Claim, ...]
    differences: tuple[str, ...]

    @property
    def first_network(self) -> str:
        """The kind of network that is meant where none is named."""
        return next(iter(self.presets))

    def preset(self, name: str, network: str = "") -> Spec:
        """The settings of a preset, of the first kind of network unless one is named.

        Raises:
            UnknownNameError: there is no such network, or no preset of that name for it.
        """
        network = network or self.first_network
        if network not in self.presets:
            raise UnknownNameError("network", network, self.presets)
        if name not in self.presets[network]:
            raise UnknownNameError(f"preset of {self.name} with network {network}", name, self.presets[network])
        return self.presets[network][name][1]

    def claims_about(self, spec: Spec) -> tuple[Claim, ...]:
        """The claims about the kind of network of a spec; of networks that the paper does not have, it says nothing."""
        found = (claim for claim in self.claims if spec.network in (claim.networks or (spec.network,)))
        return tuple(claim if spec.network in PAPER_NETWORKS else replace(claim, paper="") for claim in found)


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
        ),
        Experiment(
            STUDIES[DoubleAdditionSpec],
            "one network adds two pairs of numbers: is the same addition, needed twice, in the same weights? (P_reuse)",
            DoubleAdditionSpec,
            double_addition.PRESETS,
            double_addition.CLAIMS,
            double_addition.DIFFERENCES,
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
        ),
        Experiment(
            STUDIES[MaskStabilitySpec],
            "a classifier of images, and two masks for the same pair of classes: how alike are they? (the ceiling of overlap)",
            MaskStabilitySpec,
            mask_stability.PRESETS,
            mask_stability.CLAIMS,
            mask_stability.DIFFERENCES,
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


def lacking(claim: Claim, spec: Spec) -> tuple[str, ...]:
    """What a record of these settings lacks that the claim needs, each with the cure."""
    if isinstance(spec, PermutedImagesSpec):
        return lacking_starts(claim, spec)
    found = []
    if spec.repeats < claim.repeats:
        found.append(
            f"needs {claim.repeats} repeat(s) for the ceiling, has {spec.repeats}; run again with --repeats {claim.repeats}"
        )
    if "copied-io" in claim.controls and isinstance(spec, DoubleAdditionSpec) and spec.mode == "together":
        return (
            *found,
            "does not apply to mode together, in which copied-io would make the pairs one; run again with another mode",
        )
    found += [
        f"needs the control {control}, which was not run; run again with it among --controls"
        for control in claim.controls
        if control not in spec.controls
    ]
    return tuple(found)


def lacking_starts(claim: Claim, spec: PermutedImagesSpec) -> tuple[str, ...]:
    """The starts of new logits that a claim is about and a record lacks."""
    needed = {condition.mask.removeprefix("new logits ") for condition in claim.conditions}
    missing = sorted(needed - {f"{start:g}" for start in spec.new_logits})
    every = " ".join([*(f"{start:g}" for start in spec.new_logits), *missing])
    return (f"needs new logits from {', '.join(missing)}; run again with --new-logits {every}",) if missing else ()


def require_fit(experiment: Experiment, spec: Spec) -> None:
    """Raises `ConfigError` unless the settings are this experiment's."""
    if not isinstance(spec, experiment.spec):
        raise ConfigError(f"{experiment.name} was given the settings of {STUDIES[type(spec)]}.")


@dataclass(frozen=True)
class ClaimState:
    """A claim on one kind of network, and what one record says of it.

    Args:
        experiment: its name.
        network: kind of network.
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
    """Every claim of every experiment and kind of network, with each record that speaks of it."""
    found = []
    for one in EXPERIMENTS.values():
        for network in one.presets:
            here = [record for record in records if (record.experiment, record.spec["network"]) == (one.name, network)]
            settings = next(spec for _, spec in one.presets[network].values())
            for claim in one.claims_about(settings):
                address = (one.name, network, claim.name, claim.question, claim.about, claim.paper)
                verdicts = [
                    (verdict, _settings_of(record))
                    for record in here
                    for verdict in record.verdicts
                    if verdict.name == claim.name
                ]
                found += [ClaimState(*address, verdict.verdict, where) for verdict, where in verdicts]
                if not verdicts:
                    command = f"no record: maskscope run {one.name} --network {network} --seeds 3"
                    found.append(ClaimState(*address, "", command))
    return found
