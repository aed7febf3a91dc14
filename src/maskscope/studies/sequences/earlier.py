"""Results of networks of sequences in earlier formats of records."""

from maskscope.procedure.subject import FIELDS_OF_SOME
from maskscope.storage import Json
from maskscope.tasks.sequences import FOUND_WITH


def from_second_format(network: Json) -> Json:
    """A network's results in JSON, format 2, in the present one: a mask says by which test it is judged."""
    known = {name: value for name, value in network.items() if name not in FIELDS_OF_SOME}
    masks = network.get("masks")
    if isinstance(masks, list):
        known["masks"] = [_judged(mask) if isinstance(mask, dict) else mask for mask in masks]
    return known | {"more": network.get("sequences")}


def _judged(mask: Json) -> Json:
    own, scores = f"{mask.get('function')}{FOUND_WITH}", mask.get("sufficiency")
    tests = scores.get("accuracy") if isinstance(scores, dict) else None
    return mask | {"judged_by": own} if isinstance(tests, dict) and own in tests else mask
