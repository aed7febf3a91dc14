"""What a pickle may contain besides plain values: descriptions of arrays, and stand-ins for the functions that build arrays."""

import reprlib
from typing import Any

import numpy as np
from jaxtyping import UInt8

# The largest array of the data sets has 150 million values.
_LARGEST_SIZE = 2**31


class RecordedArray:
    """An array as a pickle describes it: shape, dtype, order and bytes, which are not checked yet."""

    __slots__ = ("column_order", "content", "kind", "shape")

    def __init__(self, shape: object = None, kind: object = None, content: object = None, column_order: object = False) -> None:
        self.shape, self.kind, self.content, self.column_order = shape, kind, content, column_order

    def take_state(self, state: object) -> None:
        """Stores the description of the array.

        Raises:
            ValueError: the state does not describe an array.
        """
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array is described by version, shape, kind, order and bytes")
        _, self.shape, self.kind, self.column_order, self.content = state

    def values(self) -> UInt8[np.ndarray, "rows columns"]:
        """Checks the description and returns the array.

        Raises:
            ValueError: not unsigned bytes, not two dimensions, or another number of bytes than the shape needs.
        """
        if not isinstance(self.kind, RecordedKind) or self.kind.code != "u1":
            raise ValueError(f"values of kind {short(getattr(self.kind, 'code', None))}; expected unsigned bytes ('u1')")
        shape = self.shape
        if (
            not isinstance(shape, tuple)
            or len(shape) != 2
            or not all(type(size) is int and 0 <= size < _LARGEST_SIZE for size in shape)
        ):
            raise ValueError(f"shape {short(shape)}; expected two sizes")
        if not isinstance(self.content, bytes | bytearray) or len(self.content) != shape[0] * shape[1]:
            found = f"{len(self.content)} bytes" if isinstance(self.content, bytes | bytearray) else type(self.content).__name__
            raise ValueError(f"{found} for shape {shape[0]} x {shape[1]}; expected {shape[0] * shape[1]} bytes")
        return np.frombuffer(self.content, dtype=np.uint8).reshape(shape, order="F" if self.column_order is True else "C")


class RecordedKind:
    """The dtype of an array, by its code."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        if not isinstance(code, bytes | str):
            raise ValueError(f"dtype called with {short(code)}")
        text = code.decode("ascii", "replace") if isinstance(code, bytes) else code
        self.code = text.lstrip("|")

    def take_state(self, state: object) -> None:
        """Ignored: byte order and alignment do not matter for values of one byte."""


class StandIn:
    """Stands for a function that a pickle names: it can be called, but has no state."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def take_state(self, state: object) -> None:
        """Always refused.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"a state for {self.name}, which has none")

    def call(self, arguments: tuple[Any, ...]) -> object:
        """The value that replaces the result of the real function.

        Raises:
            ValueError: an array of bytes would not call the function with these arguments.
        """
        match self.name:
            case "dtype" if arguments:
                return RecordedKind(arguments[0])
            case "_reconstruct":
                return RecordedArray()
            case "_frombuffer" if len(arguments) == 4:
                content, kind, shape, order = arguments
                return RecordedArray(shape, kind, content, column_order=order in ("F", b"F"))
            case "encode" if (
                len(arguments) == 2
                and isinstance(arguments[0], str)
                and arguments[1] in ("latin1", "latin-1", b"latin1", b"latin-1")
            ):
                return arguments[0].encode("latin-1")
        raise ValueError(f"{self.name} called with {len(arguments)} values that it is not called with for arrays of bytes")


# numpy 1 writes the names with "core", numpy 2 those with "_core"; protocol 5 of pickle writes _frombuffer; Python 3 writes
# _codecs.encode for readers in Python 2.
STAND_INS = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): StandIn("_reconstruct") for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): StandIn("_frombuffer") for core in ("core", "_core")},
    ("numpy", "ndarray"): StandIn("ndarray"),
    ("numpy", "dtype"): StandIn("dtype"),
    ("_codecs", "encode"): StandIn("encode"),
}

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 2, 80, 80


def short(value: object) -> str:
    """A short text of a value for an error message, however large the value is."""
    try:
        text = _REPR.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
