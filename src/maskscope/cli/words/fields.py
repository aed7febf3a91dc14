"""The options of a command, read from the dataclass that holds them. Parsing is tyro's; this is what help and checks need."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional

# tyro's mark of an argument that is known by its place
_POSITIONAL = get_args(Positional[int])[1]
_VALUES = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
# choices longer than this are told in the text, not beside the option
_LONGEST_CHOICES = 24


@dataclass(frozen=True)
class OptionText:
    """What help says of an option.

    Args:
        group: the settings that it is of, ``mask``; empty for those of the command.
        name: ``--mask.steps``; of a positional argument its metavar.
        value: what stands behind it; empty for a switch.
        text: what it means.
        default: its default in words; empty where there is none.
        choices: its possible values, where these are names.
        is_path: whether it names a file or a folder.
        is_positional: whether it is known by its place.
    """

    group: str
    name: str
    value: str
    text: str
    default: str = ""
    choices: tuple[str, ...] = ()
    is_path: bool = False
    is_positional: bool = False


def options_of(kind: type) -> list[OptionText]:
    """The options of a dataclass as tyro reads it: with defaults, choices, and the sentences below the fields."""
    return list(_options(kind, None, ""))


def _options(kind: type, instance: Any, prefix: str) -> Iterator[OptionText]:
    """Those of a dataclass, then those of the dataclasses in it."""
    hints, texts, later = get_type_hints(kind, include_extras=True), _texts(kind), list[tuple[type, Any, str]]()
    for field in fields(kind):
        plain, marks = _taken_apart(hints[field.name])
        named = next((mark for mark in marks if hasattr(mark, "metavar")), None)
        name = field.name if named is None or named.name is None else named.name
        default = _default(field) if instance is None else getattr(instance, field.name)
        if is_dataclass(plain) and isinstance(plain, type):
            later.append((plain, default, f"{prefix}{name}." if name else prefix))
            continue
        text = named.help if named is not None and named.help else texts.get(field.name, "")
        option = f"--{prefix}{name}".replace("_", "-")
        positional = _POSITIONAL in marks
        value, choices, is_path = _value(plain)
        if named is not None and named.metavar:
            value = named.metavar
        if choices and value == "NAME":
            text = f"{text.rstrip('.')}: {', '.join(choices)}."
        yield OptionText(
            prefix.rstrip("."),
            value if positional else option,
            "" if positional else value,
            " ".join(text.split()),
            _default_text(default),
            choices,
            is_path,
            positional,
        )
    for inner, value, inner_prefix in later:
        yield from _options(inner, None if value is MISSING else value, inner_prefix)


def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and its annotations, outermost last."""
    marks: tuple[Any, ...] = ()
    while get_origin(hint) is Annotated:
        hint, *more = get_args(hint)
        marks += tuple(more)
    return hint, marks


def _value(kind: Any) -> tuple[str, tuple[str, ...], bool]:
    """What stands behind an option of a type; its choices; whether it is a path."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is bool:
        return "", (), False
    if origin is Literal:
        among = "|".join(map(str, inner))
        return among if len(among) <= _LONGEST_CHOICES else "NAME", tuple(map(str, inner)), False
    if origin is tuple:
        value, choices, is_path = _value(_taken_apart(inner[0])[0])
        return f"{value} ...", choices, is_path
    known = [one for one in inner if one is not NoneType]
    if len(known) == 1:
        return _value(known[0])
    return _VALUES.get(kind, "VALUE"), (), kind is Path


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _default_text(default: Any) -> str:
    if default is MISSING or default is None or default is False or default in ("", ()):
        return ""
    if default is True:
        return "on"
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return f"{default:,}" if isinstance(default, int) and default > 9999 else str(default)


def _texts(kind: type) -> dict[str, str]:
    """The texts below the fields of a dataclass and of those that it extends."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        with suppress(OSError):  # a class that was made by a call has no source
            for field, below in pairwise(_body(one) if is_dataclass(one) else []):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = text
    return found


def _body(kind: type) -> list[ast.stmt]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef), "a dataclass is a class"
    return tree.body
