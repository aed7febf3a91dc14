"""Every number of a record."""

from maskscope.engine.records.record import Record
from maskscope.report.numbers import NOTATION, Points, number_of
from maskscope.report.section import Section
from maskscope.report.table import Row, Table, columns


def quantities_section(record: Record) -> Section:
    """Every quantity of the record."""
    return Section(
        "quantities",
        "Every number",
        (
            "Mean ± sample standard deviation over networks, and the value of each network. With one network there is no "
            "spread and no interval. What has no value is undefined, never 0.",
        ),
        folded=(quantities_table(record),),
    )


def quantities_table(record: Record) -> Table:
    """Every quantity of the record."""
    rows = [
        Row(
            record.variants[quantity.variant],
            (
                quantity.measure,
                quantity.mask,
                quantity.function,
                number_of(quantity),
                Points(quantity.summary.values, NOTATION[quantity.unit]),
            ),
        )
        for quantity in sorted(record.quantities, key=lambda quantity: [*record.variants].index(quantity.variant))
    ]
    titles = columns("measure", "mask", "function", "value", "each network")
    return Table("quantities", "Every quantity: mean ± sample standard deviation, and each network's value", titles, tuple(rows))
