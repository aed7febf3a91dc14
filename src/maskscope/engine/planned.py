"""What a run would do and cost, as a value that can be printed."""

import io
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskscope.analysis import SelectionTable
from maskscope.engine.study import Needs

_WIDTH = 80
# beyond this multiple of a part, a number of items says nothing more
_FAR = 100
_NUMBERS = ("units", "each", "how often", "in all", "for controls", "how many", "done", "all that is left")


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a run: is it done, and if not, how long may it take?

    Args:
        name: of the stage.
        done: whether it is there.
        seconds: that it takes to make; NaN if nothing was timed.
        kind: what is done most in it, in words; empty: nothing that takes time.
        steps: how often that is done.
        control: the control that it is for; empty: it is for the study itself.
        what: it makes, in a word: a network, a mask, an analysis.
        step: the name of the step that makes it, perhaps with others.
        words: what that step does.
        seed: of the network.
        together: the key of that step, if it may be made in one call with others; see `maskscope.engine.step.Together`.
    """

    name: str
    done: bool
    seconds: float
    kind: str = ""
    steps: int = 0
    control: str = ""
    what: str = ""
    step: str = ""
    words: str = ""
    seed: int = 0
    together: str = ""


@dataclass(frozen=True)
class Piece:
    """A step of a run, for whoever follows the run.

    Args:
        place: the value of the sweep that it is at; empty: there is no sweep.
        network: which network it is of, in words; empty where there is one only.
        words: what it does.
        kind: what is done most in it.
        steps: how often that is done, for one output.
        seconds: that it takes; NaN if nothing was timed.
        outputs: their names.
        done: whether all are there already.
    """

    place: str
    network: str
    words: str
    kind: str
    steps: int
    seconds: float
    outputs: tuple[str, ...]
    done: bool


@dataclass(frozen=True)
class Plan:
    """All stages, and what they need. Printed, it says what will be done, what is masked, and what that costs.

    Args:
        stages: in order.
        seconds: for what is not done, in one process; NaN if nothing was timed.
        memory: bytes at the peak, in each process, estimated.
        disk: bytes of artefacts and one checkpoint for each process, estimated from the numbers of weights.
        each: seconds of one step of each kind, by timing a few here and now.
        needs: memory and disk in parts.
        masked: what masks are over, tensor by tensor; None where that cannot be said before.
        peak: bytes that this process had taken at most when the steps had been timed; 0 if that is not known.
    """

    stages: tuple[PlannedStage, ...]
    seconds: float
    memory: int
    disk: int
    each: Mapping[str, float] = field(default_factory=dict)
    needs: Needs = field(default_factory=lambda: Needs(0, 0))
    masked: SelectionTable | None = None
    peak: int = 0

    def pieces(self, place: str = "") -> list[Piece]:
        """The steps that make the stages, also those that are done.

        Args:
            place: the value of a sweep.
        """
        seeds = list(dict.fromkeys(stage.seed for stage in self.stages))
        steps: dict[tuple[int, str], list[PlannedStage]] = {}
        for stage in self.stages:
            steps.setdefault((stage.seed, stage.step), []).append(stage)
        found = []
        for (seed, _), stages in steps.items():
            first = stages[0]
            network = f"network {seeds.index(seed) + 1} of {len(seeds)}" if len(seeds) > 1 else ""
            each = first.steps * self.each.get(first.kind, math.nan) if first.kind else 0.0
            names = tuple(stage.name for stage in stages)
            done = all(stage.done for stage in stages)
            found.append(Piece(place, network, first.words, first.kind, first.steps, each * len(stages), names, done))
        return found

    @property
    def seconds_of_controls(self) -> dict[str, float]:
        """Of the seconds, those of each control."""
        left: dict[str, float] = {}
        for stage in self._left:
            if stage.control:
                left[stage.control] = left.get(stage.control, 0.0) + stage.seconds
        return left

    @property
    def _left(self) -> list[PlannedStage]:
        return [stage for stage in self.stages if not stage.done]

    def summary(self) -> str:
        """What is made, by kind: how many, how many are done, how long each takes and all that are left."""
        drawn = _grid("what is made", "how many", "done", "each", "all that is left")
        kinds = dict.fromkeys((stage.what, stage.control) for stage in self.stages)
        for what, control in kinds:
            mine = [stage for stage in self.stages if (stage.what, stage.control) == (what, control)]
            left = [stage.seconds for stage in mine if not stage.done]
            name = what if not control or control in what else f"{what}, {control}"
            each = duration(sum(left) / len(left)) if left else "-"
            drawn.add_row(*map(Text, (name, str(len(mine)), str(len(mine) - len(left)), each, duration(sum(left, 0.0)))))
        return "\n".join(["What is made", _drawn(drawn), ""])

    def text(self, workers: int = 1) -> str:
        """The plan in words and tables, 80 columns wide.

        Args:
            workers: the processes that share the work.
        """
        if not self._left:
            return "Everything is there already; nothing is searched."
        paragraphs = [*_masked(self.masked), *_costs(self, workers), *_memory(self.needs, self.peak, workers)]
        return "\n".join(paragraphs)

    def __str__(self) -> str:
        return self.text()


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``3 min 20 s`` or ``12 s``."""
    if math.isnan(seconds):
        return "not timed"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _masked(table: SelectionTable | None) -> list[str]:
    """What masks are over, tensor by tensor."""
    if table is None:
        return []
    rows = table.grouped()
    drawn = _grid(*table.titles)
    for row in rows:
        drawn.add_row(*map(Text, row.cells))
    return [
        "What masks are over",
        _drawn(drawn),
        _filled(table.summary),
        "",
    ]


def _costs(plan: Plan, workers: int) -> list[str]:
    """How often each kind of step is done, and how long all takes."""
    left = [stage for stage in plan.stages if not stage.done]
    drawn = _grid("what is done", "each", "how often", "in all", "for controls")
    for kind in dict.fromkeys(stage.kind for stage in left if stage.kind):
        mine = [stage for stage in left if stage.kind == kind]
        each = plan.each.get(kind, math.nan)
        whole, controls = (sum((one.seconds for one in some), 0.0) for some in (mine, [one for one in mine if one.control]))
        often = f"{sum(stage.steps for stage in mine):,}"
        drawn.add_row(*map(Text, (kind, _short(each), often, duration(whole), duration(controls))))
    return ["What it costs", _drawn(drawn), _time(plan, workers)]


def _time(plan: Plan, workers: int) -> str:
    if math.isnan(plan.seconds):
        return _entry("time", "not timed, since a step may not fit into memory")
    controls = plan.seconds_of_controls
    shared = f" with {workers} workers" if workers > 1 else ""
    sentences = [f"about {duration(plan.seconds / workers)}{shared}, by timing a few steps here and now."]
    if workers == 1 and _some_go_together(plan):
        sentences.append("That is the most: steps of one kind are made in one call, and timed were steps made one by one.")
    if controls:
        names = ", ".join(f"{name} {duration(seconds / workers)}" for name, seconds in controls.items())
        sentences += [
            f"{duration(sum(controls.values(), 0.0) / workers)} of these are controls ({names}). Leave them out with "
            "--controls and nothing behind it, or name those to keep."
        ]
    return _entry("time", *sentences)


def _some_go_together(plan: Plan) -> bool:
    """Whether steps that are not done will be made in one call."""
    left = {(stage.together, stage.seed, stage.step) for stage in plan.stages if stage.together and not stage.done}
    return len(left) > len({key for key, *_ in left})


def _memory(needs: Needs, peak: int, workers: int) -> list[str]:
    """What is taken of memory and disk, whether that is there, and what lowers it."""
    sentences = [f"about {_size(needs.memory)} at the peak of each process, estimated."]
    if needs.more:
        free = "" if needs.free is None else f"; {_size(needs.free)} are free"
        sentences.append(f"{_size(needs.more)} of these are needed in addition to what is taken now{free}.")
    if peak:
        sentences.append(f"Measured: with the timed steps, this process came to {_size(peak)} at most.")
    sentences += _of_part(needs, workers)
    lines = [_entry("memory", *sentences)]
    if needs.free is not None and needs.more * workers > needs.free:
        lines.append(_entry("", "TOO MUCH: this will probably not fit. What helps:"))
        fewer = [f"Fewer --workers: {needs.free // needs.more} would fit."] if needs.fits else []
        lines += [_entry("      *", cure) for cure in (*needs.cures, *fewer)]
    return [*lines, _entry("disk", f"about {_size(needs.disk)}")]


def _of_part(needs: Needs, workers: int) -> list[str]:
    """What is known of the part of a batch that a sample sees."""
    part = needs.part
    if part is None:
        return []
    if not part.items:
        return [f"A part of the data takes {_size(part.bytes)}, with {needs.at_once} at once."]
    how = "" if part.tried == part.items else f", estimated from {part.tried:,}"
    sentences = [f"A part of {part.items:,} items takes {_size(part.bytes)}{how}, with {needs.at_once} at once."]
    if needs.free is not None and part.each > 0:
        others = needs.more - needs.at_once * part.bytes
        most = part.most_items((needs.free / workers - others) / needs.at_once)
        far = most > _FAR * part.items
        known = "Far larger parts would fit." if far else f"Parts of up to about {most:,} items fit."
        sentences.append(known if most else "Not even parts of one item fit.")
    return sentences


def _entry(label: str, *sentences: str) -> str:
    """Sentences behind a label, in lines that are not too long."""
    return _filled(" ".join(sentences), f"{label:<8}", 8 * " ")


def _filled(text: str, first: str = "", others: str = "") -> str:
    """A paragraph in lines that are not too long, broken between words only."""
    kept = textwrap.TextWrapper(
        _WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
    return kept.fill(text)


def _grid(*titles: str) -> Table:
    """A table without lines, since not every terminal has signs for them. Numbers are on the right."""
    drawn = Table(box=None, pad_edge=False, header_style="")
    for title in titles:
        drawn.add_column(title, justify="right" if title in _NUMBERS else "left", overflow="fold")
    return drawn


def _drawn(table: Table) -> str:
    out = io.StringIO()
    Console(file=out, width=_WIDTH, color_system=None, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def _short(seconds: float) -> str:
    """``12 ms`` or ``1.5 s``."""
    if math.isnan(seconds):
        return "-"
    return f"{1000 * seconds:.2g} ms" if seconds < 0.0995 else f"{seconds:.2g} s"


def _size(size: int) -> str:
    """``1.20 GiB`` or ``12 MiB``."""
    return f"{size / 2**30:.2f} GiB" if size >= 0.1 * 2**30 else f"{size / 2**20:.3g} MiB"
