"""What ``maskscope`` alone prints: what to do first, then the commands."""

from maskscope.cli.commands import COMMANDS
from maskscope.cli.words.help import filled, table

_FIRST = (
    ("maskscope run addition-multiplication --preset demo", "three small networks, in minutes"),
    ("maskscope show", "what was found"),
    ("maskscope new classifier my_study.py", "your own network: a file to begin from"),
    ("maskscope run my_study.py --preset smoke", "does everything run? seconds"),
)


def first_page() -> str:
    """The text, in lines that can be copied."""
    lines = [filled("maskscope finds which weights of a trained network carry which of its functions, and whether they are shared.")]
    lines += ["", "Begin with", *(f"  {command:<53}# {text}" if len(text) < 24 else f"  {command}\n      # {text}" for command, text in _FIRST)]
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        lines += ["", group, *table([(name, one.summary) for name, one in COMMANDS.items() if one.group == group])]
    lines += ["", "Help of a command: maskscope COMMAND --help        Version: maskscope --version"]
    return "\n".join(lines)
