"""The settings of a study: frozen values that check themselves, with JSON both ways and one canonical spelling."""

import math
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import cattrs

from maskscope.errors import ConfigError, suggestion
from maskscope.storage import Json, read_plain_json
from maskscope.storage.legible import brief, legible_json

Value = TypeVar("Value")
# metadata of a field that a run finds out for itself, such as the digest of its data: nobody chooses it
FOUND_BY_THE_RUN = {"found by the run": True}
# of one file in one message
MOST_FAULTS = 20


def to_json(value: Any) -> Any:
    """A spec or a record as plain JSON values."""
    return _CONVERTER.unstructure(value)


def from_json(kind: Callable[..., Value], value: Any) -> Value:
    """A spec or a record from plain JSON values of any shape; text in it is made `legible`.

    Args:
        kind: a dataclass, or a generic one with its parameters, such as ``NetworkResult[SequenceResult]``.
        value: what the JSON holds.

    Raises:
        ConfigError: names every field that is unknown, missing, of the wrong kind or impossible.
    """
    shape: Any = kind
    try:
        found: Value = _CONVERTER.structure(legible_json(value), shape)
    except cattrs.BaseValidationError as error:
        faults = _faults(error, kind)
        more = [f"and {len(faults) - MOST_FAULTS:,} more faults"] if len(faults) > MOST_FAULTS else []
        raise ConfigError("\n  ".join([f"Not a valid {shape.__name__}:", *faults[:MOST_FAULTS], *more])) from error
    except ConfigError as error:
        raise ConfigError(f"Not a valid {shape.__name__}: {error}.") from error
    return found


def read_spec(path: Path, kind: type[Value]) -> Value:
    """The settings that a JSON file holds.

    Raises:
        FileFormatError: the file cannot be read, or is no JSON.
        ConfigError: names every field that is unknown, of the wrong kind or impossible.
    """
    cure = "`maskscope run ... --print-spec` prints a valid spec."
    try:
        return from_json(kind, read_plain_json(path, cure=cure))
    except ConfigError as error:
        raise ConfigError(f"{path} cannot be used. {cure} {error}") from error


def canonical_spec(value: Any, stage: int | None = None) -> Any:
    """A spec for identities: fields added after its first release are left out while they have their default value.

    Such a field says ``metadata={"added": "0.2.0"}``; so an artefact keeps its identity when a later version adds a setting.

    Args:
        value: the spec, or what a field of it holds.
        stage: leaves out the fields that do not count at this stage (see `counts`).
    """
    if not is_dataclass(value):
        return to_json(value)
    result = {}
    for item in fields(value):
        current = getattr(value, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        counts = stage is None or stage in item.metadata.get("counts", (stage,))
        if counts and not ("added" in item.metadata and current == default):
            result[item.name] = canonical_spec(current)
    return result


def settings_at(study: str, spec: Any, stage: int) -> Json:
    """The name of a study, and those of its settings that count at a stage."""
    settings: Json = canonical_spec(spec, stage)
    return {"study": study} | settings


def counts(first: int | None, last: int = sys.maxsize) -> dict[str, range]:
    """Metadata of a field of a spec: the stages that have it among their settings. A field that says nothing counts for all.

    So a forgotten field costs time, never truth.

    Args:
        first: the first of these stages. None: there is none, since the field only says which stages there are, or which masks
            are found together; every stage says that of itself.
        last: the last of these stages. Later ones depend on the field only through what they are made from.
    """
    # Some fields have a `last` and others are repeated in stages that have them through their inputs: so did the lists by which
    # settings were once chosen, and the artefacts of that time keep their identity.
    return {"counts": range(0) if first is None else range(first, last + 1)}


def at_least(spec: Any, **least: int) -> None:
    """Raises `ConfigError` naming every field that is below its limit, or a number that no computer calculates with."""
    numbers = {item.name: getattr(spec, item.name) for item in fields(spec)}
    faults = [
        f"{name} is {brief(str(value))}; a finite number{' of at most 64 bits' if isinstance(one, int) else ''} was expected"
        for name, value in numbers.items()
        for one in (value if isinstance(value, tuple) else (value,))
        if (isinstance(one, float) and not math.isfinite(one)) or (isinstance(one, int) and abs(one) >= 2**63)
    ]
    faults += [
        f"{name} is {numbers[name]}; a number of at least {limit} was expected"
        for name, limit in least.items()
        if numbers[name] < limit
    ]
    if faults:
        raise ConfigError("; ".join(faults) + ".")


def _faults(error: Exception, kind: Any) -> list[str]:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [item.name for item in fields(error.cl)]
        return [f"{brief(str(name))}: no such field.{suggestion(str(name), known)}" for name in sorted(error.extra_fields)]
    if isinstance(error, ExceptionGroup):
        return [f"{_where(inner)}{fault}" for inner in error.exceptions for fault in _faults(inner, kind)]
    if isinstance(error, KeyError):
        return [f"{error.args[0]}: missing"]
    return [brief(str(error), 400)]


def _where(error: Exception) -> str:
    notes = [str(getattr(note, "name", note)) for note in getattr(error, "__notes__", [])]
    return "".join(f"{note}: " for note in notes if "Structuring" not in note)


def _nothing(value: Any, _: Any) -> None:
    if value is not None:
        raise ConfigError(f"{brief(repr(value))} was found; null was expected")


class _Converter(cattrs.Converter):
    """Refuses values of another shape, where cattrs would fail raw, or take the letters of a text for a list."""

    def gen_structure_attrs_fromdict(self, cl: Any) -> Any:
        """The fields of a dataclass."""
        return self._expecting(dict, "an object with the fields of {name}", super().gen_structure_attrs_fromdict(cl))

    def gen_structure_mapping(self, cl: Any) -> Any:
        """Values by name."""
        return self._expecting(dict, "an object", super().gen_structure_mapping(cl))

    def gen_structure_tuple(self, cl: Any) -> Any:
        """Several values in an order."""
        kinds = get_args(cl)

        def structure(value: Any, _: Any) -> Any:
            if kinds[-1] is Ellipsis:
                return tuple(self.structure(value, list[kinds[0]]))  # type: ignore[valid-type]
            if len(value) != len(kinds):
                raise ConfigError(f"{brief(repr(value))} has {len(value)} items; {len(kinds)} were expected")
            return tuple(self.structure(item, each) for item, each in zip(value, kinds, strict=True))

        return self._expecting(list, "a list", structure)

    @staticmethod
    def _expecting(shape: type, name: str, structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def checked(value: Any, kind: Any) -> Any:
            if not isinstance(value, shape):
                expected = name.format(name=getattr(kind, "__name__", ""))
                raise ConfigError(f"{brief(repr(value))} was found; {expected} was expected")
            return structure(value, kind)

        return checked


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _make_converter() -> cattrs.Converter:
    converter = _Converter(forbid_extra_keys=True)

    def exactly(kind: type) -> Any:
        def structure(value: Any, _: Any) -> Any:
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            if kind is float and value is None:
                return float("nan")
            if type(value) is not kind:
                raise ConfigError(f"{brief(repr(value))} is no {kind.__name__}")
            return value

        return structure

    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, exactly(kind))
    converter.register_structure_hook(type(None), _nothing)
    converter.register_structure_hook_factory(_is_tuple, converter.gen_structure_tuple)
    return converter


_CONVERTER = _make_converter()
