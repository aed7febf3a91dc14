"""With which settings a record was made, and where it comes from."""

from collections.abc import Iterator

from maskscope.engine.records.record import DataOrigin, Provenance, Record
from maskscope.report.numbers import duration_text
from maskscope.storage import Json


def settings(spec: Json) -> list[tuple[str, str]]:
    """All settings, by dotted name."""
    return [*_flat("", spec)]


def origin(record: Record) -> list[tuple[str, str]]:
    """Seeds, versions, machine, duration."""
    seeds = ", ".join(str(seed) for seed in record.seeds)
    first = [("experiment", record.experiment), ("preset", record.preset), ("seeds", seeds)]
    return [*first, *data_rows(record.data), *made_by(record.provenance)]


def unverified(record: Record) -> list[str]:
    """That the data are not the published files, if they are not."""
    if record.data is None or record.data.verified:
        return []
    if record.data.note:
        return [f"The data, {record.data.name}: {record.data.note}. SHA-256 {record.data.digest[:12]}…"]
    return [
        f"Unverified copy: the files of {record.data.name} behind these numbers are not, byte for byte, those that were "
        "published (their checksum is none of the known ones), and whatever was done to them may have changed the numbers. "
        f"SHA-256 {record.data.digest[:12]}…"
    ]


def data_rows(data: DataOrigin | None) -> list[tuple[str, str]]:
    """The files that a record was made from; nothing where data are generated."""
    if data is None:
        return []
    kind = data.note or ("the published bytes" if data.verified else "unverified copy")
    return [("data", f"{data.name}, {kind}"), ("SHA-256 of the data", data.digest)]


def data_name(record: Record) -> str:
    """The data in a word."""
    return record.data.name if record.data else str(record.spec.get("data", "the images"))


def made_by(made: Provenance) -> list[tuple[str, str]]:
    """Versions, machine, duration."""
    return [
        ("maskscope", f"{made.maskscope} (source {made.code})"),
        *made.versions.items(),
        *made.machine.items(),
        ("device", made.device),
        ("threads a process", str(made.threads)),
        *((f"time: {kind}", duration_text(seconds)) for kind, seconds in made.seconds.items()),
        ("time, summed over processes", duration_text(sum(made.seconds.values(), 0.0))),
    ]


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(str(item) for item in value)
    else:
        yield name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
