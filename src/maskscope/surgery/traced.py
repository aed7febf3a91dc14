"""Runs a network on example inputs, and records which of its units vary, and which are needed."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from maskscope.errors import MaskscopeError, ShrinkError
from maskscope.surgery.recurrent import is_simple
from maskscope.surgery.rules import rule_of
from maskscope.surgery.tape import Call, Layer, Owners, Tape

_ONE_OPERATION = ("linear", "batch_norm", "lstm", "gru", "rnn_tanh", "rnn_relu")
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_OPERATIONS: dict[type[nn.Module], str] = {
    nn.Linear: "linear",
    nn.Embedding: "embedding",
    **dict.fromkeys(_CONVOLUTIONS, "convolution"),
}


def is_conv1d(module: nn.Module) -> bool:
    """Whether it is transformers' linear layer with a transposed weight, which GPT-2 has."""
    return (
        type(module).__name__ == "Conv1D" and hasattr(module, "nf") and isinstance(getattr(module, "weight", None), nn.Parameter)
    )


def call_on(network: nn.Module, example_inputs: Any) -> Any:
    """Calls a network with its example inputs.

    Raises:
        ShrinkError: the network cannot be called with them.
    """
    try:
        if isinstance(example_inputs, Mapping):
            return network(**example_inputs)
        if isinstance(example_inputs, tuple | list) and not hasattr(example_inputs, "batch_sizes"):
            return network(*example_inputs)
        return network(example_inputs)
    except MaskscopeError:
        raise
    except Exception as error:
        raise ShrinkError(
            f"{type(network).__name__} cannot be called with the example inputs ({type(error).__name__}: {error}). Expected: a "
            "tensor, a tuple of arguments or a dictionary of named arguments, as the network takes them."
        ) from error


@contextmanager
def without_caches(network: nn.Module) -> Iterator[None]:
    """Inside the ``with`` block, networks of transformers do not return what they remember of a text for the next call."""
    configs: list[Any] = [getattr(module, "config", None) for module in network.modules()]
    caching = [one for one in {id(one): one for one in configs}.values() if getattr(one, "use_cache", None) is True]
    try:
        for one in caching:
            one.use_cache = False
        yield
    finally:
        for one in caching:
            one.use_cache = True


def tensors_in(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """The tensors in what a network returns: also in dictionaries, dataclasses and plain objects, such as caches."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        yield value
    elif value is None or isinstance(value, str | bytes | int | float | type) or id(value) in seen:
        return
    else:
        seen.add(id(value))
        if isinstance(value, Mapping):
            inner: Any = value.values()
        elif isinstance(value, list | tuple | set):
            inner = value
        elif is_dataclass(value):
            inner = [getattr(value, one.name) for one in fields(value)]
        else:
            inner = getattr(value, "__dict__", {}).values()
        for one in inner:
            yield from tensors_in(one, seen)


def traced(network: nn.Module, example_inputs: Any) -> Owners:
    """What is known of the layers of a network after one call; see `maskscope.surgery.tape`.

    Raises:
        ShrinkError: the network cannot be called with the example inputs, or returns no tensors.
    """
    owners = _owners(network)
    buffers = [one for one in network.buffers() if one.is_floating_point()]  # tables of positions are integers
    tape = Tape(owners, [*network.parameters(), *buffers], rule_of)
    recurrent = {name: layer.module for name, layer in owners.layers.items() if isinstance(layer.module, nn.RNNBase)}
    with ExitStack() as stack, torch.no_grad():
        for name, module in recurrent.items():
            hook = module.register_forward_pre_hook(_notes_state(owners, name), with_kwargs=True)
            stack.callback(hook.remove)
        stack.enter_context(_Operations(tape, functions := _Functions(tape)))
        stack.enter_context(functions)
        result = call_on(network, example_inputs)
    outputs = list(tensors_in(result))
    if not outputs:
        raise ShrinkError(
            f"{type(network).__name__} returned no tensor, but {type(result).__name__}; outputs to compare are needed."
        )
    tape.read_back(outputs)
    return owners


def _owners(network: nn.Module) -> Owners:
    uses: dict[int, int] = {}
    for _, parameter in network.named_parameters(remove_duplicate=False):
        uses[id(parameter)] = 0
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            uses[id(parameter)] += 1
    layers, by_weight = {}, {}
    for name, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False))
        weight = own.get("weight_ih_l0") if isinstance(module, nn.RNNBase) else own.get("weight")
        operation = _operation(module)
        if operation and weight is not None and all(uses[id(one)] == 1 for one in own.values()):
            layers[name] = Layer(name, module, operation)
            by_weight[id(weight)] = name
    return Owners(layers, by_weight)


def _operation(module: nn.Module) -> str:
    """The operation that the forward pass of a layer consists of; empty for modules that units are not removed from."""
    if type(module) in (nn.LSTM, nn.GRU):
        return type(module).__name__.lower()
    if type(module) is nn.RNN:
        return f"rnn_{module.nonlinearity}"
    if is_conv1d(module):
        return "addmm"
    return _OPERATIONS.get(type(module), "")


def _notes_state(owners: Owners, name: str) -> Any:
    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if any(one is not None for one in (*args[1:], kwargs.get("hx"))):
            owners.stateful.add(name)

    return note


class _Functions(TorchFunctionMode):
    """Records some functions of torch as one operation each."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape
        self.inside = False

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name not in _ONE_OPERATION or self.inside:
            return function(*args, **(kwargs or {}))
        self.inside = True
        try:
            result = function(*args, **(kwargs or {}))
            self._tape.record(_call(name, function, args, kwargs or {}, result))
        finally:
            self.inside = False
        return result


class _Operations(TorchDispatchMode):
    """Records all operations, but not those that a recorded function consists of."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: there is nothing to compile here, and to skip it torch would import its compiler, which takes seconds."""
        return False

    def __init__(self, tape: Tape, functions: _Functions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tape, self._functions = tape, functions

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if not self._functions.inside:
            call = _call(function.overloadpacket.__name__, function, args, kwargs, result)
            call.pointwise = torch.Tag.pointwise in function.tags
            self._tape.record(call, _changed(function, args, kwargs))
        return result


def _call(name: str, function: Any, args: Any, kwargs: Any, result: Any) -> Call:
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    outputs = [one for one in tree_leaves(result) if isinstance(one, Tensor)]
    return Call(name, function, tuple(args), dict(kwargs), tensors, outputs)


def _changed(function: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """The arguments that an operation has written into."""
    found = []
    for number, argument in enumerate(function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[number] if number < len(args) else kwargs.get(argument.name)
            found += [one for one in tree_leaves(value) if isinstance(one, Tensor)]
    return found


def can_lose_units(layer: Layer, owners: Owners) -> str:
    """Why no unit of a layer can be removed although it may have dead ones; empty if they can."""
    module = layer.module
    if layer.blocked:
        return layer.blocked
    if isinstance(module, nn.RNNBase) and layer.name in owners.stateful:
        return "it is given an initial state, whose width is fixed"
    if isinstance(module, nn.RNNBase) and not is_simple(module):
        return "it has two directions, a projection, or states of inner layers that are read"
    if getattr(module, "groups", 1) > 1 and not _is_depthwise(module):
        return "its channels are in groups of a fixed size"
    return ""


def _is_depthwise(module: nn.Module) -> bool:
    return bool(getattr(module, "groups", 1) == getattr(module, "out_channels", 0) == getattr(module, "in_channels", -1))
