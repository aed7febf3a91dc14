"""SCAN as a task: commands are answered with actions.

Source: Lake and Baroni 2018; the choice of splits is from Csordás et al. 2021.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from maskscope.errors import FileFormatError, UnknownNameError
from maskscope.tasks.encoding import Encoded, Vocabulary, encode
from maskscope.tasks.scan_files import as_text, read_split
from maskscope.tasks.scan_grammar import ACTIONS, Command, Split, every_command, generate_split
from maskscope.tasks.sequences import FOUND_WITH, EvaluationSet, SequenceTask, sampled

# in the order of the authors' numbers: by decreasing frequency over all files
WORDS = Vocabulary(
    ("and", "after", "twice", "thrice", "left", "right", "opposite", "around", "turn", "walk", "look", "run", "jump")
)
ACTION_TOKENS = Vocabulary(ACTIONS)
SIMPLE = "simple"
# size of the sample of a mask's own training commands that it is tested on
_OWN_COMMANDS_TESTED = 1_000
# the names of the splits in this package, and in the names of the files
SPLIT_FILES = {"jump": "addprim_jump", "length": "length", "turn_left": "addprim_turn_left"}


def scan_splits(names: Sequence[str], simple_seed: int = 0, folder: Path | None = None) -> dict[str, Split]:
    """The split ``simple``, which networks are trained on, and other splits by name: generated, or read from a folder.

    Raises:
        UnknownNameError: there is no such split.
        FileFormatError: a file is missing, or is not a SCAN file; or the two parts of a split have a command in common.
    """
    for unknown in (name for name in names if name not in SPLIT_FILES):
        raise UnknownNameError("split of SCAN", unknown, SPLIT_FILES)
    if folder is None:
        return {SIMPLE: generate_split(SIMPLE, simple_seed)} | {name: generate_split(SPLIT_FILES[name]) for name in names}
    grammar = {command.words: command for command in every_command()}
    return {name: _checked(read_split(file, folder), file, folder, grammar) for name, file in _files(names).items()}


def _files(names: Sequence[str]) -> dict[str, str]:
    return {SIMPLE: SIMPLE} | {name: SPLIT_FILES[name] for name in names}


def _checked(split: Split, file: str, folder: Path, grammar: Mapping[str, Command]) -> Split:
    """Checks a split and sorts its commands: like the digest, the order must not depend on the order of the lines.

    Raises:
        FileFormatError: it is not a split of SCAN.
    """
    cure = "Get the published files again, or write them: `maskscope data export scan`."
    strange = next(
        (command for part in (split.train, split.test) for command in part if grammar.get(command.words) != command), None
    )
    if strange is not None:
        there = "means something else" if strange.words in grammar else "is no command of SCAN"
        raise FileFormatError(f"{strange.words!r}, in the files of split {file} in {folder}, {there}. {cure}")
    tested = {command.words for command in split.test}
    both = sorted(tested & {command.words for command in split.train})
    if both or len(tested) < len(split.test):
        raise FileFormatError(
            f"The training and the test part of split {file} in {folder} have commands in common, or one is tested twice"
            f"{f' ({both[0]!r}, for one)' if both else ''}: no split of SCAN. {cure}"
        )
    return Split(*(tuple(sorted(part, key=lambda command: command.words)) for part in (split.train, split.test)))


def splits_digest(splits: Mapping[str, Split]) -> str:
    """SHA-256 of all lines of some splits; it does not depend on the order of splits or lines."""
    whole = hashlib.sha256()
    for name in sorted(splits):
        for part in (splits[name].train, splits[name].test):
            whole.update("".join(sorted(as_text([command]) for command in part)).encode() + b"\n")
    return whole.hexdigest()


def are_published(splits: Mapping[str, Split]) -> bool:
    """Whether these are all commands of SCAN with their published actions, divided as published (``simple``: in any way)."""
    grammar = {command.words: command for command in every_command()}
    same = {name: generate_split(SPLIT_FILES[name]) for name in splits if name != SIMPLE}
    simple = [*splits[SIMPLE].train, *splits[SIMPLE].test]
    return (
        len(simple) == len(grammar)
        and all(grammar.get(command.words) == command for command in simple)
        and splits_digest(same) == splits_digest({name: split for name, split in splits.items() if name != SIMPLE})
    )


def scan_task(
    splits: Mapping[str, Split],
    *,
    test_items: int = 0,
    forcing: float = 1.0,
    even: bool = False,
    device: torch.device | str = "cpu",
) -> SequenceTask:
    """The task for SCAN: networks are trained on ``simple``, masks on the training parts of the other splits.

    Every test part is a test. About four fifths of the commands in the other test parts are in the training part of ``simple``;
    accuracy is therefore also measured on the unseen rest alone. The test ``NAME-train`` is a sample of the distinct training
    commands of a mask: it shows whether the mask can do the commands that it was found with.

    Args:
        splits: as returned by `scan_splits`.
        test_items: how many commands of each test part, drawn at random; 0 means all.
        forcing: see `SequenceTask`.
        even: see `SequenceTask`.
        device: see `SequenceTask`.
    """
    trained_on = {command.words for command in splits[SIMPLE].train}
    train, tests = {}, {}
    for name, split in splits.items():
        train[SequenceTask.whole if name == SIMPLE else name] = _encoded(split.train, name)
        tests[name] = sampled(_evaluation_set(split.test, trained_on, name, apart=name != SIMPLE), test_items, 0)
        if name != SIMPLE:
            own = _evaluation_set(list(dict.fromkeys(split.train)), trained_on, name)
            tests[f"{name}{FOUND_WITH}"] = sampled(own, test_items or _OWN_COMMANDS_TESTED, 0)
    return SequenceTask(train, tests, WORDS, ACTION_TOKENS, joint=" ", forcing=forcing, even=even, device=device)


def _evaluation_set(commands: Sequence[Command], trained_on: set[str], name: str, *, apart: bool = False) -> EvaluationSet:
    new = torch.tensor([command.words not in trained_on for command in commands])
    return EvaluationSet(_encoded(commands, name), len(commands), int((~new).sum()), new, apart)


def _encoded(commands: Sequence[Command], name: str) -> Encoded:
    pairs = [(command.words.split(" "), command.actions) for command in commands]
    return encode(pairs, WORDS, ACTION_TOKENS, f"split {name} of SCAN")
