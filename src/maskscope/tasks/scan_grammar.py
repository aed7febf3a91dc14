"""SCAN, generated from its grammar: every command with its actions, and the published splits.

Source: Lake and Baroni, "Generalization without Systematicity", ICML 2018: the phrase-structure grammar and the interpretation
of its phrases. The splits are those of the published files (tests compare their checksums).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, product
from operator import not_

import torch

from maskscope.errors import UnknownNameError

ACTIONS = ("I_TURN_LEFT", "I_TURN_RIGHT", "I_JUMP", "I_WALK", "I_RUN", "I_LOOK")
_VERBS = ("walk", "look", "run", "jump")
_TURNS = {"left": "I_TURN_LEFT", "right": "I_TURN_RIGHT"}
# the longest output, in actions, in the training part of the split by length
_LONGEST_TRAINED = 22
# how often the bare primitive is repeated in the training part of its split: a tenth of the part, as published
_REPEATED = {"jump": 1_467, "turn left": 2_189}


@dataclass(frozen=True)
class Command:
    """A command and the actions that it means.

    Args:
        words: the words, separated by single spaces.
        actions: the actions, in order.
    """

    words: str
    actions: tuple[str, ...]

    def holds(self, phrase: str) -> bool:
        """Whether the command contains a phrase, as whole words."""
        return f" {phrase} " in f" {self.words} "


@dataclass(frozen=True)
class Split:
    """Training commands and test commands; a command may be in ``train`` more than once."""

    train: tuple[Command, ...]
    test: tuple[Command, ...]


def every_command() -> list[Command]:
    """All 20,910 commands, each once.

    A command is a phrase, or two phrases joined by "and", or by "after", which swaps their actions. A phrase is a movement that
    is done once, twice or thrice.
    """
    phrases = [Command(words, actions) for words, actions in _phrases()]
    pairs = list(product(phrases, phrases))
    joined = [Command(f"{a.words} and {b.words}", a.actions + b.actions) for a, b in pairs]
    swapped = [Command(f"{a.words} after {b.words}", b.actions + a.actions) for a, b in pairs]
    return [*phrases, *joined, *swapped]


def _phrases() -> Iterator[tuple[str, tuple[str, ...]]]:
    for words, actions in _movements():
        yield words, actions
        yield f"{words} twice", actions * 2
        yield f"{words} thrice", actions * 3


def _movements() -> Iterator[tuple[str, tuple[str, ...]]]:
    for verb in _VERBS:
        yield verb, (f"I_{verb.upper()}",)
    for verb, (side, turn) in product(("turn", *_VERBS), _TURNS.items()):
        act = () if verb == "turn" else (f"I_{verb.upper()}",)
        yield f"{verb} {side}", (turn, *act)
        yield f"{verb} opposite {side}", (turn, turn, *act)
        yield f"{verb} around {side}", (turn, *act) * 4


def generate_split(name: str, seed: int = 0) -> Split:
    """Generates a split by its published name. ``simple`` depends on a seed: the seed of the published one is unknown.

    About four fifths of the test commands of the other splits are in the training part of any ``simple`` split. The accuracy on
    them of a network that was trained on ``simple`` therefore says little about generalisation.

    Args:
        name: ``simple``: a random fifth is the test part; ``length``: training commands have up to 22 actions, test commands 24
            and more; ``addprim_jump`` and ``addprim_turn_left``: the training part has the primitive only alone, repeated until
            it is a tenth of the part; the test part has all its compositions.
        seed: the seed of ``simple``; the other splits ignore it.

    Raises:
        UnknownNameError: there is no such split.
    """
    commands = every_command()
    if name == "simple":
        order = torch.randperm(len(commands), generator=torch.Generator().manual_seed(seed)).tolist()
        held_out = len(commands) // 5
        return Split(tuple(commands[place] for place in order[held_out:]), tuple(commands[place] for place in order[:held_out]))
    if name == "length":
        short = [len(command.actions) <= _LONGEST_TRAINED for command in commands]
        return Split(tuple(compress(commands, short)), tuple(compress(commands, map(not_, short))))
    primitive = name.removeprefix("addprim_").replace("_", " ")
    if not name.startswith("addprim_") or primitive not in _REPEATED:
        raise UnknownNameError("split of SCAN", name, SPLITS)
    bare = next(command for command in commands if command.words == primitive)
    without = [command for command in commands if not command.holds(primitive)]
    composed = [command for command in commands if command.holds(primitive) and command is not bare]
    return Split((*without, *[bare] * _REPEATED[primitive]), tuple(composed))


SPLITS = ("simple", "length", "addprim_jump", "addprim_turn_left")
