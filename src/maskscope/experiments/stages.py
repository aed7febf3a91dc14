"""The stages of an arithmetic study and what each depends on; nothing here does any work."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from maskscope.experiments.artefact import Stage
from maskscope.experiments.spec import STUDIES, Spec, canonical_spec

NETWORK_VERSION = 1
MASK_VERSION = 2  # 2: compiled kernels and batched products, other last bits
ANALYSIS_VERSION = 2  # 2: several controls, unrelated functions, stable core

Variant = Literal["trained", "untrained", "shuffled-weights", "shuffled-labels", "copied-io"]
UNRELATED = "unrelated"
_TASK = ("digits", "dtype", "mode")


@dataclass(frozen=True)
class MaskPlan:
    """One mask that a study looks for.

    Args:
        function: what it is for; the task's name for the whole is the full mask; ``unrelated-K`` is an unrelated function.
        repeat: 0, or the number of the repeat.
        variant: on the trained network, or on which control.
    """

    function: str
    repeat: int
    variant: Variant


def variants(spec: Spec) -> tuple[Variant, ...]:
    """The trained network, then the controls."""
    return ("trained", *spec.controls)


def plan_masks(spec: Spec, functions: Sequence[str], whole: str) -> list[MaskPlan]:
    """The masks of one seed: the full mask, one for each function and its repeats, unrelated functions; then the controls'.

    With copied inputs and outputs the whole procedure is repeated, on the other controls there is one mask for each function.
    """
    masks = []
    for variant in variants(spec):
        whole_procedure = variant in ("trained", "copied-io")
        masks += [MaskPlan(whole, 0, variant)] if whole_procedure else []
        repeats = spec.repeats if whole_procedure else 0
        masks += [MaskPlan(function, repeat, variant) for repeat in range(repeats + 1) for function in functions]
        if variant == "trained":
            masks += [MaskPlan(f"{UNRELATED}-{number}", 0, variant) for number in range(1, spec.unrelated + 1)]
    return masks


def network_stage(spec: Spec, seed: int, variant: Variant) -> Stage:
    """Fits the network; untrained, it only initialises it; other controls are made from the fitted one.

    Shuffled labels are sought in the trained network itself.
    """
    if variant == "shuffled-labels":
        variant = "trained"
    needed = {"trained": ("network", "hidden", *_TASK, "train_items", "fit"), "untrained": ("network", "hidden", *_TASK)}
    settings = _settings(spec, needed.get(variant, ())) | {"seed": seed}
    kind = {"trained": "network", "untrained": "untrained network"}.get(variant, f"{variant} network")
    return Stage(f"seed-{seed}-network{_suffix(variant)}", kind, NETWORK_VERSION, settings)


def mask_stage(spec: Spec, seed: int, plan: MaskPlan) -> Stage:
    """Finds one mask."""
    name = f"seed-{seed}-mask-{plan.function}-{plan.repeat}{_suffix(plan.variant)}"
    settings = _settings(spec, ("mask", "train_items", *_TASK))
    return Stage(name, "mask", MASK_VERSION, settings | asdict(plan) | {"seed": seed})


def analysis_stage(spec: Spec, seed: int, variant: Variant) -> Stage:
    """Measures one network and its masks."""
    settings = _settings(spec, ("random_draws", *_TASK)) | {"seed": seed, "variant": variant}
    return Stage(f"seed-{seed}-analysis{_suffix(variant)}", "analysis", ANALYSIS_VERSION, settings)


def _settings(spec: Spec, names: Sequence[str]) -> dict[str, object]:
    return {"study": STUDIES[type(spec)]} | {key: value for key, value in canonical_spec(spec).items() if key in names}


def _suffix(variant: Variant) -> str:
    return "" if variant == "trained" else f"-{variant}"
