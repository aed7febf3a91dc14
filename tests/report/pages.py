"""The page of a record and what it is made of, by the study that the record names."""

from maskscope.engine.address import study_at
from maskscope.report import Section, html_page
from maskscope.report.headline import summary_sentences
from maskscope.report.section import all_figures, whole_tables
from maskscope.report.verdicts import claims_table


def page_of(record):
    """How its study shows it."""
    return study_at(record.experiment).page


def page(record):
    """The HTML."""
    return html_page(record, page_of(record))


def sections(record):
    """Between the claims and the settings."""
    return page_of(record).sections(record)


def all_panels(record):
    """Of every figure, by its name."""
    return all_figures(sections(record))


def all_tables(record):
    """That become files."""
    claims = claims_table(record)
    return whole_tables([Section("claims", claims.title, files=(claims,)), *sections(record)])


def sentences(record):
    """Of the main numbers."""
    return summary_sentences(record, page_of(record))


def cautions(record):
    """What speaks against reading the verdicts."""
    return page_of(record).cautions(record)


def key_titles(record):
    """Of the key numbers that were measured."""
    return [one.title for one in page_of(record).key_numbers(record) if one.lines]
