"""Removes the dead units of a network through torch-pruning, which knows which layers have them in common."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import MissingExtraError, ShrinkError
from maskscope.surgery.stand_in import StandIn, standing_in
from maskscope.surgery.tape import Layer, Owners
from maskscope.surgery.traced import call_on, can_lose_units, is_conv1d, tensors_in

_SHAPING = frozenset(("CONCAT", "SPLIT", "ELEMENTWISE", "RESHAPE", "UNBIND", "EXPAND", "SLICE"))


@dataclass
class Round:
    """What one round of removals does.

    Args:
        removed: the numbers of the units that were removed, by layer.
        kept: why dead units of a layer stayed, by layer.
        put_off: whether groups were left for the next round, because layers of theirs had just been changed.
    """

    removed: dict[str, list[int]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    put_off: bool = False


def remove_dead(network: nn.Module, owners: Owners, example_inputs: Any, only: str | None = None) -> Round:
    """Removes what a trace found dead, and adds constants to the biases of their readers.

    Args:
        network: is changed; in evaluation mode.
        owners: what `maskscope.surgery.traced` found on it.
        example_inputs: what it is called with.
        only: the only layer whose units may go; by default all.

    Raises:
        ShrinkError: torch-pruning cannot trace the network.
        MissingExtraError: torch-pruning is not installed.
    """
    recurrent = {name: layer for name, layer in owners.layers.items() if isinstance(layer.module, nn.RNNBase)}
    made = Round(kept={name: reason for name, layer in recurrent.items() if (reason := can_lose_units(layer, owners))})
    dead = {name: layer for name, layer in owners.layers.items() if layer.needed is not None and not bool(layer.needed.all())}
    if not dead:
        return made
    with standing_in(network) as stand_ins:
        graph = _graph(network, stand_ins, example_inputs)
        surgeon = _Surgeon(graph, owners, stand_ins, made)
        for name, layer in dead.items():
            if only in (None, name):
                surgeon.remove(name, layer)
    return made


def _graph(network: nn.Module, stand_ins: dict[str, StandIn], example_inputs: Any) -> Any:
    try:
        import torch_pruning
    except ImportError as error:
        raise MissingExtraError("torch-pruning", "Making a network smaller", "shrink") from error
    asked = {id(one): one.requires_grad for one in network.parameters()}
    customized = {type(one): _conv1d_pruner(torch_pruning) for one in network.modules() if is_conv1d(one)}
    try:
        for parameter in network.parameters():
            parameter.requires_grad_(parameter.is_floating_point())
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            return torch_pruning.DependencyGraph().build_dependency(
                network,
                example_inputs=None,
                forward_fn=lambda module, _: call_on(module, example_inputs),
                output_transform=lambda out: [one for one in tensors_in(out) if one.grad_fn is not None],
                customized_pruners=customized,
                verbose=False,
            )
    except ShrinkError:
        raise
    except Exception as error:
        raise ShrinkError(
            f"torch-pruning cannot trace {type(network).__name__} ({type(error).__name__}: {error}). Expected: a network whose "
            "outputs are made of its inputs by differentiable operations of torch."
        ) from error
    finally:
        for parameter in network.parameters():
            parameter.requires_grad_(asked[id(parameter)])


class _Surgeon:
    """Removes the units of one layer after the other, each layer at most once on each side."""

    def __init__(self, graph: Any, owners: Owners, stand_ins: dict[str, StandIn], made: Round) -> None:
        self._graph, self._owners, self._made = graph, owners, made
        self._stand_ins = {id(one.wiring): one for one in stand_ins.values()}
        self._layer_of = {id(layer.module): layer for layer in owners.layers.values()}
        for name, one in stand_ins.items():
            if name in owners.layers:
                self._layer_of[id(one.wiring)] = owners.layers[name]
        self._module_of = {name: one.wiring for name, one in stand_ins.items()}
        self._changed: set[tuple[int, bool]] = set()

    def remove(self, name: str, layer: Layer) -> None:
        """Removes the dead units of a layer, or notes why they stay."""
        assert layer.needed is not None
        module = self._module_of.get(name, layer.module)
        numbers = [int(one) for one in (~layer.needed).nonzero().flatten()]
        group: Any = None
        reason = can_lose_units(layer, self._owners)
        if not reason and module not in self._graph.module2node:
            reason = "torch-pruning does not find it in the network"
        if not reason:
            numbers, group, reason = self._allowed(module, numbers)
        if reason:
            self._made.kept.setdefault(name, reason)
        if group is None:
            return
        if any((id(item.dep.target.module), self._is_input(item)) in self._changed for item in group):
            self._made.put_off = True
            return
        self._fold(group)
        for item in group:
            self._changed.add((id(item.dep.target.module), self._is_input(item)))
            target = self._layer_of.get(id(item.dep.target.module))
            if target is not None and not self._is_input(item):
                self._made.removed.setdefault(target.name, []).extend(sorted(int(one) for one in item.idxs))
            if (stand_in := self._stand_ins.get(id(item.dep.target.module))) is not None:
                stand_in.lose(list(item.idxs), inputs=self._is_input(item))
        group.prune(record_history=False)

    def _allowed(self, module: nn.Module, numbers: list[int]) -> tuple[list[int], Any, str]:
        """The units that can go, with the group of layers that they are in, and why others cannot."""
        pruner = self._graph.get_pruner_of_module(module)
        reason = ""
        while numbers:
            try:
                group = self._graph.get_pruning_group(module, pruner.prune_out_channels, numbers)
            except Exception as error:
                return [], None, f"torch-pruning cannot follow its units ({type(error).__name__}: {error})"
            bad: set[int | None] = set()
            for item in group:
                faults, why = self._faults(item)
                if faults:
                    reason = reason or why
                    roots = item.root_idxs if hasattr(item, "root_idxs") else [None] * len(item.idxs)
                    bad |= {root for number, root in zip(item.idxs, roots, strict=True) if number in faults}
            if not bad:
                return numbers, group, reason
            numbers = [] if None in bad else [one for one in numbers if one not in bad]
        return [], None, reason

    def _is_input(self, item: Any) -> bool:
        """Whether units go from the reading side of a layer. Layers with one side only, like BatchNorm, count as both."""
        return bool(
            self._graph.is_in_channel_pruning_fn(item.dep.handler) and not self._graph.is_out_channel_pruning_fn(item.dep.handler)
        )

    def _faults(self, item: Any) -> tuple[set[int], str]:
        """The units of one layer of a group that must stay, and why."""
        node, module = item.dep.target, item.dep.target.module
        kind, every = node.type.name, {int(one) for one in item.idxs}
        title = self._graph._module2name.get(module) or type(module).__name__
        if kind in _SHAPING:
            return set(), ""
        if kind == "BN":
            return self._last(every, module.num_features, title)
        layer = self._layer_of.get(id(module))
        if layer is None:
            return every, f"they also go through {title} ({type(module).__name__}), which computes with all units or is shared"
        if layer.used_by:
            return every, f"the weight of {title} is also used by {layer.used_by}"
        if self._is_input(item):
            if layer.reads is None or getattr(module, "groups", 1) > 1:
                return every, f"{title} reads them"
            faults = {one for one in every if one >= len(layer.reads) or bool(layer.reads[one])}
            return (faults, f"{title} reads them") if faults else self._last(every, len(layer.reads), title)
        assert layer.needed is not None
        if reason := can_lose_units(layer, self._owners):
            return every, f"{title} also writes them: {reason}"
        faults = {one for one in every if one >= len(layer.needed) or bool(layer.needed[one])}
        return (faults, f"{title} also writes to them, and is needed") if faults else self._last(every, len(layer.needed), title)

    def _last(self, numbers: set[int], width: int, title: str) -> tuple[set[int], str]:
        """One unit of each layer stays: a layer without units cannot be called."""
        return ({min(numbers)}, f"one unit of {title} has to stay") if len(numbers) >= width else (set(), "")

    def _fold(self, group: Any) -> None:
        """Adds what constants contribute to the biases of those that read them."""
        for item in group:
            layer = self._layer_of.get(id(item.dep.target.module))
            if layer is None or not self._is_input(item) or layer.constants is None:
                continue
            numbers = torch.tensor(sorted(int(one) for one in item.idxs), device=layer.constants.device)
            constants = layer.constants[numbers]
            # a unit that is no constant is not read: its weights are zero
            _add(layer.module, numbers, torch.where(constants.isnan(), 0, constants))


def _add(module: nn.Module, numbers: Tensor, constants: Tensor) -> None:
    if not bool((constants != 0).any()):
        return
    with torch.no_grad():
        if isinstance(module, nn.RNNBase):
            for end in ("", "_reverse") if module.bidirectional else ("",):
                bias, weight = getattr(module, f"bias_ih_l0{end}"), getattr(module, f"weight_ih_l0{end}")
                bias += weight[:, numbers] @ constants
            return
        weight = parameter = module.get_parameter("weight")
        if is_conv1d(module):
            weight = weight.t()
        elif weight.dim() > 2:
            weight = weight.flatten(2).sum(2)
        added = weight[:, numbers] @ constants
        if getattr(module, "bias", None) is None:
            module.register_parameter("bias", nn.Parameter(added, requires_grad=parameter.requires_grad))
        else:
            module.get_parameter("bias").add_(added)


def _conv1d_pruner(torch_pruning: Any) -> Any:
    """How torch-pruning removes units of transformers' Conv1D, whose weight is transposed."""

    class Conv1DPruner(torch_pruning.BasePruningFunc):  # type: ignore[misc]
        def prune_out_channels(self, layer: Any, idxs: Sequence[int]) -> Any:
            keep = [one for one in range(layer.nf) if one not in set(idxs)]
            layer.nf -= len(idxs)
            layer.weight = self._prune_parameter_and_grad(layer.weight, keep, 1)
            layer.bias = self._prune_parameter_and_grad(layer.bias, keep, 0)
            return layer

        def prune_in_channels(self, layer: Any, idxs: Sequence[int]) -> Any:
            keep = [one for one in range(layer.weight.shape[0]) if one not in set(idxs)]
            layer.weight = self._prune_parameter_and_grad(layer.weight, keep, 0)
            return layer

        def get_out_channels(self, layer: Any) -> int:
            return int(layer.nf)

        def get_in_channels(self, layer: Any) -> int:
            return int(layer.weight.shape[0])

    return Conv1DPruner()
