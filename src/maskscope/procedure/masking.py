"""What one bit of a study's masks stands for, and what stands in place of weights that are off, as settings say it."""

from collections.abc import Mapping, Sequence

from maskscope.errors import ConfigError
from maskscope.masks.units import Heads, Units

_SIGN, _COUNTS = "=", ":"


def units_from(words: Sequence[str]) -> Units:
    """The units for `maskscope.select`, from words: one unit (``row``), or ``pattern=unit`` for each pattern of parameter names.

    ``head:12`` says that there are 12 heads, ``head:12:4`` that 4 key and value heads belong to them; without, the network's own
    modules say it.

    Raises:
        ConfigError: several units, and no patterns.
    """
    if not words:
        return "weight"
    if len(words) == 1 and _SIGN not in words[0]:
        return _unit(words[0])
    wrong = [word for word in words if _SIGN not in word]
    if wrong:
        raise ConfigError(
            f"units has {' '.join(words)}; one unit, or pattern=unit for each pattern was expected, as in *attn*=head *=weight. "
            f"Without a pattern: {', '.join(wrong)}."
        )
    return {pattern: _unit(unit) for pattern, unit in (word.rsplit(_SIGN, 1) for word in words)}


def words_of(units: str | Heads | Mapping[str, str | Heads]) -> tuple[str, ...]:
    """The words that `units_from` reads; none for single weights.

    Raises:
        ConfigError: a rule of the user's own, which settings cannot name.
    """
    if units == "weight":
        return ()
    if isinstance(units, Mapping):
        return tuple(f"{pattern}{_SIGN}{_word(unit)}" for pattern, unit in units.items())
    return (_word(units),)


def _unit(word: str) -> str | Heads:
    name, *counts = word.split(_COUNTS)
    if not counts:
        return name
    if name != "head" or len(counts) > 2 or not all(count.isdecimal() for count in counts):
        raise ConfigError(
            f"The unit {word!r} was not understood; only heads have numbers: head:12, or head:12:4 for grouped queries."
        )
    return Heads(*map(int, counts))


def _word(unit: object) -> str:
    if isinstance(unit, Heads):
        return _COUNTS.join(["head", str(unit.count), *([str(unit.key_value)] if unit.key_value else [])])
    if not isinstance(unit, str):
        raise ConfigError(
            f"units is of the type {type(unit).__name__}; in a study, names were expected: 'row', or "
            "{'*attn*': 'head', '*': 'weight'}. A rule of your own works with maskscope.select and maskscope.discover."
        )
    return unit
