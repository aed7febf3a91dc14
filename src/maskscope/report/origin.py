"""What was asked, with which settings, and where a record comes from."""

from collections.abc import Callable, Iterator, Mapping

from maskscope.procedure.result import Provenance, Record
from maskscope.report import class_words, growth_words, sequence_words, stability
from maskscope.report.across import asks_reuse, networks
from maskscope.report.headline import title
from maskscope.report.kinds import Kind, kind_of
from maskscope.report.numbers import count_text, duration_text, in_words
from maskscope.storage import Json


def question(record: Record) -> str:
    """What was asked, in a paragraph."""
    return _QUESTIONS[kind_of(record)](record)


def _question(record: Record) -> str:
    functions = in_words(list(record.functions))
    asked = (
        "All of them are the same function, needed in several places. Is it carried by the same weights (reuse), or was it "
        "learned once for each place? And is that only because the places have input and output weights of their own?"
        if asks_reuse(record)
        else "Do the functions live in different weights, and does each mask hold its function?"
    )
    return (
        f"{title(record)}: {count_text(len(networks(record)), 'network')}, trained to perform {functions}. For each function a "
        "binary mask over the frozen weights was learned: it keeps the weights that this function needs and removes the "
        f"others. {asked}"
    )


def settings(spec: Json) -> list[tuple[str, str]]:
    """All settings, by dotted name."""
    return [*_flat("", spec)]


def origin(record: Record) -> list[tuple[str, str]]:
    """Seeds, versions, machine, duration."""
    seeds = ", ".join(str(seed) for seed in record.seeds)
    first = [("experiment", record.experiment), ("preset", record.preset), ("seeds", seeds)]
    return [*first, *_data(record), *made_by(record.provenance)]


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


def _data(record: Record) -> list[tuple[str, str]]:
    if record.data is None:
        return []
    kind = record.data.note or ("the published bytes" if record.data.verified else "unverified copy")
    return [("data", f"{record.data.name}, {kind}"), ("SHA-256 of the data", record.data.digest)]


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


_QUESTIONS: Mapping[Kind, Callable[[Record], str]] = {
    "functions": _question,
    "removal": class_words.question,
    "stability": stability.question,
    "growth": growth_words.question,
    "sequences": sequence_words.question,
}
