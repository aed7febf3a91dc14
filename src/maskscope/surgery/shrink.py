"""A network with a mask, really smaller: the dead units are gone."""

import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskscope.errors import ShrinkError
from maskscope.masks import BinaryMask, bake
from maskscope.masks.copying import copy_network
from maskscope.masks.maskable import is_plain
from maskscope.surgery.chain import Chain, can_be_chained, joined
from maskscope.surgery.groups import remove_dead
from maskscope.surgery.stand_in import replace
from maskscope.surgery.tape import Owners
from maskscope.surgery.traced import call_on, tensors_in, traced, without_caches

_TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A network that was made smaller, and what was removed from it.

    Args:
        network: the smaller network, a copy.
        removed: the numbers of the units that were removed, by the dotted name of the layer that made them, as it numbered them
            before.
        shapes: the shapes before and after, of the tensors that became smaller and kept their name.
        parameters_before: the number of weights of the network that was given.
        parameters_after: the number of weights of the smaller one.
        kept_because: why units of a layer stayed that nothing reads, or that are constants, by layer.
        difference: the largest difference between outputs of the smaller network and of the baked one on the example inputs, as a
            share of the largest output, or of 1 if that is more.
        tolerance: the largest difference that was allowed.
    """

    network: nn.Module
    removed: Mapping[str, tuple[int, ...]]
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    parameters_before: int
    parameters_after: int
    kept_because: Mapping[str, str]
    difference: float
    tolerance: float

    def __repr__(self) -> str:
        units = sum(map(len, self.removed.values()))
        return (
            f"Shrunk({type(self.network).__name__}: {self.parameters_after:,} of {self.parameters_before:,} weights, {units:,} "
            f"units removed from {len(self.removed)} layers, largest difference {self.difference:.1e})"
        )


def shrink(
    network: nn.Module,
    mask: BinaryMask,
    example_inputs: Any,
    *,
    keep: Iterable[str] = (),
    tolerance: float | None = None,
) -> Shrunk:
    """A smaller network that computes what ``bake(network, mask)`` computes: without the units that nothing reads.

    Also constants are removed, such as units whose weights are all zero: they are added to the biases of those that read them.
    Inputs and outputs of the network stay as they are. The network that is given is not changed. See docs/shrink.md.

    Args:
        network: any module; it is traced in evaluation mode, and the result is in the modes of the network.
        mask: a mask of it.
        example_inputs: what the network is called with: a tensor, a tuple of arguments, or a dictionary of named arguments. The
            smaller network is right on inputs for which the network takes the same branches.
        keep: patterns of dotted names of layers whose units all stay, such as ``"conv*"``; each must match a layer.
        tolerance: the largest difference that is allowed between outputs, as a share of the largest output (or of 1); by default
            1e-5 for float32, 1e-10 for float64, 0.01 for float16 and 0.05 for bfloat16.

    Raises:
        MaskMismatchError: the mask does not fit the network.
        ShrinkError: the network is of a kind that cannot be changed, cannot be called with the example inputs, or cannot be
            traced; a pattern of ``keep`` matches no layer; or the smaller network gives other outputs: the message names the
            layer.
        MissingExtraError: torch-pruning is not installed.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> rows = ms.select(network, include=["0.*"], units="row")
        >>> mask = ms.BinaryMask.from_units(rows.groups, {"0.weight": torch.arange(8) < 3}, rows.shapes)
        >>> ms.shrink(network, mask, torch.ones(1, 4)).network[0]
        Linear(in_features=4, out_features=3, bias=True)
    """
    _refuse(network)
    small = bake(network, mask)
    modes = {name: module.training for name, module in small.named_modules()}
    shapes = {name: tuple(one.shape) for name, one in small.named_parameters()}
    trained = {name: one.requires_grad for name, one in small.named_parameters()}
    count = _count(small)
    small.eval()
    with without_caches(small):
        expected = _outputs(small, example_inputs)
        allowed = tolerance if tolerance is not None else max((_TOLERANCES.get(one.dtype, 0.0) for one in expected), default=0.0)
        removed, kept = _made_smaller(small, example_inputs, tuple(keep), expected, allowed)
        difference = _difference(expected, small, example_inputs)
    if not difference <= allowed:
        raise ShrinkError(_other_outputs("several recurrent layers as one", difference, allowed))
    for name, module in small.named_modules():
        module.training = next(modes[above] for above in _upwards(name) if above in modes)
    for name, one in small.named_parameters():
        one.requires_grad_(trained.get(name, one.requires_grad))
    changed = {name: (shapes[name], tuple(one.shape)) for name, one in small.named_parameters() if name in shapes}
    changed = {name: both for name, both in changed.items() if both[0] != both[1]}
    return Shrunk(small, removed, changed, count, _count(small), kept, difference, allowed)


def _made_smaller(
    small: nn.Module, example_inputs: Any, keep: Sequence[str], expected: Sequence[Tensor], allowed: float
) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Removes units until none is dead; one that goes may leave others without a reader, or without an input.

    Returns:
        The units that were removed, as they were numbered first, and why others stayed.
    """
    owners = traced(small, example_inputs)
    if missing := [pattern for pattern in keep if not fnmatch.filter(owners.layers, pattern)]:
        raise ShrinkError(f"keep: no layer is called {', '.join(missing)}. The layers are: {', '.join(owners.layers)}.")
    _take_apart(small, owners)
    stay: dict[str, list[int]] = {}
    removed: dict[str, list[int]] = {}
    while True:
        owners = traced(small, example_inputs)
        _keep(owners, keep)
        before = copy_network(small)
        made = remove_dead(small, owners, example_inputs)
        if not made.removed:
            break
        if not _difference(expected, small, example_inputs) <= allowed:
            raise _culprit(before, keep, example_inputs, expected, allowed)
        for name, numbers in made.removed.items():
            needed = owners.layers[name].needed
            assert needed is not None
            mine = stay.setdefault(name, list(range(len(needed))))
            removed.setdefault(name, []).extend(mine[number] for number in numbers)
            stay[name] = [one for number, one in enumerate(mine) if number not in set(numbers)]
    _put_together(small)
    return {name: tuple(sorted(numbers)) for name, numbers in removed.items()}, {**_constants_that_stay(owners), **made.kept}


def _refuse(network: nn.Module) -> None:
    title = type(network).__name__
    advice = "Give the plain module that it was made from."
    if isinstance(network, torch.jit.ScriptModule):
        raise ShrinkError(f"{title} is scripted, so its layers cannot be changed. {advice}")
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel) or hasattr(network, "_orig_mod"):
        raise ShrinkError(f"{title} is a wrapper around a network: parallel, or compiled. {advice}")
    if isinstance(network, nn.RNNBase):
        raise ShrinkError(
            f"The network is a bare {title}: its hidden units are its outputs, which stay as they are. Give the module that has "
            "it together with what reads it."
        )
    strange = [name for name, one in network.named_parameters() if not is_plain(one)]
    if strange:
        raise ShrinkError(
            f"Only plain weights with values can be made fewer; quantised, sharded, sparse or meta: {', '.join(strange)}."
        )


def _count(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def _upwards(name: str) -> Iterator[str]:
    """The name of a module, and those of the modules that it is in, up to the network."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def _outputs(network: nn.Module, example_inputs: Any) -> list[Tensor]:
    with torch.no_grad():
        return [one.detach().clone() for one in tensors_in(call_on(network, example_inputs))]


def _difference(expected: Sequence[Tensor], network: nn.Module, example_inputs: Any) -> float:
    """The largest difference between outputs, as a share of the largest output or of 1; infinite if there are others."""
    try:
        found = _outputs(network, example_inputs)
    except ShrinkError:  # shapes do not fit together
        return math.inf
    if [one.shape for one in found] != [one.shape for one in expected]:
        return math.inf
    largest = 0.0
    for mine, its in zip(found, expected, strict=True):
        if not its.is_floating_point():
            largest = max(largest, 0.0 if torch.equal(mine, its) else math.inf)
        elif its.numel():
            apart = torch.where(mine == its, 0, (mine.double() - its.double()).abs()).nan_to_num(math.inf)
            apart = torch.where(mine.isnan() & its.isnan(), 0, apart)
            scale = its.double().nan_to_num(0, 0, 0).abs().max().clamp(min=1)
            largest = max(largest, float(apart.max() / scale))
    return largest


def _take_apart(network: nn.Module, owners: Owners) -> None:
    """Puts a chain of layers in place of each recurrent layer of several layers, so that each may get a size of its own."""
    for name, layer in owners.layers.items():
        module = layer.module
        if isinstance(module, nn.RNNBase) and can_be_chained(module) and not layer.inner_states and name not in owners.stateful:
            replace(network, name, Chain(module))


def _put_together(network: nn.Module) -> None:
    for name, module in list(network.named_modules()):
        if isinstance(module, Chain):
            replace(network, name, joined(module))


def _constants_that_stay(owners: Owners) -> dict[str, str]:
    """Why units that do not vary with the inputs stay, by layer."""
    found = {}
    for name, layer in owners.layers.items():
        if layer.varies is not None and layer.needed is not None and bool((~layer.varies & layer.needed).any()):
            found[name] = f"{int((~layer.varies & layer.needed).sum())} of its units are constants: {layer.why}"
    return found


def _keep(owners: Owners, patterns: Sequence[str]) -> None:
    for name, layer in owners.layers.items():
        # the layers of a chain are parts of the recurrent layer that the user knows
        if any(fnmatch.fnmatchcase(above, pattern) for above in _upwards(name) if above for pattern in patterns):
            layer.blocked = "keep= says so"


def _culprit(
    before: nn.Module, keep: Sequence[str], example_inputs: Any, expected: Sequence[Tensor], allowed: float
) -> ShrinkError:
    """The error that names the layer whose units changed the outputs when they were removed."""
    for name in traced(before, example_inputs).layers:
        one = copy_network(before)
        owners = traced(one, example_inputs)
        _keep(owners, keep)
        if remove_dead(one, owners, example_inputs, only=name).removed:
            difference = _difference(expected, one, example_inputs)
            if not difference <= allowed:
                return ShrinkError(_other_outputs(f"units of {name}", difference, allowed))
    return ShrinkError(_other_outputs("units of several layers together", math.inf, allowed))


def _other_outputs(what: str, difference: float, allowed: float) -> str:
    return (
        f"Without {what} the network gives other outputs on the example inputs: {difference:.1e} apart, {allowed:.1e} is "
        "allowed. Nothing was returned. Does the network use widths that are written down in it, or values that leave torch "
        "(NumPy, lists)? keep=[...] leaves a layer as it is; a larger tolerance= allows rounding."
    )
