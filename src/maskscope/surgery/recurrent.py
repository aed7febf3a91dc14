"""Which hidden units of an LSTM, a GRU or a plain recurrent layer are dead, and layers without them.

A unit may be dead in two ways:

* Nobody reads it: what follows the layer does not, and no unit that is read does, over any number of steps. Units that only read
  one another are dead.
* It is always 0. The state begins at 0, and it stays there if the candidate (gate g of an LSTM, gate n of a GRU) is always
  tanh(0): its weights are zero for all inputs that are not always 0 and for all hidden units that are not always 0, and so are
  both its biases. The other gates may be anything.

A unit whose weights are all zero but whose biases are not is alive: the state of an LSTM or a GRU adds up over the steps, so it
is not a constant.
"""

from typing import Any

import torch
from torch import Tensor, nn

from maskscope.surgery.tape import Call, Effect, Flags, Layer, Owners, mixing, nothing

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_CANDIDATE = {"LSTM": 2, "GRU": 2, "RNN": 0}


def is_simple(module: nn.RNNBase) -> bool:
    """Whether it has one layer, one direction and no projection, so that its units can be removed."""
    return module.num_layers == 1 and not module.bidirectional and not module.proj_size and type(module) in _KINDS


def recurrent(call: Call, owners: Owners) -> Effect:
    """What a recurrent layer does with all steps of its inputs; see the module for which units count."""
    weights = next(one for one in call.args if isinstance(one, list))
    values = call.tensors[0]
    layer = call.layer = owners.of(weights[0], call.name)
    if layer is None or not isinstance(layer.module, nn.RNNBase):
        return mixing(call, owners)
    module = layer.module
    counts = (call.varying[0] | (values != 0)).flatten(0, -2).any(0)
    constants = _constants(values, call.varying[0], can_add=bool(module.bias))
    layer.is_given(constants)
    if not is_simple(module) or layer.name in owners.stateful:
        return _whole(call, owners, layer)
    gates = _gates(module)
    zero = always_zero(module, counts)
    varies = [(~zero).expand(one.shape) for one in call.outputs]
    layer.writes(~zero)

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        needed = torch.stack([need.flatten(0, -2).any(0) for need in needs]).any(0)
        reads = (module.weight_hh_l0.unflatten(0, (gates, -1)) != 0).any(0)
        while True:
            more = needed | (reads[needed & ~zero].any(0) & ~zero)
            if bool((more == needed).all()):
                break
            needed = more
        layer.is_needed(needed)
        inputs = (module.weight_ih_l0.unflatten(0, (gates, -1)) != 0).any(0)[needed & ~zero].any(0)
        return _inputs_needed(call, layer, inputs)

    return Effect(varies, backwards, _reason(layer))


def _whole(call: Call, owners: Owners, layer: Layer) -> Effect:
    """All units count, but inputs that no weight reads do not."""
    module = layer.module
    assert isinstance(module, nn.RNNBase)
    first = [one for name, one in module.named_parameters() if name in ("weight_ih_l0", "weight_ih_l0_reverse")]
    columns = torch.stack([(one != 0).any(0) for one in first]).any(0)
    effect = mixing(call, owners)

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        used = any(bool(need.any()) for need in (*needs, *unless_folded))
        layer.inner_states = layer.inner_states or any(bool(states[:-1].any()) for states in needs[1:])
        return _inputs_needed(call, layer, columns & used)

    return Effect(effect.varies, backwards, _reason(layer))


def _inputs_needed(call: Call, layer: Layer, inputs: Tensor) -> tuple[Flags, Flags]:
    assert layer.constants is not None
    stays = layer.constants.isnan()
    layer.does_read(inputs & stays)
    shape, others = call.varying[0].shape, call.varying[1:]
    for_good = [(inputs & stays).expand(shape), *[torch.ones_like(one) for one in others]]
    return for_good, [(inputs & ~stays).expand(shape), *nothing(call)[1:]]


def _reason(layer: Layer) -> str:
    return f"{layer.name} reads it and cannot take it up into its bias"


def _constants(values: Tensor, varies: Tensor, *, can_add: bool) -> Tensor:
    rows, flags = values.flatten(0, -2), varies.flatten(0, -2).any(0)
    same = ~flags & (rows == rows[:1]).all(0) & (torch.tensor(can_add) | (rows[0] == 0))
    return torch.where(same, rows[0], torch.nan)


def always_zero(module: nn.RNNBase, counts: Tensor) -> Tensor:
    """Which hidden units of a simple layer are 0 at every step.

    Args:
        module: the layer; see `is_simple`.
        counts: which of its input units are not always 0.
    """
    kind, gates = type(module).__name__, _gates(module)
    if kind == "RNN" and module.nonlinearity not in ("tanh", "relu"):
        return torch.zeros(module.hidden_size, dtype=torch.bool)
    rows = {
        name: one.detach().unflatten(0, (gates, module.hidden_size))[_CANDIDATE[kind]] != 0
        for name, one in module.named_parameters()
    }
    zero = ~(rows["weight_ih_l0"] & counts).any(1)
    if module.bias:
        zero = zero & ~rows["bias_ih_l0"] & ~rows["bias_hh_l0"]
    while bool((leaks := zero & (rows["weight_hh_l0"] & ~zero).any(1)).any()):
        zero = zero & ~leaks
    return zero


def narrower(module: nn.RNNBase, inputs: Tensor, units: Tensor) -> nn.RNNBase:
    """A recurrent layer with some of the inputs and, if it is simple, some of the hidden units of another.

    Args:
        module: the other.
        inputs: the numbers of the input units that stay.
        units: the numbers of the hidden units that stay; all of them if the layer is not simple.
    """
    first = module.weight_ih_l0
    settings: dict[str, Any] = {
        "num_layers": module.num_layers,
        "bias": bool(module.bias),
        "batch_first": module.batch_first,
        "dropout": module.dropout,
        "bidirectional": module.bidirectional,
        "dtype": first.dtype,
        "device": first.device,
    }
    if isinstance(module, nn.LSTM):
        settings["proj_size"] = module.proj_size
    elif type(module) is nn.RNN:
        settings["nonlinearity"] = module.nonlinearity
    made = _blank(type(module), len(inputs), len(units), settings)
    gates, simple = _gates(module), is_simple(module)
    with torch.no_grad():
        for name, target in made.named_parameters():
            source = getattr(module, name).detach()
            if simple:
                source = source.unflatten(0, (gates, module.hidden_size)).index_select(1, units).flatten(0, 1)
            if name.startswith("weight_ih_l0"):
                source = source.index_select(1, inputs)
            elif simple and name.startswith("weight_hh"):
                source = source.index_select(1, units)
            target.copy_(source)
            target.requires_grad_(getattr(module, name).requires_grad)
    made.train(module.training)
    return made


def _blank(kind: type[nn.RNNBase], inputs: int, units: int, settings: dict[str, Any]) -> nn.RNNBase:
    """A layer without drawing its initial weights, which would use up the caller's random numbers."""
    made = kind(inputs, units, **{**settings, "device": "meta"}).to_empty(device=settings["device"])
    made.flatten_parameters()
    return made


class Chain(nn.Module):
    """Recurrent layers one after the other, each with a hidden size of its own: what an LSTM of several layers becomes.

    It is called like the layer that it stands for, and returns what that returns. Of the last states only those of the last layer
    are there; for the others, which nothing reads, there are zeros in its width.

    Args:
        module: a recurrent layer of several layers, of one direction and without projection.
    """

    def __init__(self, module: nn.RNNBase) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_single(module, number) for number in range(module.num_layers))
        self.dropout = module.dropout
        self.input_size, self.hidden_size, self.num_layers = module.input_size, module.hidden_size, module.num_layers
        self.batch_first, self.bidirectional = module.batch_first, module.bidirectional

    def forward(self, values: Any, state: None = None) -> tuple[Any, Any]:
        """The outputs of the last layer at all steps, and the last states."""
        if state is not None:
            raise ValueError("This recurrent layer was made smaller for calls without an initial state; one was given.")
        last: Any = None
        for number, layer in enumerate(self.layers):
            if number and self.dropout and self.training:
                values = self._dropped(values)
            values, last = layer(values)
        return values, tuple(map(self._padded, last)) if isinstance(last, tuple) else self._padded(last)

    def _dropped(self, values: Any) -> Any:
        if isinstance(values, Tensor):
            return nn.functional.dropout(values, self.dropout)
        return values._replace(data=nn.functional.dropout(values.data, self.dropout))

    def _padded(self, last: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(last)] * (len(self.layers) - 1) + [last])

    def flatten_parameters(self) -> None:
        """As of a recurrent layer: puts the weights of each layer together."""
        for layer in self.layers:
            assert isinstance(layer, nn.RNNBase)
            layer.flatten_parameters()


def can_be_chained(module: nn.RNNBase) -> bool:
    """Whether its layers can be taken apart."""
    return module.num_layers > 1 and not module.bidirectional and not module.proj_size and type(module) in _KINDS


def joined(chain: Chain) -> nn.Module:
    """One recurrent layer of several layers again, if all layers of the chain have one size; else the chain."""
    layers = [layer for layer in chain.layers if isinstance(layer, nn.RNNBase)]
    sizes = {layer.hidden_size for layer in layers}
    if len(sizes) > 1:
        return chain
    one = layers[0]
    settings: dict[str, Any] = {
        "num_layers": len(layers),
        "bias": bool(one.bias),
        "batch_first": one.batch_first,
        "dropout": chain.dropout,
        "dtype": one.weight_ih_l0.dtype,
        "device": one.weight_ih_l0.device,
    }
    if type(one) is nn.RNN:
        settings["nonlinearity"] = one.nonlinearity
    made = _blank(type(one), one.input_size, one.hidden_size, settings)
    with torch.no_grad():
        for number, layer in enumerate(layers):
            for name, source in layer.named_parameters():
                target = getattr(made, name.replace("_l0", f"_l{number}"))
                target.copy_(source)
                target.requires_grad_(source.requires_grad)
    made.train(chain.training)
    return made


def _single(module: nn.RNNBase, number: int) -> nn.RNNBase:
    settings: dict[str, Any] = {"bias": bool(module.bias), "batch_first": module.batch_first}
    first = getattr(module, f"weight_ih_l{number}")
    settings |= {"dtype": first.dtype, "device": first.device}
    if type(module) is nn.RNN:
        settings["nonlinearity"] = module.nonlinearity
    made = _blank(type(module), first.shape[1], module.hidden_size, settings)
    with torch.no_grad():
        for name, target in made.named_parameters():
            source = getattr(module, name.replace("_l0", f"_l{number}"))
            target.copy_(source)
            target.requires_grad_(source.requires_grad)
    made.train(module.training)
    return made


def _gates(module: nn.RNNBase) -> int:
    return _GATES[type(module).__name__]


_KINDS = (nn.LSTM, nn.GRU, nn.RNN)
