"""The ``maskscope`` command."""

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from maskscope.cli.commands import COMMANDS
from maskscope.cli.output.streams import standard_streams
from maskscope.cli.stopping import stopped_by_signals
from maskscope.cli.words.first_page import first_page
from maskscope.cli.words.help import filled
from maskscope.engine.processes import INTERRUPTED
from maskscope.engine.shortage import shortage_explained
from maskscope.errors import MaskscopeError, UnknownNameError
from maskscope.storage.legible import legible


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
            print(first_page())
        elif words[0] in ("-V", "--version", "version"):
            _print_version()
        elif words[0] not in COMMANDS:
            raise UnknownNameError("command", words[0], COMMANDS)
        else:
            with stopped_by_signals(), shortage_explained():
                COMMANDS[words[0]].run(words[1:])
    except SystemExit as end:  # after --help
        if not end.code:
            require_written()
        raise
    require_written()


def _end(message: str) -> NoReturn:
    said = legible(f"maskscope: {message}")
    # what is read by a program has its lines as they are
    sys.stderr.write(("\n".join(map(filled, said.splitlines())) if sys.stderr.isatty() else said) + "\n")
    raise SystemExit(2) from None


def _print_version() -> None:
    from importlib.metadata import version

    print(f"maskscope {version('maskscope')}")


def _show_warning(message: Warning | str, *_where: object, **_more: object) -> None:
    sys.stderr.write(f"maskscope: warning: {legible(str(message))}\n")


if __name__ == "__main__":
    main()
