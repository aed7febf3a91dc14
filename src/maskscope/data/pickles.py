"""Reads a pickle without running it.

The problem: a pickle is a small program that names functions and calls them. Python's reader imports these functions, so a file
can run any code. Even a reader that imports nothing is not safe: a file of nine bytes can make it take gigabytes of memory, and
deeply nested values can keep it busy for years. This reader therefore follows the program step by step and knows only the steps
that a dictionary of arrays, lists and strings needs. Names are looked up in a table of stand-ins, which only record how they are
called; any other name is an error. The number of steps is limited, and every step adds one small value or one value of the file.
"""

import codecs
import io
import pickletools
from collections.abc import Callable
from typing import Any

from maskscope.data.recorded import STAND_INS, RecordedArray, RecordedKind, StandIn, short
from maskscope.errors import FileFormatError

# The longest file of the data sets takes up to 700,000 steps in any protocol of pickle.
_MOST_STEPS = 1_000_000
_MOST_CONTAINERS = 200_000
_DEEPEST_MARK = 1_000


def read_pickle(content: bytes, *, source: str) -> Any:
    """The value of a pickle: plain Python values, with a `RecordedArray` for each array.

    Args:
        content: the whole file.
        source: the name of the file in an error message.

    Raises:
        FileFormatError: not a pickle, cut short, with bytes after its end, or with a name that arrays of bytes do not need.
    """
    machine = _Machine(content)
    try:
        value = machine.run()
    except FileFormatError as error:
        raise FileFormatError(f"{source} {error}") from error.__cause__
    except Exception as error:  # the documentation of pickle says that a damaged file can raise nearly any exception
        what = f"{type(error).__name__}: {short(str(error))}"
        raise FileFormatError(f"{source} is no pickle, or it is cut short or altered ({what}).") from error
    if spare := machine.left():
        raise FileFormatError(f"{source} has {spare} bytes after the end of the pickle.")
    return value


class _Machine:
    """Follows the steps of a pickle: it has a stack of values, and a memo, which stores some of them by number."""

    def __init__(self, content: bytes) -> None:
        self._stream, self._length = io.BytesIO(content), len(content)
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._encodable, self._containers = len(content), 0

    def left(self) -> int:
        """The number of bytes that are not read yet."""
        return self._length - self._stream.tell()

    def run(self) -> Any:
        """Follows all steps and returns the final value."""
        for _ in range(_MOST_STEPS):
            name, argument = self._next()
            if name == "STOP":
                return self._stack.pop()
            if name in _VALUES:
                self._stack.append(argument)
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in _WITHOUT_EFFECT:
                raise ValueError(f"the step {name}, which no batch has")
        raise ValueError(f"more than {_MOST_STEPS:,} steps")

    def _next(self) -> tuple[str, Any]:
        code = self._stream.read(1)
        step = _BY_CODE.get(code.decode("latin-1"))
        if step is None:
            raise ValueError(f"the unknown step {code!r}" if code else "the end of the file before that of the pickle")
        if step.name == "STRING":  # pickletools takes it for ASCII
            return step.name, _unquoted(self._stream.readline())
        return step.name, step.arg.reader(self._stream) if step.arg else _CONSTANTS.get(step.name)

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _push(self, container: Any) -> None:
        # a million nested tuples keep the garbage collector busy for seconds
        self._containers += 1
        if self._containers > _MOST_CONTAINERS:
            raise ValueError(f"more than {_MOST_CONTAINERS:,} lists, tuples and dictionaries")
        self._stack.append(container)

    def _mark(self, _: Any) -> None:
        if len(self._marked) > _DEEPEST_MARK:
            raise ValueError(f"more than {_DEEPEST_MARK:,} values begun in one another")
        self._marked.append(self._stack)
        self._stack = []

    def _bytes(self, value: Any) -> None:
        self._stack.append(value if isinstance(value, bytes) else value.encode("latin-1"))

    def _put(self, number: Any) -> None:
        self._memo[len(self._memo) if number is None else number] = self._stack[-1]

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def _pop(self, _: Any) -> None:
        self._stack.pop()

    def _pop_to_mark(self, _: Any) -> None:
        self._since_mark()

    def _duplicate(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _list(self, _: Any) -> None:
        self._push(self._since_mark())

    def _tuple(self, _: Any) -> None:
        self._push(tuple(self._since_mark()))

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise ValueError("a tuple of more values than there are")
        items = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        self._push(items)

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._push({})
        self._set(items)

    def _append(self, _: Any) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise ValueError(f"an item for a {type(self._stack[-1]).__name__}")
        self._stack[-1].extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([key, value])

    def _set_items(self, _: Any) -> None:
        self._set(self._since_mark())

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        # the hash of nested tuples can take for ever
        if not isinstance(target, dict) or len(items) % 2 or not all(isinstance(key, str | bytes | int) for key in items[::2]):
            raise ValueError("no dictionary with words for keys")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _name(self, module_and_name: str) -> None:
        self._look_up(*module_and_name.split(" ", 1))

    def _instance(self, module_and_name: str) -> None:
        self._name(module_and_name)
        raise ValueError("the step INST, which no batch has")

    def _name_from_stack(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._look_up(module, name)

    def _look_up(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")
        if (module, name) not in STAND_INS:
            raise FileFormatError(
                f"names {short(f'{module}.{name}')}, which no array needs. It was not run, and nothing else was."
            )
        self._stack.append(STAND_INS[module, name])

    def _call(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, StandIn) or not isinstance(arguments, tuple):
            raise ValueError(f"a call of {short(function)}")
        made = function.call(arguments)
        if isinstance(made, bytes):
            # a small file can encode one text again and again, and so fill the memory
            self._encodable -= len(made)
            if self._encodable < 0:
                raise ValueError("more bytes than the file has")
        self._stack.append(made)

    def _state(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, RecordedArray | RecordedKind | StandIn):
            raise ValueError(f"a state for a {type(target).__name__}")
        target.take_state(state)

    def _persistent_id(self, number: Any) -> None:
        pid = self._stack.pop() if number is None else number
        raise FileFormatError(f"refers to {short(pid)} outside itself. Nothing was run.")

    def _extension(self, number: int) -> None:
        raise FileFormatError(f"names the extension of number {number}, which no array needs. It was not run.")


def _unquoted(line: bytes) -> bytes:
    text = line.removesuffix(b"\n")
    if text == line or len(text) < 2 or text[:1] not in (b"'", b'"') or text[:1] != text[-1:]:
        raise ValueError("a string without its quotes")
    return codecs.escape_decode(text[1:-1])[0]


_BY_CODE = {step.code: step for step in pickletools.opcodes}
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VALUES = {
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_WITHOUT_EFFECT = {"PROTO", "FRAME"}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _Machine._bytes),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine._put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine._get),
    **dict.fromkeys(("TUPLE1", "TUPLE2", "TUPLE3"), _Machine._tuple_of),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    **dict.fromkeys(("PERSID", "BINPERSID"), _Machine._persistent_id),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine._extension),
    "GLOBAL": _Machine._name,
    "INST": _Machine._instance,
    "STACK_GLOBAL": _Machine._name_from_stack,
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_to_mark,
    "DUP": _Machine._duplicate,
    "LIST": _Machine._list,
    "TUPLE": _Machine._tuple,
    "DICT": _Machine._dict,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "REDUCE": _Machine._call,
    "BUILD": _Machine._state,
}
