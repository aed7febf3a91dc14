"""The page in a real browser: what it draws and counts is compared with the masks, bit by bit, and nothing leaves the file."""

import re

import numpy as np
import pytest
import torch

from maskscope.analysis import density_floor
from maskscope.atlases import write_atlas
from maskscope.masks import OverlapCounts, overlap_by_tensor
from tests.atlases.made import SHAPES, atlas_masks
from tests.atlases.seen import PAD, lightness, look, opened, states, wait_until
from tests.browser import browser, why_no_browser

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
WEIGHTS = {name: torch.linspace(-1, 1, int(np.prod(shape))).reshape(shape) for name, shape in SHAPES.items()}
SHOWN = atlas_masks(weights=WEIGHTS)
MASKS = {one.title: one.mask for one in SHOWN.masks}


@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_atlas(SHOWN, tmp_path_factory.mktemp("atlas") / "atlas.html", weights="yes").path


@pytest.fixture(scope="module")
def shared(chromium, file):
    page = opened(chromium, file)
    yield page
    assert page.told == []
    assert page.asked == [file.as_uri()]


@pytest.fixture
def page(shared):
    """The page as it is when it opens, but for what was asked before."""
    shared.evaluate(ANEW)
    return shared


ANEW = """() => {
  const first = {a: 0, b: 1, tensor: 0, rows: "stored", columns: "stored", show: "or", shading: "stretched"};
  for (const [name, value] of Object.entries(first)) document.getElementById(name).value = value;
  document.getElementById("tensor").dispatchEvent(new Event("change"));
  maskscopeAtlas.map.fit();
}"""


def tensor(page, name):
    page.select_option("#tensor", label=name)


def seen(page, sheet):
    """The states that the middles of the weights on the map show, where each is a block."""
    pixels, view = look(page)
    across = (view["x"] + (np.arange(sheet.shape[1]) + 0.5) * view["wide"]).astype(int)
    down = (view["y"] + (np.arange(sheet.shape[0]) + 0.5) * view["high"]).astype(int)
    colours = pixels[np.ix_(down, across)]
    matches = (colours[:, :, None] == np.array(view["palette"], np.uint8)).all(-1)
    assert matches.any(-1).all()
    return matches.argmax(-1)


def test_every_bit_in_the_page_is_the_mask_s(page):
    found = page.evaluate(
        """() => maskscopeAtlas.atlas.tensors.map(({name, bits, sheet}) => [name, bits.map(one =>
          String.fromCharCode(...[...Array(Math.min(sheet.count, 5000)).keys()].map(i => 48 + maskscopeAtlas.bitAt(one, i))))])"""
    )
    assert [name for name, _ in found] == list(SHAPES)
    for name, texts in found:
        for text, mask in zip(texts, MASKS.values(), strict=True):
            assert text == "".join("01"[bit] for bit in mask[name].flatten()[:5000].int())


@pytest.mark.parametrize("name", ["layer.weight", "conv.weight", "bias"])
def test_the_map_has_the_colour_of_every_weight(page, name):
    tensor(page, name)
    expected = states(MASKS["add"], MASKS["mul"], name)
    assert np.array_equal(seen(page, expected), expected)


@pytest.mark.parametrize(("operation", "kept"), [("and", [3]), ("a-b", [1]), ("b-a", [2]), ("xor", [1, 2]), ("or", [1, 2, 3])])
def test_set_operations_leave_their_weights_in_colour(page, operation, kept):
    page.select_option("#show", operation)
    expected = states(MASKS["add"], MASKS["mul"], "layer.weight")
    assert np.array_equal(seen(page, expected), np.where(np.isin(expected, kept), expected, 0))


def test_other_masks_and_one_alone(page):
    page.select_option("#a", label="all (all functions together)")
    page.select_option("#b", label="add, repeat 1")
    assert np.array_equal(seen(page, (sheet := states(MASKS["all"], MASKS["add, repeat 1"], "layer.weight"))), sheet)
    page.click("#swap")
    assert np.array_equal(seen(page, (sheet := states(MASKS["add, repeat 1"], MASKS["all"], "layer.weight"))), sheet)
    page.select_option("#b", label="none")
    assert np.array_equal(seen(page, (sheet := states(MASKS["add, repeat 1"], None, "layer.weight"))), sheet)


def test_rows_and_columns_by_use(page):
    for axis in ("rows", "columns"):
        page.select_option(f"#{axis}", "use")
    sheet = states(MASKS["add"], MASKS["mul"], "layer.weight")
    used = (sheet & 1) + (sheet >> 1)
    rows, columns = (np.argsort(-used.sum(axis), kind="stable") for axis in (1, 0))
    assert np.array_equal(seen(page, sheet), sheet[np.ix_(rows, columns)])
    page.select_option("#rows", "lean")
    leaning = np.argsort(-((sheet & 1) - (sheet >> 1)).sum(1), kind="stable")
    assert np.array_equal(seen(page, sheet), sheet[np.ix_(leaning, columns)])


@pytest.mark.parametrize(("name", "shading"), [("far.weight", "true"), ("far.weight", "stretched"), ("last.weight", "true")])
def test_from_afar_a_point_has_the_share_of_the_weights_under_it(page, name, shading):
    tensor(page, name)
    page.select_option("#shading", shading)
    pixels, view = look(page)
    sheet = states(MASKS["add"], MASKS["mul"], name)
    down, across = view["down"], view["across"]
    assert across * down > 1
    height, width = (-(-size // step) for size, step in zip(sheet.shape, (down, across), strict=True))
    padded = np.full((height * down, width * across), PAD)
    padded[: sheet.shape[0], : sheet.shape[1]] = sheet
    cells = padded.reshape(height, down, width, across).transpose(0, 2, 1, 3).reshape(height, width, -1)
    counts = np.stack([(cells == state).sum(-1) for state in (1, 2, 3)], -1)
    kept, there = counts.sum(-1), (cells != PAD).sum(-1)
    full = 1 if shading == "true" else min(1, max(3 * (sheet > 0).mean(), (across * down) ** -0.5))
    neither, *colours, ground = np.array(view["palette"], float)
    mixed = counts @ np.array(colours) / np.maximum(kept, 1)[..., None]
    expected = neither + np.minimum(1, kept / there / full)[..., None] * (mixed - neither)
    rows = np.floor((np.arange(view["height"]) + 0.5 - view["y"]) / (view["high"] * down)).astype(int)
    columns = np.floor((np.arange(view["width"]) + 0.5 - view["x"]) / (view["wide"] * across)).astype(int)
    inside = np.ix_(*((one >= 0) & (one < most) for one, most in ((rows, height), (columns, width))))
    where = np.ix_(rows[(rows >= 0) & (rows < height)], columns[(columns >= 0) & (columns < width)])
    assert np.abs(pixels[inside] - expected[where]).max() <= 0.51
    outside = np.ones(pixels.shape[:2], bool)
    outside[inside] = False
    assert (pixels[outside] == ground).all()


def test_hand_and_keys_zoom_and_move(page):
    tensor(page, "far.weight")

    def zoom():
        return page.evaluate("maskscopeAtlas.map.view.zoom")

    box = page.locator("#map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    fitted = zoom()
    page.click("#in")
    assert zoom() == pytest.approx(fitted * 1.35**2)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.mouse.move(*middle)
    page.mouse.wheel(0, -1)
    page.wait_for_timeout(50)
    assert zoom() == pytest.approx(fitted * 1.35**2)  # a wheel over a map that nobody clicked scrolls the page
    page.focus("#map")
    box = page.locator("#map").bounding_box()
    middle = (box["x"] + box["width"] // 2, box["y"] + box["height"] // 2)
    page.mouse.move(*middle)
    before = page.evaluate("([x, y]) => maskscopeAtlas.map.at(x, y)", [middle[0] - box["x"], middle[1] - box["y"]])
    page.mouse.wheel(0, -600)
    wait_until(page, "zoom => maskscopeAtlas.map.view.zoom > zoom", fitted * 4)
    after = page.evaluate("([x, y]) => maskscopeAtlas.map.at(x, y)", [middle[0] - box["x"], middle[1] - box["y"]])
    assert max(abs(after[axis] - before[axis]) for axis in ("row", "column")) <= 1, "it zooms about the pointer"
    origin = page.evaluate("maskscopeAtlas.map.view.x")
    page.mouse.down()
    page.mouse.move(middle[0] + 50, middle[1] + 20, steps=3)
    page.mouse.up()
    assert page.evaluate("maskscopeAtlas.map.view.x") == pytest.approx(origin + 50)
    assert page.is_hidden("#unit")  # a drag is no click
    for key in ("+", "Shift+ArrowLeft", "-", "0"):
        page.keyboard.press(key)
    assert zoom() == pytest.approx(fitted)


def test_a_unit_is_chosen_by_hand_or_keys_and_told_with_its_repeats(page):
    _, view = look(page)
    at = {"x": view["x"] + 7.5 * view["wide"], "y": view["y"] + 3.5 * view["high"]}
    page.click("#map", position=at)
    assert page.inner_text("#unit-title") == "Row 3 of layer.weight"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#unit-title") == "Row 4 of layer.weight"
    table = page.locator("#unit-masks tbody tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in table] == [
        [title, str(int(mask["layer.weight"][4].sum()))] for title, mask in MASKS.items()
    ]
    first, *repeats = (MASKS[title]["layer.weight"][4] for title in ("add", "add, repeat 1", "add, repeat 2"))
    share = sum(int((first & one).sum()) for one in repeats) / (2 * int(first.sum()))
    everywhere = int((first & repeats[0] & repeats[1]).sum())
    (told,) = page.locator("#unit-repeats tbody tr").all_inner_texts()
    assert told.split("\t") == ["add, 2 repeats", str(int(first.sum())), f"{share:.1%}".replace("%", " %"), str(everywhere)]
    assert page.inner_text("#said").endswith(f"of 60 weights, add keeps {int(first.sum())}, mul {table[1].split()[1]}.")
    chosen = page.locator("#unit-weights tbody tr").first.inner_text().split("\t")
    assert (chosen[0], float(chosen[1])) == ("[4, 8]", pytest.approx(float(WEIGHTS["layer.weight"][4, 8]), rel=0.01))
    page.click("#of-column")
    assert page.inner_text("#unit-title") == "Column 8 of layer.weight"
    assert page.locator("#unit-masks tbody tr td").first.inner_text() == str(int(MASKS["add"]["layer.weight"][:, 8].sum()))
    page.click("#of-row")


def test_a_kernel_s_place_is_told_as_python_has_it(page):
    tensor(page, "conv.weight")
    page.evaluate("maskscopeAtlas.map.choose({row: 5, column: 2, y: 1, x: 0})")
    assert page.locator("#unit-weights tbody th").first.inner_text() == "[5, 2, 1, 0]"
    assert page.locator("#unit-masks tbody td").first.inner_text() == str(int(MASKS["add"]["conv.weight"][5].sum()))


def test_the_tables_have_the_numbers_of_the_package(page):
    rows = [row.split("\t") for row in page.locator("#overlap tbody tr").all_inner_texts()]
    counts = overlap_by_tensor(MASKS["add"], MASKS["mul"])
    for name, *cells in rows:
        parts = [counts[name]] if name in counts else [*counts.values()]
        total, floor = OverlapCounts.total(parts), density_floor(parts, seed=0)
        numbers = [float(cell.replace(",", "").replace(" %", "")) for cell in cells[1:]]
        assert [numbers[i] for i in (0, 1, 3, 5)] == [total.weights, total.first, total.second, total.both]
        assert numbers[6:] == pytest.approx([total.iou, floor.iou, total.dice, floor.dice], abs=0.0025)
    page.click("summary:has-text('row by row')")
    first = page.locator("#units tbody tr").nth(5).inner_text().split("\t")
    sheet = states(MASKS["add"], MASKS["mul"], "layer.weight")
    assert first == ["5", "60", *(str((sheet[5] == state).sum()) for state in (1, 2, 3, 0))]
    page.click("#layers button:has-text('conv.weight')")
    assert page.input_value("#tensor") == "1"


def test_nothing_of_what_the_file_says_is_taken_for_markup(page):
    assert page.inner_text("h1") == "A </script> of <b>masks</b>"


def test_the_page_s_own_policy_lets_no_request_out(chromium, file):
    page = opened(chromium, file)
    asking = "fetch('http://127.0.0.1:9/').then(() => 'answered', error => error.constructor.name)"
    assert page.evaluate(asking) == "TypeError"
    assert page.asked == [file.as_uri()]
    assert any("Content Security Policy" in text for text in page.told)
    page.close()


def test_a_phone_at_night(chromium, file):
    page = opened(chromium, file, viewport={"width": 390, "height": 844}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expected = states(MASKS["add"], MASKS["mul"], "layer.weight")
    assert np.array_equal(seen(page, expected), expected)
    dark = page.evaluate("maskscopeAtlas.map.palette.states")
    page.emulate_media(color_scheme="light")
    wait_until(page, "dark => maskscopeAtlas.map.palette.states[0][0] !== dark", dark[0][0])
    light = page.evaluate("maskscopeAtlas.map.palette.states")
    for palette in (dark, light):
        grey = sorted(lightness(colour) for colour in palette[:4])
        assert min(np.diff(grey)) > 18, "the colours are told apart in grey"
    assert page.told == []
    page.close()


def test_the_file_names_no_other_place(file):
    text = file.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r"(?:https?:)?//[a-z]+\.[a-z]+|@import|url\(", text)
