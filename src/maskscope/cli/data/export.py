"""``maskscope data export``: what is generated, in the published file formats."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskscope.cli.commands import Command
from maskscope.cli.words.actions import run_action
from maskscope.cli.words.parsing import parse
from maskscope.storage import user_path
from maskscope.tasks.mathematics import generate_questions, write_archive
from maskscope.tasks.scan import SPLIT_FILES
from maskscope.tasks.scan_files import write_split
from maskscope.tasks.scan_grammar import generate_split

_SUMMARY = """Write generated data in the published file formats.

  maskscope data export scan --split length --out scan
"""
_HERE = "maskscope.cli.data.export"
_SETS = {
    "scan": Command("", "a split of SCAN", f"{_HERE}:export_scan"),
    "mathematics": Command("", "questions of a module of the Mathematics Dataset", f"{_HERE}:export_mathematics"),
}


@dataclass(frozen=True)
class ScanOptions:
    """Write a split of SCAN, which is generated from its grammar, in the published file format: tasks_train_SPLIT.txt and
    tasks_test_SPLIT.txt. All but `simple` have the lines of the published files (in another order)."""

    split: Literal["simple", "length", "jump", "turn_left", "addprim_jump", "addprim_turn_left"] = "simple"
    """Which split, by the name that a study has for it or by that of its files. About 80 % of
    the test commands of the others are in the training part of any `simple` split."""
    out: Path = Path("scan")
    """Folder to write to."""
    seed: int = 0
    """Of `simple`, which is drawn at random."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


@dataclass(frozen=True)
class MathematicsOptions:
    """Write generated questions of one module of the Mathematics Dataset in the layout of the published archive: a folder a
    level, a line the question, a line its answer. The questions to be judged by stand in folders test-LEVEL and interpolate."""

    module: Literal["add_or_sub", "linear_1d", "differentiate", "sort", "collect"] = "add_or_sub"
    """Which kind of question."""
    questions: int = 100_000
    """Training questions of each level."""
    held_out: int = 10_000
    """Further questions of each level, to be judged by."""
    out: Path = Path("mathematics")
    """Folder to write to."""
    seed: int = 0
    """Of the questions."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON on standard output instead of text."""


def export_data(words: list[str]) -> None:
    """Generates what is named first and writes it."""
    run_action("data export", _SETS, words, summary=_SUMMARY)


def export_scan(words: list[str]) -> None:
    """Generates a split of SCAN and writes it."""
    options = parse(ScanOptions, words, "data export scan")
    name = SPLIT_FILES.get(options.split, options.split)
    out = user_path(options.out, argument="--out")
    split = generate_split(name, options.seed)
    paths = write_split(split, name, out)
    _print({str(path): len(commands) for path, commands in zip(paths, (split.train, split.test), strict=True)}, options.as_json)


def export_mathematics(words: list[str]) -> None:
    """Generates questions and writes them."""
    options = parse(MathematicsOptions, words, "data export mathematics")
    out = user_path(options.out, argument="--out")
    paths = write_archive(generate_questions(options.module, options.questions, options.held_out, options.seed), out)
    _print({str(path): path.read_bytes().count(b"\n") for path in paths}, options.as_json)


def _print(lines: Mapping[str, int], as_json: bool) -> None:
    print(json.dumps(lines, indent=1) if as_json else "\n".join(f"{path}: {count:,} lines" for path, count in lines.items()))
