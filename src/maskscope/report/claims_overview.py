"""Every claim in the terminal, with what some records say of it."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskscope.engine.state import ClaimState
from maskscope.report.readings.terminal import VERDICT_STYLES


def show_claims(found: Sequence[ClaimState], console: Console) -> None:
    """Prints the claims of each study and kind of network: verdict, what the paper reports, and from which record."""
    for experiment, network in dict.fromkeys((one.experiment, one.network) for one in found):
        here = [one for one in found if (one.experiment, one.network) == (experiment, network)]
        table = Table("claim", "about", "verdict", "the paper", "record", title=f"{experiment}, {network}", title_justify="left")
        for one in here:
            verdict = Text(one.verdict or "-", style=VERDICT_STYLES.get(one.verdict, "dim"))
            table.add_row(Text(one.claim), Text(one.about), verdict, Text(one.paper or "-"), Text(record_in_words(one)))
        console.print(table)
    for one in (one for one in found if one.contradicts_paper):
        place = f"{one.experiment}, {one.network}, {record_in_words(one)}"
        console.print(Text(f"Contradicts the paper: {one.claim} ({place}): {one.verdict}; the paper: {one.paper}"))


def record_in_words(one: ClaimState) -> str:
    """Which record speaks of a claim, or how to make one."""
    if not one.verdict:
        kind = f" --{one.kind} {one.network}" if one.kind else ""
        return f"no record: maskscope run {one.experiment}{kind} --seeds 3"
    settings = ["-".join(map(str, value)) if isinstance(value, list | tuple) else str(value) for value in one.settings]
    return ", ".join([one.preset, *settings, f"n = {one.networks}"])
