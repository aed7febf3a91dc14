"""The units of what is measured on every network with masks."""

from collections.abc import Mapping

from maskscope.engine.quantities import Unit


def by_measure(measures: Mapping[Unit, tuple[str, ...]]) -> dict[str, Unit]:
    """The unit of each measure, from the measures of each unit."""
    return {measure: unit for unit, some in measures.items() for measure in some}


UNITS = by_measure(
    {
        "share": (
            "accuracy",
            "accuracy of unrelated functions",
            "half-mask accuracy",
            "sufficiency",
            "necessity",
            "necessity, full I/O",
            "top weights",
            "random removal",
            "density",
            "undecided",
            "remaining of the full mask",
            "stable core",
            "stable core by chance",
        ),
        "difference of shares": (
            "loss under the full mask",
            "loss beyond random removal",
            "sufficiency beyond top weights",
            "sufficiency beyond untrained",
            "sufficiency beyond shuffled labels",
        ),
        "ratio": (
            "iou",
            "iomin",
            "dice",
            "dice floor",
            "dice floor among used",
            "dice with unrelated functions",
            "normalised sharing",
            "normalised sharing among used",
            "normalised sharing of hidden",
            "dice over ceiling",
            "dice over ceiling among used",
            "dice over ceiling of hidden",
        ),
        "p": ("p (unrelated functions)", "p (Holm)"),
    }
)
