"""Draws the filters of a CNN with a frame that says which of two masks keeps them; digit_groups.py and its notebook use this."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import nn

from maskscope import BinaryMask

_COLUMNS = 16
_ONLY_FIRST, _ONLY_SECOND, _BOTH, _NEITHER = "#0072b2", "#d55e00", "#000000", "#e3e6ea"


def draw(network: nn.Module, masks: Mapping[str, tuple[BinaryMask, ...]], picture: str) -> Figure:
    """Each filter of each layer that the masks are over: its kernel, or the root mean square of its kernels over the inputs.

    Args:
        network: the CNN.
        masks: over filters, by function, of which the first two are compared; of each function, its first mask.
        picture: the file that is written.
    """
    (first, (one, *_)), (second, (other, *_)), *_ = masks.items()
    weights, (ours, theirs) = dict(network.named_parameters()), (mask.by_unit() for mask in (one, other))
    rows = {name: -(-len(bits) // _COLUMNS) for name, bits in ours.items()}
    figure = Figure((9, 0.8 + 0.75 * sum(rows.values())), layout="constrained")
    parts = figure.subfigures(len(rows), 1, height_ratios=list(rows.values()), squeeze=False)[:, 0]
    for part, (name, bits) in zip(parts, ours.items(), strict=True):
        part.suptitle(f"{name}: {len(bits)} filters", fontsize=10)
        kernels = weights[name].detach()
        shown = (kernels[:, 0] if kernels.shape[1] == 1 else kernels.square().mean(1).sqrt()).numpy()
        for place, axes in enumerate(part.subplots(rows[name], _COLUMNS, squeeze=False).flat):
            if place >= len(bits):
                axes.remove()
                continue
            axes.set(xticks=[], yticks=[])
            kept = bool(bits[place]), bool(theirs[name][place])
            colour = {(True, True): _BOTH, (True, False): _ONLY_FIRST, (False, True): _ONLY_SECOND}.get(kept, _NEITHER)
            axes.imshow(shown[place], "gray", alpha=1.0 if any(kept) else 0.25)
            axes.spines[:].set(color=colour, linewidth=3)
    meaning = {f"only {first}": _ONLY_FIRST, f"only {second}": _ONLY_SECOND, "both": _BOTH, "neither": _NEITHER}
    figure.legend(
        handles=[Patch(color=colour, label=label) for label, colour in meaning.items()], ncols=4, loc="outside lower center"
    )
    figure.savefig(picture, dpi=110)
    return figure
