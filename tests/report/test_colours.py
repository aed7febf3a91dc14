"""Series are told apart by every common kind of colour vision and in greyscale, on light ground and on dark.

Colours as a person without one kind of cone sees them: Machado, Oliveira and Fernandes, A physiologically-based model for
simulation of color vision deficiency, IEEE TVCG 15(6), 2009, matrices for severity 1, on linear RGB. Distances: CIE 1976 L*a*b*.
"""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from maskscope.report.drawing.panel import FUNCTION_COLOURS, INK, MUTED, WHOLE_COLOUR, mark_of

CSS = Path(__file__).parents[2] / "src" / "maskscope" / "report" / "templates" / "report.css"
VISION = {
    "all cones": np.eye(3),
    "no long cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no medium cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no short cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# a difference of about 2 is just seen side by side; small marks apart from each other need several times that
APART, APART_IN_GREY = 15.0, 8.0
# of what is drawn to its ground (WCAG 2.2, 1.4.11)
CONTRAST = 3.0
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
WHITE = TO_XYZ.sum(axis=1)


def linear(colour):
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(channels):
    relative = TO_XYZ @ np.clip(channels, 0, 1) / WHITE
    x, y, z = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def grounds():
    """The colours of the page by name, on light ground and on dark."""
    light, dark = CSS.read_text(encoding="utf-8").split("prefers-color-scheme: dark")
    by_name = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    return {"light": by_name[0], "dark": by_name[1]}


@pytest.fixture(params=["light", "dark"])
def page(request):
    return grounds()[request.param]


def series(page):
    return [page[f"f{place}"] for place in range(len(FUNCTION_COLOURS))]


def test_the_page_has_the_colours_of_the_files_on_light_ground():
    page = grounds()["light"]
    assert (*series(page), page["ink"], page["muted"], page["whole"]) == (*FUNCTION_COLOURS, INK, MUTED, WHOLE_COLOUR)


@pytest.mark.parametrize("vision", VISION)
def test_every_two_series_are_apart(page, vision):
    seen = [lab(np.array(VISION[vision]) @ linear(colour)) for colour in (*series(page), page["whole"])]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) >= APART


def test_functions_are_apart_in_greyscale(page):
    lightness = [lab(linear(colour))[0] for colour in series(page)]
    assert min(abs(one - other) for one, other in combinations(lightness, 2)) >= APART_IN_GREY


def test_what_is_not_apart_in_greyscale_has_another_mark(page):
    """Grey is as light as one of the functions: five series, ink and what is compared with are too many for lightness alone."""
    files = [*FUNCTION_COLOURS, WHOLE_COLOUR, MUTED]
    for (one, first), (other, second) in combinations(zip([*series(page), page["whole"], page["muted"]], files, strict=True), 2):
        near = abs(lab(linear(one))[0] - lab(linear(other))[0]) < APART_IN_GREY
        assert not near or mark_of(first) != mark_of(second)
    assert len({mark_of(colour) for colour in files}) == len(files)


def test_series_stand_out_from_the_ground(page):
    def luminance(colour):
        return float(TO_XYZ[1] @ linear(colour)) + 0.05

    for colour in (*series(page), page["whole"], page["ink"], page["muted"]):
        low, high = sorted((luminance(colour), luminance(page["paper"])))
        assert high / low >= CONTRAST, colour


def test_the_simulation_knows_what_is_hard_to_tell():
    """Red and green of one lightness come close without medium cones; blue and yellow do not."""
    without = np.array(VISION["no medium cones"])
    red, green, blue, yellow = (linear(colour) for colour in ("#c0504d", "#5f8a3a", "#1f3fbf", "#e0c000"))
    assert np.linalg.norm(lab(without @ red) - lab(without @ green)) < 0.4 * np.linalg.norm(lab(red) - lab(green))
    assert np.linalg.norm(lab(without @ blue) - lab(without @ yellow)) > 80
    assert np.allclose(np.array([VISION[name] for name in VISION]).sum(axis=2), 1, atol=1e-5)
