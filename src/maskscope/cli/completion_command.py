"""``maskscope completion``: a script for the shell, which then completes commands, options, studies, presets and paths."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from maskscope.cli.commands import load
from maskscope.cli.words.parsing import parse

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class CompletionOptions:
    """Print a script that lets the Tab key complete commands, options, studies, presets and paths.

      source <(maskscope completion bash)         in ~/.bashrc
      source <(maskscope completion zsh)          in ~/.zshrc, behind compinit
      maskscope completion fish | source          in ~/.config/fish/config.fish

    The script holds all words: at a Tab nothing of maskscope is loaded. Make it anew after an update.
    """

    shell: Positional[Annotated[Literal["bash", "zsh", "fish"], tyro.conf.arg(metavar="SHELL", help="bash, zsh or fish.")]]


def completion_command(words: list[str]) -> None:
    """Prints the script."""
    options = parse(CompletionOptions, words, "completion")
    # it looks at every option of every command, for which all of them are loaded
    print(load("maskscope.cli.words.completion:completion_script")(options.shell))
