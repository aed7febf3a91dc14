"""The pages: numbers are those of the records, links lead somewhere, and what makes the site of them."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

import maskscope

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INTERVAL = re.compile(r"(-?\d?\.\d+) \[(-?\d?\.\d+), (-?\d?\.\d+)\]")


def made(name):
    """A module of docs/making, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / "making" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _summaries(node):
    """Every mean with its interval in a record or a sweep."""
    if isinstance(node, dict):
        if {"mean", "low", "high"} <= node.keys():
            yield node["mean"], node["low"], node["high"]
        for value in node.values():
            yield from _summaries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _summaries(value)


def _as_written(value, decimals):
    return f"{value:.{decimals}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{decimals}f}"


def test_intervals_of_the_experiments_are_those_of_the_records():
    page = (DOCS / "experiments.md").read_text(encoding="utf-8")
    count = 0
    for section in page.split("\n## ")[1:]:
        links = re.findall(r"\(\.\./(reproduction/[\w-]+)/README\.md\)", section)
        files = [file for link in links for file in (ROOT / link / "record.json", ROOT / link / "sweep.json") if file.exists()]
        known = set()
        for file in files:
            for summary in _summaries(json.loads(file.read_text(encoding="utf-8"))):
                if None not in summary:
                    known.add(tuple(_as_written(value, 3).replace("-.000", ".000") for value in summary))
        found = INTERVAL.findall(section)
        count += len(found)
        assert [one for one in found if one not in known] == [], section.partition("\n")[0]
    assert count >= 20


def test_every_public_name_stands_on_one_page():
    addresses = [one for page in (DOCS / "api").glob("*.md") for one in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M)]
    names = [address.rpartition(".")[2] for address in addresses]
    assert sorted(names) == sorted(maskscope.__all__)
    # a name that a module has, too, is written out: the tool would show the module
    for address, name in zip(addresses, names, strict=True):
        module = getattr(maskscope, name).__module__
        assert address == (f"{module}.{name}" if module.endswith(f".{name}") else f"maskscope.{name}")


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = [link for link in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_links_out_of_docs_become_links_within_the_site(tmp_path):
    links = made("links")
    root = tmp_path.resolve()
    for file in ("docs/sub/page.md", "docs/other.md", "records/one/README.md", "records/one/tables/a.csv", "README.md"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("", encoding="utf-8")
    page, docs = root / "docs" / "sub" / "page.md", root / "docs"
    text = "[a](../../records/one) [b](../../records/one/tables) [c](../other.md#x) [d](https://e.org/f) [e](../../g) `h[0](i)`"
    wanted = text.replace("../../records/one/tables", "../records/one/tables/index.md")
    wanted = wanted.replace("../../records/one)", "../records/one/README.md)")
    assert links.rewritten(text, page, docs, root) == wanted
    back = links.rewritten("[x](../../docs/sub/page.md#there)", root / "records" / "one" / "README.md", docs, root)
    assert back == "[x](../../sub/page.md#there)"
    # the first page of the site is docs/index.md
    home = links.rewritten("[x](../../README.md)", root / "records" / "one" / "README.md", docs, root)
    assert home == "[x](../../index.md)"
    assert list(links.outside(text, page.parent, docs, root)) == [root / "records" / "one", root / "records" / "one" / "tables"]
    assert links.listing(root / "records" / "one" / "tables") == "# one: tables\n\n* [a.csv](a.csv)\n"


def test_a_picture_with_a_dark_twin_is_shown_as_the_page_is(tmp_path):
    links = made("links")
    (tmp_path / "a-dark.svg").touch()
    shown = links.in_both_schemes("![w](a.svg) ![v](b.svg)", tmp_path / "page.md")
    assert shown == "![w](a.svg#only-light)\n![w](a-dark.svg#only-dark) ![v](b.svg)"


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="preconnect" href="//fonts.example">',
        '<img srcset="https://a.example/b.png 2x">',
        '<p style="background: url(http://a.example/b.png)">',
        '<pre class="mermaid">',
    ],
)
def test_what_would_be_loaded_from_elsewhere_is_found(tmp_path, loads):
    offline = made("offline")
    (tmp_path / "page.html").write_text(f'<a href="https://example.org">a link</a><img src="x.png">{loads}', encoding="utf-8")
    (tmp_path / "site.css").write_text('p { background: url("data:image/png;base64,AA") }', encoding="utf-8")
    (found,) = offline.loaded_from_elsewhere(tmp_path)
    assert found.startswith("page.html: ")


def test_styles_are_looked_into(tmp_path):
    offline = made("offline")
    (tmp_path / "site.css").write_text('@import "https://fonts.example/a.css";', encoding="utf-8")
    assert offline.loaded_from_elsewhere(tmp_path) == ["site.css: https://fonts.example/a.css"]


def test_numbers_beside_the_pictures_are_those_in_them():
    pictures = made("pictures")
    text = (DOCS / "idea.md").read_text(encoding="utf-8")
    for measure, masks in (("dice floor", "add, mul"), ("dice", "add, mul")):
        assert f" {_as_written(pictures.quantity(pictures.ARITHMETIC, measure, masks, ''), 2)}" in text
    assert pictures.quantity(pictures.DIGITS, "density", "0 to 4", "") == pytest.approx(0.0025, abs=1e-4), (
        "a quarter of a percent"
    )
    drawn = {f"{name}{ending}.svg" for name in pictures.PICTURES for ending in ("", "-dark")}
    assert drawn == {file.name for file in (DOCS / "pictures").glob("*.svg")}
    assert {f"{name}.svg" for name in pictures.PICTURES} == set(re.findall(r"\(pictures/(\S+)\)", text))
