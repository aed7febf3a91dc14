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

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.surgery.tape import Call, Effect, Flags, Layer, Owners, mixing, nothing

KINDS = (nn.LSTM, nn.GRU, nn.RNN)
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_CANDIDATE = {"LSTM": 2, "GRU": 2, "RNN": 0}


def is_simple(module: nn.RNNBase) -> bool:
    """Whether it has one layer, one direction and no projection, so that its units can be removed."""
    return module.num_layers == 1 and not module.bidirectional and not module.proj_size and type(module) in KINDS


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
        reads = (module.get_parameter("weight_hh_l0").unflatten(0, (gates, -1)) != 0).any(0)
        while True:
            more = needed | (reads[needed & ~zero].any(0) & ~zero)
            if bool((more == needed).all()):
                break
            needed = more
        layer.is_needed(needed)
        inputs = (module.get_parameter("weight_ih_l0").unflatten(0, (gates, -1)) != 0).any(0)[needed & ~zero].any(0)
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
    rows = {
        name: one.detach().unflatten(0, (gates, module.hidden_size))[_CANDIDATE[kind]] != 0
        for name, one in module.named_parameters()
    }
    zero: Tensor = ~(rows["weight_ih_l0"] & counts).any(1)
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
    first = module.get_parameter("weight_ih_l0")
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
    made = blank(type(module), len(inputs), len(units), settings)
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


def blank(kind: Callable[..., nn.RNNBase], inputs: int, units: int, settings: dict[str, Any]) -> nn.RNNBase:
    """A layer without drawing its initial weights, which would use up the caller's random numbers."""
    made = kind(inputs, units, **{**settings, "device": "meta"}).to_empty(device=settings["device"])
    made.flatten_parameters()
    return made


def _gates(module: nn.RNNBase) -> int:
    return _GATES[type(module).__name__]
