"""Shell patterns over dotted parameter names: which names they match, and suggestions if they match none."""

import difflib
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from torch import nn


class UnmatchedPatternWarning(UserWarning):
    """A pattern in ``exclude`` that matches no parameter."""


def matching(pattern: str, names: Collection[str]) -> set[str]:
    """The names that a pattern matches. A pattern that is a whole name matches only that name, also if it has brackets."""
    return {pattern} if pattern in names else {name for name in names if fnmatchcase(name, pattern)}


def has_wildcard(pattern: str) -> bool:
    """Whether the pattern can match more than one name."""
    return re.search(r"[*?\[]", pattern) is not None


def near_names(pattern: str, network: nn.Module, names: Collection[str], most: int = 4) -> str:
    """For a pattern that matches nothing: a sentence with the names that the user may have meant; empty if there are none.

    These are names that differ only in case, names with a similar part, and the parameters of modules whose class the pattern
    names: ``*LayerNorm*`` is the name of a class, but parameter names contain the name of the attribute instead.
    """
    by_class = _by_class(pattern, network)
    near = dict.fromkeys(name for name in names if fnmatchcase(name.lower(), pattern.lower()))
    if not has_wildcard(pattern):
        near |= dict.fromkeys(difflib.get_close_matches(pattern, names, n=3, cutoff=0.5))
    near |= dict.fromkeys(by_class)
    word = _word(pattern)
    near |= dict.fromkeys(name for name in names if word and _is_like(word, name))
    found = [f"{name!r}{f' (of a {by_class[name]})' if name in by_class else ''}" for name in list(near)[:most]]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _by_class(pattern: str, network: nn.Module) -> Mapping[str, str]:
    """The parameters of modules whose class the pattern names, by name, with the class."""
    word = _word(pattern)
    return {
        f"{place}.{name}" if place else name: type(module).__name__
        for place, module in network.named_modules()
        if word and word in type(module).__name__.lower()
        for name, _ in module.named_parameters(recurse=False)
    }


def _word(pattern: str) -> str:
    """The longest part of a pattern without wildcards, in lower case; empty if it is too short to compare."""
    word = max(re.split(r"[^A-Za-z0-9_]+", pattern), key=len).lower()
    return word if len(word) > 2 else ""


def _is_like(word: str, name: str) -> bool:
    """Whether a part of the name contains the word, is contained in it (``norm1`` in ``layernorm``), or is spelt like it."""
    parts = [part.strip("0123456789_") for part in name.lower().split(".")]
    return any(
        len(part) > 2 and (word in part or part in word or bool(difflib.get_close_matches(word, [part], cutoff=0.75)))
        for part in parts
    )
