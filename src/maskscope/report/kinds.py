"""What kind of study a record is of: what it says differs, and how it is shown follows."""

from typing import Literal

from maskscope.procedure.result import Record
from maskscope.tasks import Task

Kind = Literal["functions", "removal", "stability", "growth", "sequences"]


def kind_of(record: Record) -> Kind:
    """A mask for each function; masks without a class each; masks for sets of classes; networks that grow; or of sequences."""
    if record.growths:
        return "growth"
    if any(network.sequences is not None for network in record.networks):
        return "sequences"
    if any(network.owned for network in record.networks):
        return "removal"
    masks = {mask.function for network in record.networks for mask in network.masks}
    if masks and masks.isdisjoint((Task.whole, *record.functions)):
        return "stability"
    return "functions"


def sample_size(record: Record) -> int:
    """How many networks stand behind a number, at most; for networks that grow, of each start of new logits."""
    if record.growths:
        return len({growth.seed for growth in record.growths})
    return sum(network.variant == "trained" for network in record.networks)
