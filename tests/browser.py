"""A real browser for tests of pages: the Chromium that is installed. Nothing is downloaded; without one, tests are skipped."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# as root in a container there is no sandbox; the others keep the browser from doing what no test asked for
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def why_no_browser() -> str:
    """Why there is no browser to test with; empty if there is one."""
    if find_spec("playwright") is None:
        return "the package playwright is not installed: extra 'test'"
    return "" if _path() else f"no browser is installed: looked for {', '.join(NAMES)}"


@contextmanager
def browser() -> Iterator["Browser"]:
    """A headless browser, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=_path(), args=[*ARGUMENTS])
        try:
            yield launched
        finally:
            launched.close()


def _path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
