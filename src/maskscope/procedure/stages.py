"""The stages of a study of single networks: their names, settings and versions, on which every identity depends."""

from collections.abc import Sequence
from typing import Any

from maskscope.engine.artefact import Stage
from maskscope.engine.quantities import TRAINED
from maskscope.engine.spec import settings_at
from maskscope.procedure.plans import MaskPlan, NetworkPlan, company
from maskscope.procedure.settings import ANALYSIS, MASKS, NETWORK, TRAINING
from maskscope.procedure.subject import Subject

EXPERIMENT_VERSION = 1


def network_stage(study: str, subject: Subject[Any], spec: Any, seed: int, plan: NetworkPlan) -> Stage:
    """Fits a network; of an untrained one, only initialises it; makes a control from the trained network."""
    name = plan.name
    settings = {"study": study}  # a network made from another has all else from its input
    if not plan.is_derived:
        settings = settings_at(study, spec, TRAINING if plan.is_fitted else NETWORK)
    if plan.is_of_series and (given := subject.given_digest(spec, seed, plan.checkpoint)):
        settings |= {"given": given}
    kind = "network" if name == TRAINED else f"{name} network"
    return Stage(f"seed-{seed}-network{_suffix(name)}", kind, subject.network_version, settings | {"seed": seed})


def mask_stage(study: str, subject: Subject[Any], spec: Any, seed: int, plan: MaskPlan, group: Sequence[MaskPlan]) -> Stage:
    """Finds one mask, in the company of the others of its group."""
    itself = {"function": plan.search.name, "repeat": plan.repeat, "variant": plan.network}
    settings = settings_at(study, spec, MASKS) | itself | {"seed": seed} | company(group)
    if data := subject.data_digest(spec, plan.search):
        settings |= {"data": data}
    name = f"seed-{seed}-mask-{plan.search.name}-{plan.repeat}{_suffix(plan.network)}"
    return Stage(name, "mask", subject.mask_version, settings)


def mask_role(plan: MaskPlan, variant: str) -> str:
    """The role of a mask among what the analysis of a network is made from."""
    return f"{_of(plan.network, variant)}{plan.search.name}/{plan.repeat}"


def start_role(plan: MaskPlan) -> str:
    """The role of a mask, found on the network before in a series, among what this one is found from."""
    return f"start of {plan.search.name}/{plan.repeat}"


def network_role(plan: NetworkPlan, variant: str) -> str:
    """The role of a network among the same."""
    return f"{_of(plan.name, variant)}network"


def analysis_stage(study: str, subject: Subject[Any], spec: Any, seed: int, variant: str) -> Stage:
    """Measures one network and its masks."""
    settings = settings_at(study, spec, ANALYSIS) | {"seed": seed, "variant": variant}
    return Stage(f"seed-{seed}-analysis{_suffix(variant)}", "analysis", subject.analysis_version, settings)


def experiment_stage(study: str, spec: Any, seed: int, control: str, piece: str) -> Stage:
    """Does one piece of an experiment on the trained network."""
    settings = settings_at(study, spec, ANALYSIS) | {"seed": seed, "control": control, "piece": piece}
    named = f"-{piece}" if piece else ""
    return Stage(f"seed-{seed}-{control}{named}", control, EXPERIMENT_VERSION, settings)


def _of(network: str, variant: str) -> str:
    return "" if network == variant else f"{network}/"


def _suffix(name: str) -> str:
    return "" if name == TRAINED else f"-{name}"
