"""The first-layer filters as small images, with what the full mask removes and what each class owns."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskscope.procedure.record import MaskRecord
from maskscope.report.drawing.panel import FUNCTION_COLOURS, Axes, Panel
from maskscope.report.over_networks import networks
from maskscope.studies.class_removal.result import Filters, removal_of

MARK = FUNCTION_COLOURS[1]
# pixels of a weight and between filters; in a row
_SIDE, _GAP, _COLUMNS = 4, 2, 8
_WIDTH = 2.6
Images = NDArray[np.float64]
# a filter with more channels has no colours
_COLOURS = 3


def filter_panels(record: MaskRecord[Any]) -> list[Panel]:
    """The filters of the first network that has some: as they are, what the full mask removes, and what each class owns."""
    filters = next((removal_of(network).filters for network in networks(record) if removal_of(network).filters), None)
    if filters is None or filters.shape[1] not in (1, _COLOURS):
        return []
    ground = pale(filters)
    asked = [("filters-weights", "Weights", as_images(filters))]
    asked += [("filters-full", "Removed by the full mask", with_marks(ground, 1.0 - marks(filters, filters.full)))]
    asked += [
        (f"filters-{place}", f"Owned by {function}", with_marks(ground, marks(filters, bits)))
        for place, (function, bits) in enumerate(filters.owned.items())
    ]
    panels = []
    for name, title, images in asked:
        sheet = tile_images(images)
        size = (_WIDTH, 0.45 + _WIDTH * sheet.shape[0] / sheet.shape[1])
        panels.append(Panel(name, title, size, partial(_draw, sheet=sheet)))
    return panels


def as_images(filters: Filters) -> Images:
    """Filters as RGB images from 0 to 1, scaled alike so that a weight of 0 is medium grey: filters, height, width, 3."""
    weights = np.array(filters.weights).reshape(filters.shape)
    images = (0.5 + 0.5 * weights / (np.abs(weights).max() or 1.0)).transpose(0, 2, 3, 1)
    return np.asarray(images if images.shape[-1] == _COLOURS else images[..., :1].repeat(_COLOURS, axis=-1))


def pale(filters: Filters) -> Images:
    """The same in grey near white, a ground for marks."""
    grey = as_images(filters).mean(axis=-1, keepdims=True)
    return np.asarray((0.72 + 0.24 * grey).repeat(_COLOURS, axis=-1))


def marks(filters: Filters, bits: str) -> Images:
    """The share of a place's weights, one for each channel, that are 1 in ``bits``: filters, height, width."""
    return np.asarray(np.array([bit == "1" for bit in bits], dtype=float).reshape(filters.shape).mean(axis=1))


def with_marks(images: Images, shares: Images) -> Images:
    """Images under a colour, the stronger the larger the share."""
    from matplotlib.colors import to_rgb

    shares = shares[..., np.newaxis]
    return np.asarray((1 - shares) * images + shares * np.array(to_rgb(MARK)))


def tile_images(images: Images) -> Images:
    """Images side by side in rows, with nothing between them: height, width, RGBA."""
    count, height, width, _ = images.shape
    rows, columns = -(-count // _COLUMNS), min(count, _COLUMNS)
    high, wide = _SIDE * height + _GAP, _SIDE * width + _GAP
    sheet = np.zeros((rows * high - _GAP, columns * wide - _GAP, 4))
    for place, image in enumerate(images):
        y, x = high * (place // columns), wide * (place % columns)
        large = image.repeat(_SIDE, axis=0).repeat(_SIDE, axis=1)
        sheet[y : y + high - _GAP, x : x + wide - _GAP] = np.concatenate([large, np.ones((*large.shape[:2], 1))], axis=-1)
    return sheet


def _draw(axes: Axes, sheet: Images) -> None:
    axes.imshow(sheet, interpolation="none")
    axes.set_axis_off()
