"""The stages of a study of single networks and what each depends on; nothing here does any work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

from maskscope.experiments.artefact import Stage
from maskscope.experiments.image_spec import OWN_OUTPUT, ClassRemovalSpec, ImageSpec
from maskscope.experiments.sequence_spec import ScanSpec, SequenceSpec
from maskscope.experiments.settings import ANALYSIS, MASKS, NETWORK, TRAINING
from maskscope.experiments.spec import STUDIES, NetworkSpec, settings_at

# of what is made; a new one has other last bits. Networks, 2: of sequences, compiled loops and rows in groups. Masks, 2: compiled
# kernels and batched products; 3: small masks found together; 4: of images and sequences, samples in threads
_NETWORK_VERSION, _OF_SEQUENCES = 1, 2
_MASK_VERSION, _IN_THREADS = 3, 4
ANALYSIS_VERSION = 3  # 2: several controls, unrelated functions, stable core; 3: weights in common with the full mask

Input = TypeVar("Input")
Variant = Literal["trained", "untrained", "shuffled-weights", "shuffled-labels", "copied-io"]
UNRELATED = "unrelated"
# masks of networks with fewer maskable weights are found together: there a step is mostly overhead
TOGETHER_BELOW = 1_000_000
BASELINE = "baseline-"


@dataclass(frozen=True)
class MaskPlan:
    """One mask that a study looks for.

    Args:
        function: what it is for; the task's name for the whole is the full mask.
        repeat: 0, or the number of the repeat.
        variant: on the trained network, on which control, or ``unrelated-K``: on a network of the null.
    """

    function: str
    repeat: int
    variant: str


def variants(spec: NetworkSpec) -> tuple[Variant, ...]:
    """The trained network, then the controls."""
    return ("trained", *spec.controls)


def null_networks(spec: NetworkSpec) -> list[str]:
    """The networks of the null: trained like the network itself, an arbitrary function in place of the last one."""
    return [f"{UNRELATED}-{number}" for number in range(1, spec.unrelated + 1)]


def baseline_networks(spec: NetworkSpec) -> list[str]:
    """Networks that are trained on one set of questions alone, to compare its mask with; no masks are sought on them."""
    return [f"{BASELINE}{name}" for name in (spec.splits if isinstance(spec, ScanSpec) and spec.baselines else ())]


def beside(spec: NetworkSpec, variant: str) -> list[str]:
    """The networks that are trained to measure one of the study's with: those of the null, and the baselines."""
    return [*null_networks(spec), *baseline_networks(spec)] if variant == "trained" else []


def plan_masks(spec: NetworkSpec, sought: Sequence[str], whole: str) -> list[MaskPlan]:
    """The masks of one seed: the full mask, one for each function and its repeats; then those of the controls and of the null.

    With copied inputs and outputs the whole procedure is repeated; elsewhere there is one mask for each function, and the full
    mask where others hold on to a part of it. The mask for the gradient cosine is found once, on the trained network.
    """
    masks = []
    for variant in (*variants(spec), *null_networks(spec)):
        whole_procedure = variant in ("trained", "copied-io")
        if spec.full_mask and (whole_procedure or holds_output(spec)):
            masks.append(MaskPlan(whole, 0, variant))
        repeats = spec.repeats if whole_procedure else 0
        masks += [MaskPlan(name, repeat, variant) for repeat in range(repeats + 1) for name in compared(sought)]
        masks += [MaskPlan(name, 0, variant) for name in sought if variant == "trained" and name not in compared(sought)]
    return masks


def compared(sought: Sequence[str]) -> list[str]:
    """The masks that are compared with each other: all but the one for the gradient cosine."""
    return [name for name in sought if not name.endswith(OWN_OUTPUT)]


def holds_output(spec: NetworkSpec) -> bool:
    """Whether masks of functions have the output layer of the full mask, so that it has to be found before them."""
    return isinstance(spec, ClassRemovalSpec) and spec.keep_output


def waits_for_full_mask(spec: NetworkSpec, function: str, whole: str) -> bool:
    """Whether a function's mask has the output layer of the full mask."""
    return holds_output(spec) and function != whole and not function.endswith(OWN_OUTPUT)


def mask_groups(spec: NetworkSpec, plans: Sequence[MaskPlan], whole: str, weights: int) -> list[tuple[MaskPlan, ...]]:
    """The masks that are found together in one call: those of one network and one repeat.

    Which masks these are follows from the settings alone, and is part of their identity: the last bits of a mask may depend on
    the company it was found in. Where masks hold on to a part of the full mask, that one comes first and alone.

    Args:
        spec: the settings.
        plans: as `plan_masks` has them.
        whole: name of the full mask.
        weights: maskable weights of the network; where there are many, each mask of an arithmetic study is alone.
    """
    together = weights < TOGETHER_BELOW
    if isinstance(spec, ImageSpec):
        together = spec.together
    if isinstance(spec, SequenceSpec):  # parts have as many tokens as their longest sequence, so each mask is alone anyway
        together = False
    groups: dict[object, list[MaskPlan]] = {}
    for place, plan in enumerate(plans):
        apart = holds_output(spec) and not waits_for_full_mask(spec, plan.function, whole)
        key = (plan.variant, plan.repeat, plan.function if apart else "") if together else place
        groups.setdefault(key, []).append(plan)
    return [tuple(group) for group in groups.values()]


def network_stage(spec: NetworkSpec, seed: int, variant: str) -> Stage:
    """Fits the network; untrained, it only initialises it; controls that are `derived` are made from the fitted one.

    Shuffled labels are sought in the trained network itself.
    """
    if variant == "shuffled-labels":
        variant = "trained"
    settings = {"study": STUDIES[type(spec)]}  # a derived network has all else from its input
    if not derived(variant):
        settings = settings_at(spec, NETWORK if variant == "untrained" else TRAINING)
    kind = {"trained": "network", "untrained": "untrained network"}.get(variant, f"{variant} network")
    version = _OF_SEQUENCES if isinstance(spec, SequenceSpec) else _NETWORK_VERSION
    return Stage(f"seed-{seed}-network{_suffix(variant)}", kind, version, settings | {"seed": seed})


def derived(variant: str) -> bool:
    """Whether a network is made from the fitted one."""
    return variant in ("shuffled-weights", "copied-io")


def mask_stage(spec: NetworkSpec, seed: int, plan: MaskPlan, group: Sequence[MaskPlan] = ()) -> Stage:
    """Finds one mask, in the company of the others of its group."""
    name = f"seed-{seed}-mask-{plan.function}-{plan.repeat}{_suffix(plan.variant)}"
    settings = settings_at(spec, MASKS) | asdict(plan) | {"seed": seed}
    if len(group) > 1:
        settings["together"] = [one.function for one in group]
    return Stage(name, "mask", _IN_THREADS if isinstance(spec, SequenceSpec | ImageSpec) else _MASK_VERSION, settings)


def analysis_inputs(variant: Variant, networks: Mapping[str, Input], masks: Mapping[MaskPlan, Input]) -> dict[str, Input]:
    """What an analysis is made from, by role: the network and its masks, and for the null other networks and theirs."""

    def role(of: str) -> str:
        return "" if of == variant else f"{of}/"

    inputs = {f"{role(name)}network": network for name, network in networks.items()}
    return inputs | {f"{role(plan.variant)}{plan.function}/{plan.repeat}": mask for plan, mask in masks.items()}


def analysis_stage(spec: NetworkSpec, seed: int, variant: Variant) -> Stage:
    """Measures one network and its masks."""
    settings = settings_at(spec, ANALYSIS) | {"seed": seed, "variant": variant}
    return Stage(f"seed-{seed}-analysis{_suffix(variant)}", "analysis", ANALYSIS_VERSION, settings)


def _suffix(variant: str) -> str:
    return "" if variant == "trained" else f"-{variant}"
