"""The whole procedure with copied input and output weights."""

from functools import partial
from typing import Any

from maskscope.procedure.record import MaskRecord
from maskscope.report.blocks.accuracy import removal_of
from maskscope.report.blocks.overlap import overlap_table, sharing_tables
from maskscope.report.blocks.spread import spread_note
from maskscope.report.drawing.overlaps import overlap_panels
from maskscope.report.drawing.scores import accuracy_panels
from maskscope.report.over_networks import networks
from maskscope.report.section import Figure, Section, short_or_folded


def copied_section(record: MaskRecord[Any]) -> Section | None:
    """The whole procedure with copied input and output weights; None if it was not run."""
    if not networks(record, variant="copied-io"):
        return None
    shown, folded = short_or_folded(overlap_table(record, "copied-io"))
    return Section(
        "copied-io",
        record.variants["copied-io"],
        (
            "In the trained network, both places were given the same input and output weights, without further training. "
            "All of the hidden computation can then be shared. If the masks still lie apart, or removing one spares the "
            "other, that is not because the places had weights of their own.",
        ),
        (
            Figure("copied-io", partial(accuracy_panels, record, "copied-io")),
            Figure("copied-io-overlap", partial(overlap_panels, record, "copied-io")),
        ),
        "Accuracy: only these weights kept; only they removed; only hidden ones removed. Overlap by tensor: as above. "
        + spread_note(record),
        (removal_of(record, "copied-io"), *sharing_tables(record, ("copied-io",)), *shown),
        folded,
    )
