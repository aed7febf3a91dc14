"""The committed pages in a real browser: they fit, they fold, they print, and they ask for nothing."""

from pathlib import Path

import pytest

from tests.browser import browser, why_no_browser

# every fourth: they are of all studies, and each costs a quarter of a second
PAGES = sorted((Path(__file__).parents[2] / "reproduction").rglob("report.html"))[1::4]
# how far what is drawn goes beyond the right edge, leaving out what scrolls by itself
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
FIRST_FIGURE = "document.querySelector('header figure, main figure').getBoundingClientRect()"

pytestmark = pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser() or "a browser is there")


@pytest.fixture(scope="module")
def shown():
    with browser() as one:
        yield one


def test_every_page_fits_a_phone_and_a_laptop_and_asks_for_nothing(shown):
    assert PAGES
    asked, said = [], []
    for width, height in ((390, 844), (1280, 900)):
        view = shown.new_page(viewport={"width": width, "height": height})
        view.on("request", lambda request: asked.append(request.url))
        view.on("console", lambda message: said.append(message.text))
        for path in PAGES:
            view.goto(path.as_uri())
            assert view.evaluate(OVERFLOW) <= 0, f"{path} is wider than {width} pixels"
            assert view.evaluate(FIRST_FIGURE)["top"] < height, f"{path}: its first picture is below the first screen"
        view.close()
    assert set(asked) == {path.as_uri() for path in PAGES}
    assert said == []


def test_a_claim_opens_and_what_is_folded_is_printed(shown):
    view = shown.new_page()
    view.goto(next(path for path in PAGES if path.parent.name == "addition-multiplication-quick").as_uri())
    condition = view.locator("#claim-2 li").first
    assert not condition.is_visible()
    view.emulate_media(media="print")
    assert condition.is_visible()
    view.emulate_media(media="screen")
    view.locator("#claim-2 summary").click()
    assert condition.is_visible()
    view.close()
