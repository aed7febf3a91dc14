"""Reading a pickle without running it.

A pickle is a small program: it names functions by module and name, and calls them. The usual reader imports what is named, so
that a file can run anything. This one imports nothing: a name is looked up in a table of stand-ins made here, which note down
what they are called with, and any other name ends the reading. What a pickle can call is what is on its stack, and what is on its
stack is plain values and these stand-ins. A hostile file can still ask for much memory, or end the process by nesting too deep;
it cannot make anything run.
"""

import copyreg
import io
import pickle
from typing import Any

import numpy as np
from jaxtyping import UInt8

from maskscope.errors import FileFormatError


def read_pickle(content: bytes, *, source: str) -> Any:
    """The plain values of a pickle; its arrays are `RecordedArray`.

    Args:
        content: the whole file.
        source: how to name it in an error.

    Raises:
        FileFormatError: no pickle, cut short, with bytes after its end, or with a name that arrays of bytes do not need.
    """
    # A pickle can name a registered extension by number, and the registry's cache would answer in place of find_class.
    copyreg.clear_extension_cache()
    stream = io.BytesIO(content)
    try:
        value = _InertUnpickler(stream, encoding="bytes").load()
    except FileFormatError as error:
        raise FileFormatError(f"{source} {error}") from error.__cause__
    except Exception as error:  # damage can surface as nearly any kind of error, says the documentation of pickle
        what = f"{type(error).__name__}: {_short(str(error))}"
        raise FileFormatError(f"{source} is no pickle, or it is cut short or altered ({what}).") from error
    if spare := len(content) - stream.tell():
        raise FileFormatError(f"{source} has {spare} bytes after the end of the pickle.")
    return value


class RecordedArray:
    """An array as a pickle describes it: shape, kind, order and bytes, not yet believed."""

    __slots__ = ("column_order", "content", "kind", "shape")

    def __init__(self, shape: object = None, kind: object = None, content: object = None, column_order: object = False) -> None:
        self.shape, self.kind, self.content, self.column_order = shape, kind, content, column_order

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array is described by version, shape, kind, order and bytes")
        _, self.shape, self.kind, self.column_order, self.content = state

    def values(self) -> UInt8[np.ndarray, "rows columns"]:
        """The array, once what was recorded fits together.

        Raises:
            ValueError: not unsigned bytes, not two sizes, or not as many bytes as the sizes say.
        """
        if not isinstance(self.kind, _RecordedKind) or self.kind.code != "u1":
            raise ValueError(f"values of kind {getattr(self.kind, 'code', None)!r}; expected unsigned bytes ('u1')")
        shape = self.shape
        if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"shape {_short(shape)}; expected two sizes")
        if not isinstance(self.content, bytes | bytearray) or len(self.content) != shape[0] * shape[1]:
            found = f"{len(self.content)} bytes" if isinstance(self.content, bytes | bytearray) else type(self.content).__name__
            raise ValueError(f"{found} for shape {shape[0]} x {shape[1]}; expected {shape[0] * shape[1]} bytes")
        return np.frombuffer(self.content, dtype=np.uint8).reshape(shape, order="F" if self.column_order else "C")


class _RecordedKind:
    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        text = code.decode("ascii", "replace") if isinstance(code, bytes) else str(code)
        self.code = text.lstrip("|")

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment: of no consequence for values of one byte."""


class _StandIn:
    """What a name stands for: it can be called, and nothing about it can be changed.

    Not a plain function, for a pickle can set the attributes of what it has named.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __setstate__(self, state: object) -> None:
        raise ValueError(f"a state for {self._name}, which has none")

    def __call__(self, *arguments: Any) -> object:
        match self._name:
            case "dtype" if arguments:
                return _RecordedKind(arguments[0])
            case "_reconstruct":
                return RecordedArray()
            case "_frombuffer" if len(arguments) == 4:
                content, kind, shape, order = arguments
                return RecordedArray(shape, kind, content, column_order=order in ("F", b"F"))
            case "encode" if len(arguments) == 2 and arguments[1] in ("latin1", "latin-1", b"latin1", b"latin-1"):
                return str(arguments[0]).encode("latin-1")
        raise ValueError(f"{self._name} called with {len(arguments)} values that it is not called with for arrays of bytes")


# By numpy 1 and 2; _frombuffer by pickle's protocol 5; _codecs.encode by Python 3 for Python 2.
_STAND_INS = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _StandIn("_reconstruct") for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _StandIn("_frombuffer") for core in ("core", "_core")},
    ("numpy", "ndarray"): _StandIn("ndarray"),
    ("numpy", "dtype"): _StandIn("dtype"),
    ("_codecs", "encode"): _StandIn("encode"),
}


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """A stand-in; never what the name means to Python."""
        if (module, name) in _STAND_INS:
            return _STAND_INS[module, name]
        raise FileFormatError(f"names {_short(f'{module}.{name}')}, which no array needs. It was not run, and nothing else was.")

    def persistent_load(self, pid: Any, /) -> Any:
        """Refused: a name for something outside the file."""
        raise FileFormatError(f"refers to {_short(pid)} outside itself. Nothing was run.")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
