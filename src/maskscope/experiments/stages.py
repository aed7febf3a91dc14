"""The stages of an arithmetic study and what each depends on; nothing here does any work."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from maskscope.experiments.artefact import Stage
from maskscope.experiments.spec import AdditionMultiplicationSpec, canonical_spec

NETWORK_VERSION = ANALYSIS_VERSION = 1
MASK_VERSION = 2  # 2: compiled kernels and batched products, other last bits


@dataclass(frozen=True)
class MaskPlan:
    """One mask that a study looks for.

    Args:
        function: what it is for; the task's name for the whole is the full mask.
        repeat: 0, or the number of the repeat.
        trained: whether on the trained network or on the untrained control.
    """

    function: str
    repeat: int
    trained: bool


def plan_masks(spec: AdditionMultiplicationSpec, functions: Sequence[str], whole: str) -> list[MaskPlan]:
    """The masks of one seed: the full mask, one for each function and its repeats, then those of the untrained control."""
    masks = [MaskPlan(whole, 0, True)]
    masks += [MaskPlan(function, repeat, True) for repeat in range(spec.repeats + 1) for function in functions]
    masks += [MaskPlan(function, 0, False) for function in functions] if spec.untrained else []
    return masks


def network_stage(spec: AdditionMultiplicationSpec, seed: int, *, trained: bool) -> Stage:
    """Fits the network; untrained, it only initialises it."""
    needed = ("network", "hidden", "digits", "dtype") + (("train_items", "fit") if trained else ())
    settings = {key: value for key, value in canonical_spec(spec).items() if key in needed} | {"seed": seed}
    return Stage(
        f"seed-{seed}-network{_control(trained)}", "network" if trained else "untrained network", NETWORK_VERSION, settings
    )


def mask_stage(spec: AdditionMultiplicationSpec, seed: int, plan: MaskPlan) -> Stage:
    """Finds one mask."""
    needed = {key: value for key, value in canonical_spec(spec).items() if key in ("mask", "train_items", "digits", "dtype")}
    name = f"seed-{seed}-mask-{plan.function}-{plan.repeat}{_control(plan.trained)}"
    return Stage(name, "mask", MASK_VERSION, needed | asdict(plan) | {"seed": seed})


def analysis_stage(spec: AdditionMultiplicationSpec, seed: int, *, trained: bool) -> Stage:
    """Measures one network and its masks."""
    settings = {"digits": spec.digits, "random_draws": spec.random_draws, "seed": seed, "trained": trained}
    return Stage(f"seed-{seed}-analysis{_control(trained)}", "analysis", ANALYSIS_VERSION, settings)


def _control(trained: bool) -> str:
    return "" if trained else "-untrained"
