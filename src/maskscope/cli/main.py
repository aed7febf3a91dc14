"""The ``maskscope`` command."""

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from maskscope.cli import (
    atlas_command,
    commands,
    data_command,
    figure_command,
    mask_command,
    new_command,
    run_command,
    sweep_command,
    verify_command,
)
from maskscope.cli.stopping import stopped_by_signals
from maskscope.cli.streams import standard_streams
from maskscope.engine.processes import INTERRUPTED
from maskscope.engine.shortage import shortage_explained
from maskscope.errors import MaskscopeError, UnknownNameError
from maskscope.storage.legible import legible

COMMANDS: dict[str, tuple[str, Callable[[list[str]], None]]] = {
    "list": ("studies, presets and estimators that there are", commands.list_command),
    "new": ("write a study of your own network to begin from", new_command.new_command),
    "run": ("run a study, or go on with one that was stopped", run_command.run_command),
    "sweep": ("run a study over the values of any of its settings", sweep_command.sweep_command),
    "show": ("print the record of a run or a sweep", commands.show_command),
    "claims": ("print every claim, and what became of it in some records", commands.claims_command),
    "compare": ("print the records of two runs side by side", commands.compare_command),
    "report": ("write the page, figures and tables of a run or a sweep", commands.report_command),
    "figure": ("write a figure of a run for a paper or a talk, or list the figures", figure_command.figure_command),
    "data": ("list, download, check and export data sets", data_command.data_command),
    "mask": ("what masks are, have in common, and can be made into: info, and, or, bake ...", mask_command.mask_command),
    "atlas": ("write all masks of a network into one file to look at in a browser", atlas_command.atlas_command),
    "verify": ("check the estimators on networks whose modules are known", verify_command.verify_command),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; exits with 0, with 2 after a fault that the user can mend, with 130 after Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    warnings.showwarning = _show_warning
    warnings.simplefilter("default")
    with standard_streams() as require_written:
        try:
            _run(words, require_written)
        except MaskscopeError as error:
            _end(str(error))
        except KeyboardInterrupt:
            goes_on = words[0] in ("run", "sweep") and "--dry-run" not in words
            kept = " What is finished is kept, and so is the state of what was under way. To go on:\n  maskscope "
            sys.stderr.write(f"\nStopped.{kept + ' '.join(words) if goes_on else ''}\n")
            raise SystemExit(INTERRUPTED) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _end(f"The system refused something: {where}{error.strerror or error}. What was finished before is kept.")


def _run(words: list[str], require_written: Callable[[], None]) -> None:
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            _print_help()
        elif words[0] == "--version":
            _print_version()
        elif words[0] not in COMMANDS:
            raise UnknownNameError("command", words[0], COMMANDS)
        else:
            with stopped_by_signals(), shortage_explained():
                COMMANDS[words[0]][1](words[1:])
    except SystemExit as end:  # after --help
        if not end.code:
            require_written()
        raise
    require_written()


def _end(message: str) -> NoReturn:
    sys.stderr.write(f"maskscope: {legible(message)}\n")
    raise SystemExit(2) from None


def _print_help() -> None:
    lines = [
        "maskscope finds the subnetwork that carries each function of a trained network, and measures specialisation and reuse.",
        "",
        "usage: maskscope COMMAND [options]        each command explains itself: maskscope COMMAND --help",
        "",
        *(f"  {name:<9}{summary}" for name, (summary, _) in COMMANDS.items()),
        "",
        "Begin with:  maskscope run addition-multiplication --preset quick --out runs/quick",
    ]
    print("\n".join(lines))


def _print_version() -> None:
    from importlib.metadata import version

    print(f"maskscope {version('maskscope')}")


def _show_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    sys.stderr.write(f"maskscope: warning: {legible(str(message))}\n")


if __name__ == "__main__":
    main()
