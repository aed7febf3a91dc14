"""The first screen of every committed page, as a browser shows it: wide and narrow, light and dark.

``python docs/making/screens.py [PAGE.html ...]`` writes ``docs/screens/pages/NAME-WIDTH-SCHEME.png``. It needs the package
playwright and a Chromium that is installed.
"""

import io
import sys
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.browser import browser  # noqa: E402

# CSS pixels: of a laptop, and of a phone
SIZES = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")


def pages() -> list[Path]:
    """The pages of the committed records."""
    return sorted((ROOT / "reproduction").rglob("report.html"))


def name_of(page: Path) -> str:
    """The record's folder below ``reproduction/``, in one word."""
    return "-".join(page.parent.relative_to(ROOT / "reproduction").parts)


def take(page: Page, path: Path, target: Path) -> None:
    """One screen as a PNG of few colours, a fifth of the size."""
    page.goto(path.as_uri())
    shown = Image.open(io.BytesIO(page.screenshot()))
    shown.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)


def main(chosen: list[Path]) -> None:
    """Takes the screens of some pages, or of all."""
    folder = ROOT / "docs" / "screens" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as shown:
        for (width, height), scheme in product(SIZES.items(), SCHEMES):
            page = shown.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            for path in chosen or pages():
                take(page, path, folder / f"{name_of(path)}-{width}-{scheme}.png")
            page.close()


if __name__ == "__main__":
    main([Path(word).resolve() for word in sys.argv[1:]])
