"""Text that others wrote, made safe to show: signs that do something instead of being something are written out.

A record may come from anybody. An escape sequence in it would clear a terminal or set its title; a sign of direction would make
a page say something else than its bytes.
"""

import re
from typing import Any

# Control signs but for tab and newline; those of direction (Unicode's Bidi_Control); line separators; half characters
_SIGNS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def legible(text: str) -> str:
    r"""The text with such signs as their names in Python.

    Examples:
        >>> print(legible("plain \x1b[31mred"))
        plain \x1b[31mred
    """
    return _SIGNS.sub(lambda found: ascii(found[0])[1:-1], text)


def legible_json(value: Any) -> Any:
    """The same for every text in a JSON value, keys included."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list | tuple):
        return [legible_json(item) for item in value]
    if isinstance(value, dict):
        return {legible_json(key): legible_json(item) for key, item in value.items()}
    return value


def brief(text: str, most: int = 120) -> str:
    """The text, its middle left out where it is too long for a message."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]} ({len(text):,} characters)"
