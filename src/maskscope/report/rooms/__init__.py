"""The page of each study; a room imports no other room."""

from collections.abc import Mapping

from maskscope.procedure.result import Record
from maskscope.report.page import Page
from maskscope.report.rooms.arithmetic import page as arithmetic
from maskscope.report.rooms.class_removal import page as class_removal
from maskscope.report.rooms.mask_stability import page as mask_stability
from maskscope.report.rooms.permuted_images import page as permuted_images
from maskscope.report.rooms.sequences import page as sequences

_PAGES: Mapping[str, Page] = {
    "addition-multiplication": arithmetic.PAGE,
    "double-addition": arithmetic.PAGE,
    "cifar10-class-removal": class_removal.PAGE,
    "cifar10-mask-stability": mask_stability.PAGE,
    "permuted-mnist": permuted_images.PAGE,
    "scan": sequences.PAGE,
    "mathematics": sequences.PAGE,
}


def page_of(record: Record) -> Page:
    """How a record is shown, by the name of its experiment."""
    return _PAGES[record.experiment]
