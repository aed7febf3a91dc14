"""From the words of a command line to options. tyro parses; help and wrong names are told here, in plain lines."""

import difflib
from collections.abc import Sequence
from typing import NoReturn, TypeVar

from maskscope.cli.words.fields import OptionText, options_of
from maskscope.cli.words.help import help_text
from maskscope.errors import ConfigError

Options = TypeVar("Options")
HELP = ("-h", "--help", "--help-all")


def parse(kind: type[Options], words: Sequence[str], command: str) -> Options:
    """The options of a command.

    Args:
        kind: the dataclass that holds them; its docstring is the help.
        words: behind the command.
        command: the words that call it, behind ``maskscope``.

    Raises:
        SystemExit: help was asked for and printed; or a value is of the wrong kind, or missing, and tyro has said so.
        ConfigError: there is no such option.
    """
    if asks_for_help(words):
        print_help(kind, command)
    require_options(words, options_of(kind), command)
    import tyro

    found: Options = tyro.cli(kind, args=words, prog=f"maskscope {command}", config=(tyro.conf.FlagCreatePairsOff,))
    return found


def print_help(kind: type, command: str, *, only: Sequence[str] = (), more: str = "") -> NoReturn:
    """Prints the help of a command and ends.

    Args:
        kind: the dataclass of its options.
        command: the words that call it.
        only: the options that are told; none: all.
        more: a last paragraph.
    """
    told = [one for one in options_of(kind) if not only or one.name in only]
    print(help_text(kind.__doc__ or "", f"maskscope {command}", told, more))
    raise SystemExit(0)


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether help is asked for, anywhere in a line."""
    return any(word in HELP for word in words)


def require_options(words: Sequence[str], options: Sequence[OptionText], command: str) -> None:
    """Raises `ConfigError` for the first option that a command does not have, with the closest that it has."""
    known = [one.name for one in options if not one.is_positional]
    for word in words:
        name = word.partition("=")[0].replace("_", "-")
        if name.startswith("--") and name not in known:
            # the last part of a dotted name is what one remembers
            meant = [one for one in known if one.rpartition(".")[2] == name[2:]] or difflib.get_close_matches(name, known)
            hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
            every = " --help-all" if command.split()[0] in ("run", "sweep") else " --help"
            raise ConfigError(f"There is no option {name} of `maskscope {command}`.{hint} All: maskscope {command}{every}")
