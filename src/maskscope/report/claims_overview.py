"""Every claim in the terminal, with what some records say of it."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from maskscope.columns import print_columns, print_paragraph
from maskscope.engine.state import ClaimState
from maskscope.report.numbers import count_text, in_words
from maskscope.report.readings.terminal import VERDICT_STYLES


def show_claims(found: Sequence[ClaimState], console: Console, *, everything: bool = False) -> None:
    """Prints the claims of each study and kind of network: verdict, what the paper reports, and from which record.

    Args:
        found: the claims, with what each record says of them.
        console: where to.
        everything: also those that no record speaks of; else a line says how many these are.
    """
    shown = [one for one in found if everything or one.verdict]
    for experiment, network in dict.fromkeys((one.experiment, one.network) for one in shown):
        here = [one for one in shown if (one.experiment, one.network) == (experiment, network)]
        print_paragraph(console, f"{experiment}, {network}", style="bold underline")
        rows = list[list[str | Text]]()
        for one in here:
            verdict = Text(one.verdict or "no record", style=VERDICT_STYLES.get(one.verdict, "dim"))
            record = [record_in_words(one)] if any(other.verdict for other in here) else []
            rows.append([one.claim, verdict, one.paper or "says nothing", *record])
        titles = ["claim", "here", "the paper", *(["record"] if len(rows[0]) > 3 else [])]
        print_columns(console, titles, rows, indent=2)
        if not any(one.verdict for one in here):
            console.print(f"  To make a record:\n  {record_command(here[0])}", soft_wrap=True, highlight=False)
        console.print()
    for one in (one for one in found if one.contradicts_paper):
        place = f"{one.experiment}, {one.network}, {record_in_words(one)}"
        print_paragraph(console, f"Contradicts the paper: {one.claim} ({place}): {one.verdict}; the paper: {one.paper}")
    others = len(found) - len(shown)
    if others:
        print_paragraph(console, f"{others} claims have no record here; maskscope claims --all lists them, with the commands.")


def show_studies_of_claims(found: Sequence[ClaimState], console: Console) -> None:
    """Prints how many claims each study has on each kind of network, and the command that makes a record of them."""
    for experiment in dict.fromkeys(one.experiment for one in found):
        mine = [one for one in found if one.experiment == experiment]
        networks = list(dict.fromkeys(one.network for one in mine))
        names = list(dict.fromkeys(one.claim for one in mine))
        on = f" on {', '.join(networks)}" if len(networks) > 1 else ""
        print_paragraph(console, f"{experiment}: {count_text(len(names), 'claim')}{on}", style="bold")
        print_paragraph(console, in_words(names), indent=2)
        console.print(f"  {record_command(mine[0])}", soft_wrap=True, highlight=False)
    console.print()
    print_paragraph(console, "What became of them in runs of yours: maskscope claims RUN ...")
    print_paragraph(console, "Each with the verdict of the paper: maskscope claims --all")


def record_in_words(one: ClaimState) -> str:
    """Which record speaks of a claim, or how to make one."""
    if not one.verdict:
        return f"no record: {record_command(one)}"
    settings = ["-".join(map(str, value)) if isinstance(value, list | tuple) else str(value) for value in one.settings]
    return ", ".join([one.preset, *settings, f"n = {one.networks}"])


def record_command(one: ClaimState) -> str:
    """The command that makes a record of a claim."""
    kind = f" --{one.kind} {one.network}" if one.kind else ""
    return f"maskscope run {one.experiment}{kind} --seeds 3"
