"""The commands: what each is for, and where it is. A command is imported when it is run: what it needs takes long to load."""

import importlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command.

    Args:
        group: the heading that it stands under.
        summary: what it does, in a few words.
        place: ``module:function``; the function takes the words behind the command.
    """

    group: str
    summary: str
    place: str

    def run(self, words: list[str]) -> None:
        """Runs it."""
        load(self.place)(words)


def load(place: str) -> Callable[..., Any]:
    """What is at ``module:NAME``. While it is imported, which takes seconds where torch is, Ctrl-C ends the process at once."""
    module, _, name = place.partition(":")
    with _ended_by_ctrl_c():
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before == signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_MAKE, _LOOK, _FILES = "Find masks", "Look at what was found", "Data, masks and tools"

COMMANDS: dict[str, Command] = {
    "run": Command(_MAKE, "run a study, or go on with one that was stopped", "maskscope.cli.run_command:run_command"),
    "new": Command(_MAKE, "write a study of your own network to begin from", "maskscope.cli.new_command:new_command"),
    "sweep": Command(_MAKE, "run a study over values of one of its settings", "maskscope.cli.sweep_command:sweep_command"),
    "list": Command(_MAKE, "the studies that there are, and their presets", "maskscope.cli.list_command:list_command"),
    "show": Command(
        _LOOK, "what a run found; without a path, the runs that there are", "maskscope.cli.show_command:show_command"
    ),
    "report": Command(_LOOK, "write the page, figures and tables of a run", "maskscope.cli.record_commands:report_command"),
    "figure": Command(_LOOK, "a figure of a run for a paper or a talk", "maskscope.cli.record_commands:figure_command"),
    "compare": Command(_LOOK, "two runs side by side", "maskscope.cli.record_commands:compare_command"),
    "atlas": Command(_LOOK, "all masks of a network in one file for a browser", "maskscope.cli.atlas_command:atlas_command"),
    "claims": Command(_LOOK, "the claims of the paper, and what became of them", "maskscope.cli.record_commands:claims_command"),
    "mask": Command(_FILES, "masks as things: info, and, or, minus, overlap, bake", "maskscope.cli.mask.command:mask_command"),
    "data": Command(_FILES, "list, download, check and export data sets", "maskscope.cli.data.command:data_command"),
    "verify": Command(
        _FILES, "check the search on networks whose parts are known", "maskscope.cli.verify_command:verify_command"
    ),
    "completion": Command(
        _FILES, "complete commands and options with the Tab key", "maskscope.cli.completion_command:completion_command"
    ),
}
