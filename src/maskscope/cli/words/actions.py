"""Commands that have actions: ``maskscope mask info``, ``maskscope data list``."""

from collections.abc import Mapping, Sequence

from maskscope.cli.commands import Command
from maskscope.cli.words.help import help_of_actions
from maskscope.cli.words.parsing import HELP
from maskscope.errors import UnknownNameError


def run_action(command: str, actions: Mapping[str, Command], words: list[str], *, summary: str, more: str = "") -> None:
    """Runs one of the actions of a command, or prints its help.

    Args:
        command: its name.
        actions: by name.
        words: behind the command.
        summary: what it does, with examples.
        more: a last paragraph of its help.

    Raises:
        SystemExit: help was asked for and printed.
        UnknownNameError: there is no such action.
    """
    if not words or words[0] in (*HELP, "help"):
        print(help_of_actions(summary, f"maskscope {command}", _rows(actions), more))
        raise SystemExit(0)
    if words[0] not in actions:
        raise UnknownNameError(f"action of `maskscope {command}`", words[0], actions)
    actions[words[0]].run(words[1:])


def _rows(actions: Mapping[str, Command]) -> Sequence[tuple[str, str]]:
    return [(name, one.summary) for name, one in actions.items()]
