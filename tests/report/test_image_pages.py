"""The pages, terminals, tables and figures of the three image studies."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from maskscope.engine.records.record import DataOrigin
from maskscope.report import figures_of, show_record, write_figures, write_tables
from tests.report.pages import all_panels, all_tables, page, page_of, sections
from tests.report.synthetic_images import make_growth_record, make_removal_record, make_stability_record
from tests.report.test_page import outline
from tests.undrawn import undrawn

KINDS = {"removal": make_removal_record, "stability": make_stability_record, "growth": make_growth_record}


@pytest.fixture(scope="module", params=KINDS)
def study(request):
    return request.param, KINDS[request.param]()


@pytest.fixture(scope="module")
def removal():
    return make_removal_record()


@pytest.fixture(scope="module")
def grown():
    return make_growth_record()


def shown(record):
    console = Console(file=io.StringIO(), width=200)
    show_record(record, page_of(record), console)
    return console.file.getvalue()


def test_each_study_has_a_page_of_its_own(study):
    _, record = study
    html = page(record)
    found = outline(html)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    for name in ("question", "claims", *(section.id for section in sections(record)), "differences", "settings"):
        assert name in found.ids
    assert "Not measured in this record" not in html
    assert "own function" not in html.lower()
    text = " ".join(" ".join(found.text).split())
    for words in ("n = 3", record.data.digest, "SHA-256 of the data", record.verdicts[0].question, "51 min"):
        assert words in text.replace("\u00a0", " ")
    assert "script" not in found.tags


def test_every_figure_is_in_a_section_and_every_section_has_its_figures(study):
    _, record = study
    asked = {figure.name for section in sections(record) for figure in section.figures}
    assert asked == set(all_panels(record))


def test_each_question_is_its_own(removal, grown):
    with undrawn():
        assert "What does a class own?" in page(removal)
        assert "How alike are two masks for the same pair" in page(make_stability_record(seeds=(0, 1)))
        assert "Are weights of earlier tasks used again?" in page(grown)


def test_the_terminal_tells_each_study(study):
    _, record = study
    text = shown(record)
    assert "claim" in text
    assert record.verdicts[0].name in text
    assert f"data: {record.data.name}" in text


def test_an_unverified_copy_is_named_at_the_head_and_in_the_provenance(removal, grown):
    verified = replace(removal, data=DataOrigin("cifar10", "c0" * 32, verified=True))
    with undrawn():
        html, of_grown, of_verified = page(removal), page(grown), page(verified)
    assert html.index("Unverified copy") < html.index("</header>")
    assert "cifar10, unverified copy" in html
    assert "Unverified copy" in shown(removal)
    assert "unverified" not in of_grown.lower()
    assert "mnist, the published bytes" in of_grown
    assert "unverified" not in (of_verified + shown(verified)).lower()


def test_tables_and_figures_are_written(study, tmp_path):
    _, record = study
    names = {path.name for path in write_tables(record, page_of(record), tmp_path)}
    assert {f"{table.name}.csv" for table in all_tables(record)} <= names
    with undrawn():
        written = write_figures(figures_of(record, page_of(record)), tmp_path)
    assert {path.stem for path in written} == {"picture", *all_panels(record)}


def test_one_network_without_repeats_and_with_nothing_else():
    record = make_removal_record(seeds=(0,), repeats=0)
    with undrawn():
        html = page(record)
    outline(html)
    assert "no interval" in html
    assert "There is no ceiling" in html
    networks = [replace(one, more=replace(one.more, cosines=(), filters=None), half_masks=()) for one in record.networks]
    bare = replace(record, networks=tuple(networks))
    ids = {section.id for section in sections(bare)}
    assert not ids & {"filters", "cosine", "half-mask"}
    with undrawn():
        outline(page(make_growth_record(seeds=(0,), tasks=1, new_logits=(2.0,))))
        outline(page(make_growth_record(seeds=(0,), tasks=2)))
