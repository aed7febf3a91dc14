"""What a notebook shows for a record: its sentences, claims and key numbers, and where its page is."""

from dataclasses import replace

from maskscope.engine.spec import to_json
from maskscope.storage.notebook_html import shown
from maskscope.studies.own.page import PAGE


def test_a_record_shows_sentences_claims_key_numbers_and_its_page(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("")
    html = record.in_folder(tmp_path)._repr_html_()
    for sentence in PAGE.sentences(record):
        assert shown(sentence) in html
    for verdict in record.verdicts:
        assert (shown(verdict.question) in html) == (not verdict.lacks)
    assert shown(PAGE.key_numbers(record)[0].title) in html
    assert f'<a href="report.html" target="_blank">{tmp_path / "report.html"}</a>' in html
    assert "<script" not in html
    assert len(html) < 30_000


def test_without_a_page_or_a_folder_nothing_is_linked(record, tmp_path):
    assert f"The record is in {tmp_path}." in record.in_folder(tmp_path)._repr_html_()
    assert "<a " not in record._repr_html_()
    (tmp_path / "report.html").write_text("")
    assert f"The whole page: {tmp_path / 'report.html'}<" in record.in_folder(tmp_path)._repr_html_()


def test_where_a_record_lies_is_no_part_of_it(record, tmp_path):
    there = record.in_folder(tmp_path)
    assert there == record
    assert to_json(there) == to_json(record)
    assert record.folder == ""


def test_a_study_in_a_file_is_not_run_to_show_its_record(record, tmp_path):
    (tmp_path / "study.py").write_text("raise AssertionError")
    assert replace(record, study=f"{tmp_path}/study.py:STUDY")._repr_html_() is None
    assert replace(record, study="unknown")._repr_html_() is None


def test_what_a_record_says_is_escaped(record):
    html = replace(record, experiment="addition-multiplication", functions=("<b>", "mul"))
    html = replace(html, verdicts=(replace(record.verdicts[0], name="<img src=x>"),))._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_numbers_have_names_for_trackers(record):
    numbers = record.numbers
    first = record.quantities[0]
    assert first.summary.mean in numbers.values()
    assert len(numbers) == len(record.quantities) + len(record.verdicts)
    assert all(name.count("/") == 1 for name in numbers)
    assert {value for name, value in numbers.items() if name.startswith("claims/")} <= {-1.0, 0.0, 1.0}
