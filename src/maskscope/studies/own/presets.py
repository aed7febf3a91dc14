"""The settings of a study of one's own network: as the study says, and a few steps."""

from dataclasses import replace
from typing import Any

from maskscope.errors import ConfigError
from maskscope.masks import BehaviourKept, Penalty, Size, TargetDensity
from maskscope.procedure.settings import MaskSpec
from maskscope.studies.own.spec import OwnSpec
from maskscope.training import MaskConfig

_SMOKE_STEPS = 5


def presets_of(
    exclude: tuple[str, ...], mask: MaskSpec, repeats: int, controls: tuple[str, ...], *, series: tuple[str, ...], warm: bool
) -> dict[str, tuple[str, OwnSpec]]:
    """The presets by their names, each with its purpose."""
    spec = OwnSpec(
        exclude=exclude,
        mask=mask,
        repeats=repeats,
        controls=controls,  # type: ignore[arg-type]
        series=series,
        warm=warm,
    )
    smoke = replace(spec, mask=replace(mask, steps=min(mask.steps, _SMOKE_STEPS)), random_draws=1)
    return {
        "quick": ("as the study says", spec),
        "smoke": ("a few steps; shows that everything runs, not that anything is found", smoke),
    }


def mask_spec(config: MaskConfig) -> MaskSpec:
    """A search's settings as a study has them: parts are as the user cut them, and each is one item.

    Raises:
        ConfigError: a study cannot have them.
    """
    annealing = config.annealing
    if annealing is not None and annealing.shape != "geometric":
        raise ConfigError(f"A study's annealing is geometric, and this one is {annealing.shape}. Give Annealing(start, end).")
    return MaskSpec(
        steps=config.steps,
        batch_size=config.samples,
        samples_per_step=config.samples,
        learning_rate=config.learning_rate,
        **_size(config.size),
        reference_batch=1,
        initial_logit=config.initial_logit,
        estimator=config.estimator,
        temperature=config.temperature,
        annealing=(annealing.start, annealing.end) if annealing else (),
        clip_norm=config.clip_norm,
        accumulation=config.accumulation,
        schedule=config.schedule,  # type: ignore[arg-type]
        stop_when_settled=config.stop_when_settled,
        stop_when_lost=config.stop_when_lost,
    )


def _size(size: Size) -> dict[str, Any]:
    """A size as the settings of a study name it.

    Raises:
        ConfigError: it has settings that a study has not.
    """
    match size:
        case Penalty(weight, of):
            return {"beta": weight, "penalty_of": of}
        case TargetDensity(share):
            known: Size = TargetDensity(share)
            found = {"size": size.name, "share": share}
        case BehaviourKept(share, of):
            known, found = BehaviourKept(share, of), {"size": size.name, "share": share, "behaviour": of}
        case _:
            raise ConfigError(
                f"A study has no size of the type {type(size).__name__}; Penalty, TargetDensity or BehaviourKept was expected."
            )
    if known != size:
        raise ConfigError(f"A study can vary the share of {size.name} and what it is of; leave the other settings of {size} out.")
    return found
