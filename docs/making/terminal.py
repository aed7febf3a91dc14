"""Pictures of the terminal, 80 columns wide, as SVG.

``python docs/making/terminal.py RUN SECONDS`` takes the folder of `make demo` and its time.

They show what the commands print. The run under way is that of the demo, with its prices, at a moment that is chosen here.
"""

import contextlib
import io
import os
import re
import sys
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from maskscope.cli.main import main
from maskscope.cli.output.ending import print_ending
from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import plan_of
from maskscope.engine.records.file import load_record
from maskscope.report.progress import RunProgress

SCREENS = Path(__file__).parent.parent / "screens"
WIDTH = 80
DEMO = "maskscope run addition-multiplication --preset demo --seeds 3 --workers 2"


def picture(name: str, command: str, shown: RenderableType) -> None:
    """Writes a picture of a command and what it prints."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ {command}", "bold"), soft_wrap=True)
    console.print(shown, soft_wrap=isinstance(shown, Text))
    # without the fonts that rich would load from elsewhere
    plain = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=""), flags=re.S)
    (SCREENS / f"terminal-{name}.svg").write_text(plain, encoding="utf-8")


def printed(*words: str) -> Text:
    """What a command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(words)
    return Text.from_ansi(out.getvalue().rstrip())


def under_way() -> RenderableType:
    """The live lines of the demo, when its second network is being searched."""
    study, now = study_at("addition-multiplication"), [0.0]
    job = Job(study, study.preset("demo"), (0, 1, 2), str(SCREENS / "no-such-run"), threads=1)
    pieces = plan_of(job).pieces()
    progress = RunProgress(Console(file=io.StringIO()), lambda: now[0])
    progress.plans(pieces, 2)
    for piece in pieces[:7]:
        progress.makes(piece.outputs[0])
        now[0] += piece.seconds
        progress.made(piece.outputs[0])
    for place, step in ((8, 1_210), (9, 640)):
        progress.makes(pieces[place].outputs[0])
        progress.at(pieces[place].outputs[0], step, 2_000)
    return progress.drawn()


def ending(folder: Path, seconds: float) -> Text:
    """The last lines of the demo."""
    study, record = study_at("addition-multiplication"), load_record(folder)
    console = Console(file=io.StringIO(), width=WIDTH)
    page = str(folder / "report.html")
    print_ending(study, record, folder, page=page, seconds=seconds, console=console)
    return Text(console.file.getvalue().strip("\n"))


if __name__ == "__main__":
    run = Path(sys.argv[1])
    os.environ |= {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1"}
    picture("first", "maskscope", printed())
    picture("help", "maskscope run --help", printed("run", "--help"))
    picture("under-way", DEMO, under_way())
    picture("end", DEMO, ending(run, float(sys.argv[2])))
    picture("show", f"maskscope show {run}", printed("show", str(run)))
