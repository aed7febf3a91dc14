"""One setting of a study by its dotted name, and its values as a user writes them."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from maskscope.engine.spec import FOUND_BY_THE_RUN
from maskscope.engine.study import Study
from maskscope.errors import ConfigError, MaskscopeError, UnknownNameError
from maskscope.storage.legible import brief

# settings that `maskscope.MaskConfig` has under a name of its own: the setting, and the number that it is divided by
_QUOTIENTS = {"mask.penalty_weight": ("mask.beta", "mask.reference_batch")}
_SWITCH = {"yes": True, "no": False, "true": True, "false": False}
_EMPTY = "none"


@dataclass(frozen=True)
class Setting:
    """A setting that can be varied.

    Args:
        name: its dotted name, as ``mask.beta``.
        kind: the type of its values.
        stored: the dotted name of the field that holds it.
        divisor: the dotted name of the number by which the field is divided to give this setting; empty: none.
    """

    name: str
    kind: Any
    stored: str
    divisor: str = ""

    @property
    def has_numbers(self) -> bool:
        """Whether its values are numbers that stand in an order on an axis."""
        return self.kind in (int, float)

    @property
    def has_lists_of_numbers(self) -> bool:
        """Whether its values are lists of numbers, as the widths of layers are."""
        return get_origin(self.kind) is tuple and get_args(self.kind)[0] in (int, float)

    def of(self, spec: Any) -> Any:
        """Its value in some settings."""
        found = _read(spec, self.stored)
        return found / _read(spec, self.divisor) if self.divisor else found

    def put(self, spec: Any, value: Any) -> Any:
        """The settings with another value.

        Raises:
            ConfigError: the settings cannot have this value.
        """
        stored = value * _read(spec, self.divisor) if self.divisor else value
        try:
            changed = _write(spec, self.stored.split("."), stored)
        except MaskscopeError as error:
            raise ConfigError(f"{self.name} cannot be {label_of(value)} here: {error}") from error
        return changed

    def parse(self, text: str) -> Any:
        """A value from its text; a list is written 400x400x200, or with commas or blanks between its items.

        Raises:
            ConfigError: the text is not of the setting's type.
            UnknownNameError: there is no such choice.
        """
        if get_origin(self.kind) is not tuple:
            return self._parse_one(text, self.kind)
        (item, *_), inner = get_args(self.kind), text.strip().strip("()[]").strip()
        if inner in ("", _EMPTY):
            return ()
        between = r"\s*[,x×]\s*|\s+" if item in (int, float) else r"\s*,\s*|\s+"
        return tuple(self._parse_one(piece, item) for piece in re.split(between, inner.rstrip(",")))

    def _parse_one(self, text: str, kind: Any) -> Any:
        if get_origin(kind) is Literal:
            if text not in get_args(kind):
                raise UnknownNameError(self.name, brief(text), get_args(kind))
            return text
        if kind is str:
            return text
        if kind is bool:
            return self._converted(text, _SWITCH.__getitem__, "yes or no was expected")
        if kind is int:
            return self._converted(text, int, "a whole number was expected, as in 100")
        number: float = self._converted(text, float, "a number was expected, as in 1e-4")
        if not math.isfinite(number):
            raise ConfigError(f"{self.name} is {text}; a finite number was expected.")
        return number

    def _converted(self, text: str, convert: Callable[[str], Any], expected: str) -> Any:
        try:
            return convert(text.lower())
        except (ValueError, KeyError) as error:
            more = "; a list is written 400x400x200" if self.has_lists_of_numbers else ""
            raise ConfigError(f"{self.name} is {brief(text)!r}; {expected}{more}.") from error


def setting_named(study: Study[Any], name: str) -> Setting:
    """The setting of that dotted name.

    Args:
        study: whose settings they are.
        name: with points between its parts; a hyphen is taken for an underscore, as in options.

    Raises:
        UnknownNameError: there is none; the message has the closest names.
        ConfigError: it is a group of settings, or nothing that a user chooses.
    """
    asked, known = name.replace("-", "_"), settings_of(study.spec)
    if asked in known:
        return Setting(asked, known[asked], asked)
    for quotient, (stored, divisor) in _QUOTIENTS.items():
        if asked in (quotient, quotient.rpartition(".")[2]) and stored in known:
            return Setting(quotient, float, stored, divisor)
    if asked in (item.name for item in fields(study.spec) if _is_found_by_the_run(item)):
        raise ConfigError(
            f"{asked} is found by the run, and cannot be varied. To use other data, take another --data-dir, or study file."
        )
    if inner := [one for one in known if one.startswith(f"{asked}.")]:
        raise ConfigError(f"{asked} is a group of settings; one of them was expected: {', '.join(inner)}.")
    raise UnknownNameError(f"setting of {study.name}", brief(name), [*known, *_QUOTIENTS])


def settings_of(kind: type) -> dict[str, Any]:
    """The types of all settings that can be varied, by dotted name."""
    hints, found = get_type_hints(kind), dict[str, Any]()
    for item in fields(kind):
        if is_dataclass(hints[item.name]):
            found |= {f"{item.name}.{inner}": one for inner, one in settings_of(hints[item.name]).items()}
        elif not _is_found_by_the_run(item):
            found[item.name] = hints[item.name]
    return found


def label_of(value: Any) -> str:
    """A value in the form in which `Setting.parse` reads it, as short as it can be."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple):
        between = "," if any(isinstance(item, str) for item in value) else "x"
        return between.join(map(label_of, value)) or _EMPTY
    return str(value) or _EMPTY


def parse_values(setting: Setting, texts: Sequence[str], names: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a setting by their labels: their own names where they have one, else as `label_of` has them.

    Args:
        setting: what they are values of.
        texts: as a user wrote them.
        names: values that have a name of their own.

    Raises:
        ConfigError: there is none, one is of the wrong type, or one stands twice.
        UnknownNameError: there is no such choice.
    """
    if not texts:
        raise ConfigError(f"No values of {setting.name} were given; at least one was expected.")
    found: dict[str, Any] = {}
    for text in texts:
        value = names[text] if text in names else setting.parse(text)
        if value in found.values():
            raise ConfigError(f"{setting.name} is {label_of(value)} twice in {' '.join(texts)}; different values were expected.")
        label = next((name for name, known in names.items() if known == value), label_of(value))
        found[label] = value
    return found


def _is_found_by_the_run(item: Field[Any]) -> bool:
    return FOUND_BY_THE_RUN.items() <= item.metadata.items()


def _read(spec: Any, name: str) -> Any:
    for part in name.split("."):
        spec = getattr(spec, part)
    return spec


def _write(spec: Any, parts: list[str], value: Any) -> Any:
    first, *rest = parts
    return replace(spec, **{first: _write(getattr(spec, first), rest, value) if rest else value})
