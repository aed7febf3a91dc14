"""What an experiment is: frozen values that check themselves, with JSON both ways and one canonical spelling."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

import cattrs
from cattrs.strategies import configure_tagged_union

from maskscope.errors import ConfigError, suggestion
from maskscope.experiments.arithmetic_spec import AdditionMultiplicationSpec, DoubleAdditionSpec
from maskscope.experiments.image_spec import ClassRemovalSpec, MaskStabilitySpec, PermutedImagesSpec
from maskscope.experiments.sequence_spec import MathematicsSpec, ScanSpec
from maskscope.storage import Json

Value = TypeVar("Value")
# one network and masks on it; networks that grow from task to task
NetworkSpec = AdditionMultiplicationSpec | DoubleAdditionSpec | ClassRemovalSpec | MaskStabilitySpec | ScanSpec | MathematicsSpec
Spec = NetworkSpec | PermutedImagesSpec
STUDIES: Mapping[type[Spec], str] = {
    AdditionMultiplicationSpec: "addition-multiplication",
    DoubleAdditionSpec: "double-addition",
    ClassRemovalSpec: "cifar10-class-removal",
    MaskStabilitySpec: "cifar10-mask-stability",
    PermutedImagesSpec: "permuted-mnist",
    ScanSpec: "scan",
    MathematicsSpec: "mathematics",
}


def to_json(value: Any) -> Any:
    """A spec or a record as plain JSON values."""
    return _CONVERTER.unstructure(value)


def from_json(kind: type[Value], value: Json) -> Value:
    """A spec or a record from plain JSON values.

    Raises:
        ConfigError: names every field that is unknown, missing, of the wrong kind or impossible.
    """
    try:
        return _CONVERTER.structure(value, kind)
    except cattrs.BaseValidationError as error:
        raise ConfigError(f"Not a valid {kind.__name__}:\n  " + "\n  ".join(_faults(error, kind))) from error


def canonical_spec(value: Any) -> Any:
    """A spec for identities: fields added after its first release are left out while they have their default value.

    Such a field says ``metadata={"added": "0.2.0"}``; so an artefact keeps its identity when a later version adds a setting.
    """
    if not is_dataclass(value):
        return to_json(value)
    result = {}
    for item in fields(value):
        current = getattr(value, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if not ("added" in item.metadata and current == default):
            result[item.name] = canonical_spec(current)
    return result


def _faults(error: Exception, kind: Any) -> list[str]:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [item.name for item in fields(error.cl)]
        return [f"{name}: no such field.{suggestion(name, known)}" for name in sorted(error.extra_fields)]
    if isinstance(error, ExceptionGroup):
        return [f"{_where(inner)}{fault}" for inner in error.exceptions for fault in _faults(inner, kind)]
    if isinstance(error, KeyError):
        return [f"{error.args[0]}: missing"]
    return [str(error)]


def _where(error: Exception) -> str:
    notes = [str(getattr(note, "name", note)) for note in getattr(error, "__notes__", [])]
    return "".join(f"{note}: " for note in notes if "Structuring" not in note)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def exactly(kind: type) -> Any:
        def structure(value: Any, _: Any) -> Any:
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            if kind is float and value is None:
                return float("nan")
            if type(value) is not kind:
                raise ConfigError(f"{value!r} is no {kind.__name__}")
            return value

        return structure

    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, exactly(kind))
    configure_tagged_union(Spec, converter, tag_name="study", tag_generator=lambda kind: STUDIES[kind])
    return converter


_CONVERTER = _make_converter()
