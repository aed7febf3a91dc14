"""A hook of the site: a built page may not load anything from elsewhere, so that it can be read without a connection."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# The attributes by which a browser loads something by itself. A link that a reader may click is no such thing.
LOADED = {"src", "srcset", "data", "poster", "background"}
RELATIONS = {"stylesheet", "preload", "prefetch", "modulepreload", "icon", "manifest", "preconnect", "dns-prefetch"}
ELSEWHERE = re.compile(r"^\s*(?:https?:)?//", re.I)
IN_STYLE = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])\s*((?:https?:)?//[^"')\s]+)""", re.I)


class Loaded(HTMLParser):
    """Collects the addresses elsewhere that a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Looks at one element."""
        given = {name: value or "" for name, value in attrs}
        loads = [value for name, value in given.items() if name in LOADED]
        if tag == "link" and RELATIONS & set(given.get("rel", "").lower().split()):
            loads.append(given.get("href", ""))
        if tag in ("use", "image"):
            loads += [given.get("href", ""), given.get("xlink:href", "")]
        self.addresses += [address for address in loads if ELSEWHERE.match(address)]
        self.addresses += IN_STYLE.findall(given.get("style", ""))
        # the theme fetches a script for diagrams as soon as a page has one
        self.addresses += ["a mermaid diagram"] if "mermaid" in given.get("class", "").split() else []


def loaded_from_elsewhere(site: Path) -> list[str]:
    """What the pages and styles of a built site would load from elsewhere, each as ``FILE: ADDRESS``."""
    found = []
    for file in sorted(site.rglob("*")):
        if file.suffix not in (".html", ".css", ".svg"):
            continue
        text = file.read_text(encoding="utf-8")
        addresses = IN_STYLE.findall(text) if file.suffix == ".css" else []
        if file.suffix != ".css":
            page = Loaded()
            page.feed(text)
            addresses = page.addresses
        found += [f"{file.relative_to(site)}: {address}" for address in addresses]
    return found


def on_post_build(config: Any) -> None:
    """Ends the build with an error if a page would load something from elsewhere."""
    from mkdocs.exceptions import PluginError

    found = loaded_from_elsewhere(Path(config.site_dir))
    if found:
        raise PluginError("These pages would load something from elsewhere; put it into docs/ instead:\n  " + "\n  ".join(found))
