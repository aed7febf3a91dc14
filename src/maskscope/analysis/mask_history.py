"""What a mask says of how it was made: for which function, with which settings."""

from typing import Any

from maskscope.masks import Mask
from maskscope.storage import Json

_RESULTS = frozenset(("judgement", "curve"))  # what a search found, beside how it searched
_BETWEEN = {"and": " and ", "or": " or ", "minus": " minus "}


def found_for(mask: Mask) -> str:
    """The function that a mask was found for, in words; for a combined mask, those of its parts.

    Examples:
        >>> import maskscope as ms
        >>> found_for(ms.BinaryMask({}, made_by={"not": {"noise": {"mask": "add", "seed": 0, "repeat": 0}}}))
        'not add (seed 0, repeat 0)'
    """
    return _words(mask.made_by)


def settings_of(mask: Mask) -> dict[str, Any]:
    """How a mask was made, flat: the dotted name of each setting, and its value. What the search found is left out."""
    found: dict[str, Any] = {}
    _flatten(mask.made_by, "", found)
    return found


def _words(made_by: Any, *, inside: bool = False) -> str:
    match made_by:
        case {"noise": {"mask": str(name), **more}}:
            rest = ", ".join(f"{key} {more[key]}" for key in ("seed", "repeat") if key in more)
            return f"{name} ({rest})" if rest else name
        case {"not": part}:
            return f"not {_words(part, inside=True)}"
        case {"stable core": list(parts), **more}:
            needed = f" ({more['needed']} of {len(parts)} keep a unit)" if "needed" in more else ""
            return f"stable core of {', '.join(_words(part, inside=True) for part in parts)}{needed}"
        case dict() if len(made_by) == 1 and (word := next(iter(made_by))) in _BETWEEN and isinstance(made_by[word], list):
            text = _BETWEEN[word].join(_words(part, inside=True) for part in made_by[word])
            return f"({text})" if inside else text
    return "unknown: the file does not say"


def _flatten(value: Json | list[Any] | Any, name: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            if key not in _RESULTS:
                _flatten(item, f"{name}.{key}" if name else key, found)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for place, item in enumerate(value):
            _flatten(item, f"{name}.{place}", found)
    elif name:
        found[name] = value
