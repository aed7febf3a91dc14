"""Masks as artefacts: what is written of one, and read of it again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from maskscope.engine.artefact import Artefact
from maskscope.engine.spec import to_json
from maskscope.engine.step import Write
from maskscope.masks import BinaryMask, MaskLogits, Selection
from maskscope.procedure.plans import MaskPlan, NetworkPlan
from maskscope.procedure.stages import mask_role
from maskscope.procedure.subject import Compared, FoundMask
from maskscope.storage import read_tensors, write_json, write_tensors
from maskscope.training import Discovery


def with_held(found: Discovery, full: FoundMask, held: Sequence[str], selection: Selection) -> Discovery:
    """A mask and its logits, completed by the tensors that it takes over from the full mask."""
    mask = BinaryMask(
        {**found.mask, **full.mask.only(*held)},
        {**found.mask.weights, **full.mask.weights},
        found.mask.made_by,
        selection.units,
        full.mask.off,
    )
    taken = full.logits.by_unit().items()
    tensors = {name: own.to(found.logits.flat.device) for name, own in taken} | found.logits.by_unit()
    return replace(found, mask=mask, logits=MaskLogits.from_units(selection, tensors))


def logits_of(artefact: Artefact) -> dict[str, Tensor]:
    """The logits of a mask, by group of units."""
    return read_tensors(artefact.path / "logits.safetensors", kind="logits")[0]


def masks_of_others(
    plan: NetworkPlan, networks: Sequence[NetworkPlan], masks: Sequence[MaskPlan], inputs: Mapping[str, Artefact]
) -> dict[str, list[Compared]]:
    """Masks of networks that are not at hand: of other states of this one."""
    here, found = {one.name for one in networks}, dict[str, list[Compared]]()
    for one in masks:
        if one.network not in here:
            mask = BinaryMask.load(inputs[mask_role(one, plan.name)].path / "mask.safetensors")
            found.setdefault(one.network, []).append(Compared(one.search.name, one.repeat, mask))
    return found


def mask_writer(found: Discovery, of: int) -> Write:
    """Writes a mask, its logits and its history.

    Args:
        found: the mask.
        of: how many masks were found together, among which the time is shared.
    """

    def write(folder: Path) -> None:
        found.mask.save(folder / "mask.safetensors")
        write_tensors(folder / "logits.safetensors", found.logits.by_unit(), kind="logits", metadata=found.mask.made_by)
        record = {"kind": "mask", "seconds": found.seconds / of, "unmasked_loss": found.reference_loss}
        write_json(folder / "record.json", record | {"history": to_json(found.history)})

    return write
