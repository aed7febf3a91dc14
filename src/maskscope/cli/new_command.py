"""``maskscope new``: a Python file with a study of a network of one's own, which runs as it is and is changed from there."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from maskscope.cli.words.parsing import parse
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.storage import user_path, write_bytes

TEMPLATES = {
    "classifier": "two groups of classes in image classifiers of several seeds",
    "language-model": "two abilities of a small language model",
    "sequence": "two questions that an LSTM answers about a signal, with a loss of its own",
    "fine-tuned": "what fine-tuning changed: masks over the difference of two networks",
    "blank": "three places to fill in",
}


@dataclass(frozen=True)
class NewOptions:
    """Write a study of your own network to begin from. It runs as it is, on data that it makes or that scikit-learn ships.

    maskscope new classifier my_study.py
    maskscope run my_study.py --preset smoke     seconds: does everything run?
    maskscope run my_study.py                    the answer
    """

    template: Positional[
        Annotated[str, tyro.conf.arg(help="; ".join(f"{name}: {words}" for name, words in TEMPLATES.items()), metavar="TEMPLATE")]
    ]
    file: Positional[Annotated[Path, tyro.conf.arg(help="The Python file to write.", metavar="FILE.py")]]
    force: bool = False
    """Replace the file if it is there."""


def new_command(words: list[str]) -> None:
    """Writes a template."""
    options = parse(NewOptions, words, "new")
    if options.template not in TEMPLATES:
        raise UnknownNameError("template", options.template, TEMPLATES)
    file = user_path(options.file, argument="FILE.py")
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise ConfigError(
            f"{options.file} was given; the name of a Python file that can be imported was expected, such as my_study.py."
        )
    if file.exists() and not options.force:
        raise ConfigError(f"{options.file} exists and is kept. Take another name, or --force to replace it.")
    if not file.parent.is_dir():
        raise ConfigError(f"There is no folder {options.file.parent}. Make it, or take another.")
    source = files("maskscope.cli") / "templates" / f"{options.template.replace('-', '_')}.py"
    write_bytes(file, source.read_text(encoding="utf-8").replace("FILE.py", str(options.file)).encode())
    print(f"{options.file} is written. Next:")
    print(f"  maskscope run {options.file} --preset smoke    # seconds: does everything run?")
    print(f"  maskscope run {options.file} --dry-run         # what is masked, how long it takes")
    print(f"  maskscope run {options.file}                   # the answer")
