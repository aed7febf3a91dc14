"""The one figure that carries the page of a network with several functions."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.spread import points_note
from maskscope.report.drawing.picture import functions_panels, has_bars
from maskscope.report.over_networks import function_pairs, networks, repeated
from maskscope.report.section import Figure


def functions_picture(record: MaskRecord[Any]) -> Figure:
    """What is left of each function with a mask's weights alone and without them; beside it, what the masks have in common."""
    score, n = record.score_name, len(networks(record))
    if not has_bars(record):
        means = f"Means over {n} networks" if n > 1 else "One network"
        caption = (
            f"The {score} on each function (columns) with only the weights of one mask (rows), and without them, in percent. "
            f"{means}; the stronger the colour, the closer to 100 %."
        )
        return Figure("picture", partial(functions_panels, record), caption)
    parts = [
        f"The {score} on each function with only the weights of one mask kept, and with them removed. Grey ticks: the same with "
        "as many other weights in each tensor, the best by gradient where weights are kept, random ones where they are removed."
    ]
    if any(first != second for first, second in function_pairs(record)):
        scale = "from chance, which is what their sizes alone give (0), to what two masks for one function have in common (1)"
        parts.append(f"Beside it, the overlap of the masks, {scale}." if repeated(record) else _ALONE)
    return Figure("picture", partial(functions_panels, record), " ".join([*parts, points_note(n)]))


_ALONE = "Beside it, the overlap of the masks; grey: chance, which is what their sizes alone give."
