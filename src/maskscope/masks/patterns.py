"""Shell patterns over dotted parameter names: what they match, and what was meant when they match nothing."""

import difflib
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from torch import nn


class UnmatchedPatternWarning(UserWarning):
    """A pattern that excludes nothing, since no parameter has such a name."""


def matching(pattern: str, names: Collection[str]) -> set[str]:
    """The names that a pattern means; a name as it is means itself, whatever brackets are in it."""
    return {pattern} if pattern in names else {name for name in names if fnmatchcase(name, pattern)}


def has_wildcard(pattern: str) -> bool:
    """Whether the pattern can match more than one name."""
    return re.search(r"[*?\[]", pattern) is not None


def near_names(pattern: str, network: nn.Module, names: Collection[str], most: int = 4) -> str:
    """The sentence that names parameters which may have been meant by a pattern that matches none, or nothing.

    Near are names that differ in upper and lower case, that have a similar part, and the parameters of modules of such a class:
    ``*LayerNorm*`` is a class, and the names of its parameters come from the attribute that holds the layer.
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
    """Parameters by name, with the class of their module, where that is what the pattern names."""
    word = _word(pattern)
    return {
        f"{place}.{name}" if place else name: type(module).__name__
        for place, module in network.named_modules()
        if word and word in type(module).__name__.lower()
        for name, _ in module.named_parameters(recurse=False)
    }


def _word(pattern: str) -> str:
    """The longest plain part of a pattern, in lower case; too short a one says nothing."""
    word = max(re.split(r"[^A-Za-z0-9_]+", pattern), key=len).lower()
    return word if len(word) > 2 else ""


def _is_like(word: str, name: str) -> bool:
    """Whether a part of the name holds the word, or is held by it (``norm1`` for ``layernorm``), or is spelt nearly so."""
    parts = [part.strip("0123456789_") for part in name.lower().split(".")]
    return any(
        len(part) > 2 and (word in part or part in word or bool(difflib.get_close_matches(word, [part], cutoff=0.75)))
        for part in parts
    )
