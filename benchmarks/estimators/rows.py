"""What the cells say: which candidates are of equal quality, how much faster they are, and the rows of the page."""

from collections.abc import Sequence
from typing import Any

from benchmarks.estimators.steps import PLAIN
from benchmarks.turns import with_interval
from maskscope.storage import Json

# a mask of equal quality answers at most this share of the items less than the reference
MOST_LOST = 0.01


def compared(candidate: Json, reference: Json) -> Json:
    """A candidate beside its reference. Times are compared in seconds and in seconds of the processor."""
    lost = reference["accuracy"] - candidate["accuracy"]
    return candidate | {
        "accuracy_lost": lost,
        "kept_over_reference": candidate["kept"] / reference["kept"],
        "is_equal": lost <= MOST_LOST and candidate["kept"] <= reference["kept"],
        "times_faster": reference["seconds"] / candidate["seconds"],
        "times_faster_cpu": reference["cpu_seconds"] / candidate["cpu_seconds"],
    }


def by_candidate(networks: Sequence[Json]) -> dict[tuple[str, int, str], list[Json]]:
    """The results of each candidate, by size, steps and estimator, over networks and functions."""
    found: dict[tuple[str, int, str], list[Json]] = {}
    for network in networks:
        for one in network["candidates"]:
            found.setdefault((one["size"], one["asked_steps"], one["estimator"]), []).append(one)
    return found


def fastest_everywhere(networks: Sequence[Json]) -> tuple[str, int, str] | None:
    """The fastest candidate that is of equal quality on every network, by seconds of the processor; None if there is none."""
    everywhere = {
        name: sum(one["cpu_seconds"] for one in tries)
        for name, tries in by_candidate(networks).items()
        if len(tries) == len(networks) and all(one["is_equal"] for one in tries)
    }
    return min(everywhere, key=everywhere.__getitem__) if everywhere else None


def step_rows(steps: Json) -> str:
    """A row for each estimator, a column for each network: median over the median of the plain step (quartiles)."""
    cases = list(steps.values())
    lines = [_row("estimator", "S", *(case["title"] for case in cases)), _row(*["---"] * (len(cases) + 2))]
    lines.append(_row("plain step, ms", "", *(_milliseconds(case["seconds"][PLAIN]) for case in cases)))
    for estimator, samples in cases[0]["samples"].items():
        lines.append(_row(estimator, str(samples), *(_over_plain(case, estimator) for case in cases)))
    return "\n".join(lines) + "\n"


def quality_rows(networks: Sequence[Json]) -> str:
    """A row for each candidate, means over networks; the reference comes first."""
    references = [network["reference"] for network in networks]
    lines = [
        _row("size", "steps", "estimator", "n", "CPU s", "accuracy", "kept / reference", "equal", "times faster (CPU)"),
        _row(*["---"] * 9),
        _row(
            *("penalty (reference)", f"{references[0]['steps']:,}", "rao-blackwell", str(len(references))),
            *(_mean(references, "cpu_seconds"), _mean(references, "accuracy"), "1", "", "1"),
        ),
    ]
    best = fastest_everywhere(networks)
    for name, tries in by_candidate(networks).items():
        size, steps, estimator = name
        equal = f"{sum(one['is_equal'] for one in tries)} of {len(tries)}"
        lines.append(
            _row(
                *(size, f"{steps:,}", f"**{estimator}**" if name == best else estimator, str(len(tries))),
                *(_mean(tries, "cpu_seconds"), _mean(tries, "accuracy"), _mean(tries, "kept_over_reference")),
                *(equal, _mean(tries, "times_faster_cpu")),
            )
        )
    return "\n".join(lines) + "\n"


def fastest_rows(networks: Sequence[Json]) -> str:
    """A row for each network: its reference, and the fastest candidate of equal quality."""
    lines = [
        _row(
            "network", "function", "reference, CPU s", "accuracy", "density", "fastest of equal quality", "CPU s", "times faster"
        ),
        _row(*["---"] * 8),
    ]
    for network in networks:
        equal = [one for one in network["candidates"] if one["is_equal"]]
        best = min(equal, key=lambda one: one["cpu_seconds"], default=None)
        words = f"{best['estimator']}, {best['size']}, {best['asked_steps']:,} steps" if best else "none"
        numbers = (f"{best['cpu_seconds']:.1f}", f"{best['times_faster_cpu']:.1f}") if best else ("", "")
        own = network["reference"]
        lines.append(
            _row(
                *(str(network["seed"]), network["function"], f"{own['cpu_seconds']:.0f}", f"{own['accuracy']:.4f}"),
                *(f"{own['density']:.4f}", words, *numbers),
            )
        )
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _mean(tries: Sequence[Json], field: str) -> str:
    return with_interval([float(one[field]) for one in tries])


def _milliseconds(timing: Any) -> str:
    return f"{timing['median'] * 1e3:.3g} ({timing['lower'] * 1e3:.3g} to {timing['upper'] * 1e3:.3g})"


def _over_plain(case: Json, estimator: str) -> str:
    own, plain = case["seconds"][estimator], case["seconds"][PLAIN]["median"]
    return f"{own['median'] / plain:.2f} ({own['lower'] / plain:.2f} to {own['upper'] / plain:.2f})"
