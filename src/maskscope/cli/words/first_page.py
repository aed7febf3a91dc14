"""What ``maskscope`` alone prints: what to do first, then the commands."""

from maskscope.cli.commands import COMMANDS
from maskscope.cli.words.help import filled, table

_FIRST = (
    ("maskscope run addition-multiplication --preset demo --seeds 3", "a demo"),
    ("maskscope show", "what it found"),
    ("maskscope new classifier my_study.py", "your network"),
    ("maskscope run my_study.py --preset smoke", "seconds"),
)


def first_page() -> str:
    """The text, in lines that can be copied."""
    about = (
        "maskscope finds which weights of a trained network carry which of its functions, and whether functions share weights."
    )
    lines = [filled(about), "", "Begin with", *(f"  {command:<61} # {text}" for command, text in _FIRST)]
    width = max(map(len, COMMANDS))
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        rows = [(f"{name:<{width}}", one.summary) for name, one in COMMANDS.items() if one.group == group]
        lines += ["", group, *table(rows)]
    lines += ["", "Help of a command: maskscope COMMAND --help        Version: maskscope --version"]
    return "\n".join(lines)
