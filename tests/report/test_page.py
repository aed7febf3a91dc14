import builtins
import re
import sys
from html.parser import HTMLParser

import pytest

from maskscope.errors import MissingExtraError
from maskscope.report import figures_of, write_figures, write_report
from maskscope.report.drawing.arrangement import for_files
from maskscope.report.drawing.canvas import files
from tests.report.pages import all_panels, page, page_of, sections
from tests.report.synthetic import SPEC, make_record
from tests.undrawn import undrawn

HOSTILE = "<script>alert('x')</script>"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """Tags, ids and text of a page; every element must be closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.text, self.attributes = [], [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def outline(html):
    parser = Outline()
    parser.feed(html)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def html(record):
    return page(record)


@pytest.fixture(scope="module")
def lonely_html(lonely):
    return page(lonely)


def test_it_needs_nothing_else(html):
    found = outline(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert all(link.startswith("#") for link in found.links)
    assert "http" not in html
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_every_section_is_there_and_every_link_leads_somewhere(html, record):
    found = outline(html)
    for name in ("question", "claims", *(section.id for section in sections(record)), "differences", "settings"):
        assert name in found.ids
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links} <= set(found.ids)


def test_what_the_reader_asks_for_is_in_the_text(html, record):
    text = " ".join(" ".join(outline(html).text).split())
    for verdict in record.verdicts:
        assert verdict.question in text
        assert verdict.name in text
    assert "Supported if the whole 95 % interval" in text
    for difference in record.differences:
        assert difference in text
    for words in (
        "n = 3",
        "seeds",
        "0, 1, 2",
        "mask.learning_rate",
        "2.13.0",
        "51 min",
        "floor",
        "ceiling",
        "half-mask",
        "untrained",
    ):
        assert words.lower() in text.lower().replace("\u00a0", " ")


def test_the_page_of_double_addition_is_whole(double):
    with undrawn():
        html = page(double)
    found = outline(html)
    assert {"null", "core", "copied-io"} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    drawn = sum(len(panels) for panels in all_panels(double).values()) + len(page_of(double).picture(double).panels())
    assert html.count("<svg ") == drawn
    names = [panel.name for panels in all_panels(double).values() for panel in panels]
    assert len(names) == len(set(names))
    for words in (
        "learned once for each place",
        "first-full-mask",
        "Every overlap is within one",
        "Copied input and output weights",
    ):
        assert words in html


def test_figures_are_inline_vectors_with_a_name(html, record):
    drawn = sum(len(panels) for panels in all_panels(record).values()) + len(page_of(record).picture(record).panels())
    assert html.count("<svg ") == drawn
    assert html.count('role="img" aria-label="') == drawn
    assert "<metadata" not in html
    assert "<image" not in html


def test_the_same_record_gives_the_same_bytes():
    small = make_record(functions=("add",), controls=())
    assert page(small) == page(make_record(functions=("add",), controls=()))


def test_one_network_says_that_there_is_no_interval(lonely_html, html):
    assert "there is no interval" in lonely_html
    assert "One network: its value, no interval." in lonely_html
    assert "no interval (n = 1)" in lonely_html
    assert "there is no interval" not in html
    assert "small marks: each network" in html
    assert "inconclusive" in lonely_html


def test_undefined_is_said(lonely_html):
    assert "undefined" in lonely_html
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", lonely_html, flags=re.DOTALL).lower().replace("finance", "")


def test_hostile_names_are_text():
    record = make_record(functions=(HOSTILE, "$_&"), seeds=(0, 1), controls=(), spec=SPEC | {HOSTILE: {"x": HOSTILE}})
    html = page(record)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    outline(html)


def test_figures_as_files_have_the_same_bytes_again(tmp_path):
    record = make_record(functions=("add",), seeds=(0,), controls=())
    found = [one for one in figures_of(record, page_of(record)) if one.name in ("picture", "half-mask")]
    first = {path.name: path.read_bytes() for path in write_figures(found, tmp_path / "a")}
    starts = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG", ".txt": b""}
    assert set(first) == {f"{one.name}{suffix}" for one in found for suffix in starts}
    assert all(content.startswith(starts[name[-4:]]) for name, content in first.items())
    panels = all_panels(record)["half-mask"]
    again = files(panels, for_files(panels), ("svg", "pdf", "png"))
    assert {f"half-mask{suffix}": content for suffix, content in again.items()}.items() <= first.items()


def test_a_report_is_one_file(lonely, tmp_path):
    with undrawn():
        write_report(lonely, page_of(lonely), tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_extra_is_named(package, lonely, tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("maskscope.report.drawing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("maskscope.report.drawing", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match=rf"A report needs the package '{package}': pip install"):
        write_report(lonely, page_of(lonely), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_many_functions_are_drawn_as_heat_maps():
    record = make_record(functions=tuple("abcdefg"), seeds=(0,), controls=())
    names = [panel.name for panels in all_panels(record).values() for panel in panels]
    assert "overlap-matrix" in names
    assert len(names) == len(set(names))
