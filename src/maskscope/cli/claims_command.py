"""``maskscope claims``: the claims of the studies, and what became of them in some runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from tyro.conf import Positional

from maskscope.cli.words.parsing import parse


@dataclass(frozen=True)
class ClaimsOptions:
    """Print the claims of the studies, and what became of them in your runs.

    maskscope claims                          the claims of each study, and the command that tests them
    maskscope claims runs/demo runs/other     what became of them there
    maskscope claims --all                    every claim, with what the paper reports
    """

    folders: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[RUN ...]", help="Folders of finished runs.")]] = ()
    everything: Annotated[bool, tyro.conf.arg(name="all")] = False
    """Also the claims that no record here is about, each study with the command that makes its record."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of tables."""


def claims_command(words: list[str]) -> None:
    """Prints what became of every claim."""
    options = parse(ClaimsOptions, words, "claims")
    from maskscope.cli.output.printing import announce, print_json
    from maskscope.engine.address import known_studies
    from maskscope.engine.records.file import load_record
    from maskscope.engine.spec import to_json
    from maskscope.engine.state import state_of_claims
    from maskscope.report import record_in_words, show_claims, show_studies_of_claims

    records = {folder: load_record(folder) for folder in options.folders}
    for folder, record in records.items():
        if record.experiment not in known_studies():
            announce(f"{folder} is of the study {record.experiment}, whose claims are its own: maskscope show {folder}")
    found = state_of_claims([*records.values()])
    if options.as_json:
        print_json([to_json(one) | {"where": record_in_words(one)} for one in found])
    elif records or options.everything:
        show_claims(found, Console(), everything=options.everything)
    else:
        show_studies_of_claims(found, Console())
