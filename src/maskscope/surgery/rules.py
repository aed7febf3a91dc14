"""The rules of operations: which elements of what they make vary with the inputs, and which elements of their inputs they need.

Truth values are counted in floating point: a matrix product of zeros and ones is above 1/2 exactly where one of its terms is one.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskscope.surgery.recurrent import recurrent
from maskscope.surgery.tape import Call, Effect, Flags, Layer, Owners, mixing, nothing, passing, whole

_MOVING = frozenset(
    "view _unsafe_view reshape permute transpose t select expand squeeze unsqueeze split split_with_sizes unbind cat "
    "stack contiguous constant_pad_nd repeat flip roll chunk narrow unfold slice".split()
)
_SAME = frozenset(("_to_copy", "clone", "detach", "alias", "lift_fresh"))
_PLANES = {
    name: int(re.findall(r"(\d)d", name)[0])
    for name in (
        "max_pool1d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d "
        "_adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d "
        "upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d reflection_pad1d reflection_pad2d "
        "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d"
    ).split()
}
_FILLED = frozenset("zeros zeros_like new_zeros ones ones_like new_ones zero_ fill_".split())


def rule_of(call: Call, owners: Owners) -> Effect:
    """What an operation does: by its rule, or mixing everything if it has none."""
    base = call.name.rstrip("_") or call.name
    if call.name in _FILLED:
        return _filled(call, owners)
    if base in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        return recurrent(call, owners)
    if base in _RULES:
        return _RULES[base](call, owners)
    if base == "mul" and len(call.tensors) == 2:
        return _product(call)
    if base in _SAME or (call.pointwise and call.tensors and len(call.outputs) == 1):
        return _pointwise(call)
    if base in _MOVING:
        return _moving(call, owners)
    if base in _PLANES:
        return _planes(call, _PLANES[base])
    return mixing(call, owners)


def _filled(call: Call, owners: Owners) -> Effect:
    flags = [torch.zeros(one.shape, dtype=torch.bool, device=one.device) for one in call.outputs]
    return Effect(flags, passing(lambda needs: nothing(call)))


def _pointwise(call: Call) -> Effect:
    shape = call.outputs[0].shape
    try:
        flags = [one.broadcast_to(shape) for one in call.varying]
    except RuntimeError:
        return mixing(call, Owners({}, {}))
    varies = torch.stack([flag.to(call.outputs[0].device) for flag in flags]).any(0)
    return Effect([varies], passing(lambda needs: [_unbroadcast(needs[0], one) for one in call.varying]))


def _product(call: Call) -> Effect:
    """An element that is always zero takes away what it is multiplied with."""
    (first, second), (first_varies, second_varies) = (_before(call), call.varying)
    first_counts, second_counts = first_varies | (first != 0), second_varies | (second != 0)
    varies = (first_varies & second_counts) | (second_varies & first_counts)

    def needed(needs: Flags) -> list[Tensor]:
        return [_unbroadcast(needs[0] & second_counts, first), _unbroadcast(needs[0] & first_counts, second)]

    return Effect([varies], passing(needed))


def _before(call: Call) -> list[Tensor]:
    """The arguments as they were. What an operation in place has overwritten counts as not zero."""
    return [torch.ones_like(one) if any(one is its for its in call.outputs) else one for one in call.tensors]


def _moving(call: Call, owners: Owners) -> Effect:
    """Elements go to other places."""
    marks = {id(one): flag.float() for one, flag in zip(call.tensors, call.varying, strict=True)}
    try:
        varies = [one > 0.5 for one in _again(call, marks)]
    except RuntimeError:
        return mixing(call, owners)
    if call.name in ("slice", "narrow") and call.outputs[0].shape != call.tensors[0].shape:
        # how much is cut off may depend on the length of the inputs: a table of positions
        dim = call.args[1] if len(call.args) > 1 else 0
        source = call.tensors[0]
        differs = (source != source.narrow(dim, 0, 1)).any(dim, keepdim=True) if source.numel() else torch.zeros(1, dtype=torch.bool)
        varies = [varies[0] | differs]

    def needed(needs: Flags) -> list[Tensor]:
        with torch.enable_grad():
            leaves = {number: torch.zeros_like(one, requires_grad=True) for number, one in marks.items()}
            made = _again(call, leaves)
            found = torch.autograd.grad(made, list(leaves.values()), [need.float() for need in needs], allow_unused=True)
        by_number = dict(zip(leaves, found, strict=True))
        return [_read(by_number[id(one)], flag) for one, flag in zip(call.tensors, call.varying, strict=True)]

    return Effect(varies, passing(needed))


def _again(call: Call, replaced: dict[int, Tensor]) -> list[Tensor]:
    args, kwargs = tree_map(lambda one: replaced[id(one)] if isinstance(one, Tensor) else one, (call.args, call.kwargs))
    made = call.function(*args, **kwargs)
    return [made] if isinstance(made, Tensor) else list(made)


def _read(gradient: Tensor | None, flag: Tensor) -> Tensor:
    return torch.zeros_like(flag) if gradient is None else gradient > 0


def _planes(call: Call, spatial: int) -> Effect:
    """Pooling and resizing: each plane by itself."""
    dims = tuple(range(-spatial, 0))
    varies = call.varying[0].any(dim=dims, keepdim=True) if call.tensors else torch.ones(1, dtype=torch.bool)

    def needed(needs: Flags) -> list[Tensor]:
        planes = torch.stack([need.flatten(-spatial).any(-1) for need in needs]).any(0)
        return [planes[(..., *[None] * spatial)].expand(call.varying[0].shape), *map(torch.zeros_like, call.varying[1:])]

    return Effect([varies.expand(one.shape) for one in call.outputs], passing(needed))


def _reduction(call: Call, owners: Owners) -> Effect:
    """A mean, or a largest or smallest element, over some dimensions; of a sum, the constants depend on the length."""
    dims = call.args[1] if len(call.args) > 1 else call.kwargs.get("dim")
    source = call.varying[0]
    if dims is None or dims == [] or len(call.outputs) > 1:
        return mixing(call, owners)
    dims = tuple(dims) if isinstance(dims, Sequence) else (dims,)
    varies = source | (call.tensors[0] != 0) if call.name == "sum" else source
    kept = varies.any(dim=dims, keepdim=True)

    # if the constants are not all the same, it matters how many there are, and none of them may go
    values = call.tensors[0]
    same = values.amax(dim=dims, keepdim=True) == values.amin(dim=dims, keepdim=True)

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        for_good, until = (one[0].reshape(kept.shape) for one in (needs, unless_folded))
        return [(for_good | until & ~same).expand(source.shape)], [(until & same).expand(source.shape)]

    return Effect([kept.reshape(call.outputs[0].shape)], backwards)


def _batch_norm(call: Call, owners: Owners) -> Effect:
    """In evaluation mode a scale and a shift of each channel; a channel with scale 0 is a constant."""
    given = inspect.signature(call.function).bind(*call.args, **call.kwargs).arguments
    values, scale = given["input"], given.get("weight")
    if given.get("training") or values is not call.tensors[0]:
        return mixing(call, owners)
    shape = [1, -1, *[1] * (values.dim() - 2)]
    counts = (scale != 0).reshape(shape) if scale is not None else torch.ones(1, dtype=torch.bool, device=values.device)

    def needed(needs: Flags) -> list[Tensor]:
        return [needs[0] & counts, *[torch.ones_like(one) for one in call.varying[1:]]]

    return Effect([call.varying[0] & counts], passing(needed))


def _embedding(call: Call, owners: Owners) -> Effect:
    """A row of a table for each index; a column of the table that is the same in all rows is a constant."""
    table, indices = call.tensors[:2]
    if bool(call.varying[0].any()):
        return mixing(call, owners)
    layer = call.layer = owners.of(table, "embedding")
    varies = (table != table[:1]).any(0) if bool(call.varying[1].any()) else torch.zeros_like(table[0], dtype=torch.bool)
    varies = varies.expand(call.outputs[0].shape)
    _note(layer, varies, -1)

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        _note_need(layer, needs[0], -1)
        used = needs[0].any() | unless_folded[0].any()
        return [used.expand(table.shape), used.expand(indices.shape), *nothing(call)[2:]], nothing(call)

    return Effect([varies], backwards)


def _linear(call: Call, owners: Owners) -> Effect:
    values, weight = call.tensors[:2]
    return _weighted(call, owners, weight, values, weight.t(), -1, -1, lambda x, w: x @ w, exact=True)


def _matrix_product(call: Call, owners: Owners) -> Effect:
    """A product of two matrices, or of two batches of them, perhaps with something added."""
    first, second = call.tensors[-2:]
    first_varies, second_varies = call.varying[-2:]
    if not bool(second_varies.any()) and owners.of(second, call.name) is not None:
        return _weighted(call, owners, second, first, second, -1, -1, lambda x, w: x @ w, exact=True)
    one, two = (first_varies | (first != 0)).float(), (second_varies | (second != 0)).float()
    varies = (first_varies.float() @ two + one @ second_varies.float()) > 0.5
    for added in call.varying[:-2]:
        varies = varies | added

    def needed(needs: Flags) -> list[Tensor]:
        need = needs[0].float()
        added = [_unbroadcast(needs[0], one) for one in call.varying[:-2]]
        return [*added, need @ two.transpose(-1, -2) > 0.5, one.transpose(-1, -2) @ need > 0.5]

    return Effect([varies], whole(call, needed), "it is multiplied with something that is not a weight of a layer")


def _convolution(call: Call, owners: Owners) -> Effect:
    values, weight = call.tensors[:2]
    settings = call.args[3:]
    padding, transposed = settings[1], settings[3]
    channel = 1 - call.outputs[0].dim()
    return _weighted(
        call,
        owners,
        weight,
        values,
        weight,
        channel,
        channel,
        lambda x, w: call.function(x, w, None, *settings),
        exact=not transposed and not any(padding),
    )


def _weighted(
    call: Call,
    owners: Owners,
    weight: Tensor,
    values: Tensor,
    matrix: Tensor,
    reads: int,
    writes: int,
    apply: Callable[[Tensor, Tensor], Tensor],
    *,
    exact: bool,
) -> Effect:
    """An operation that is linear in its values, with weights that are constants.

    Args:
        call: the operation.
        owners: the layers.
        weight: the parameter.
        values: the argument that the weights are for.
        matrix: the weights as ``apply`` takes them.
        reads: the dimension of the values that has the units.
        writes: the dimension of the outputs that has the units.
        apply: computes the outputs, without bias.
        exact: whether a constant input adds the same everywhere: not with padding.
    """
    at = next(number for number, one in enumerate(call.tensors) if one is values)
    others = [flag for number, flag in enumerate(call.varying) if number != at]
    if any(bool(flag.any()) for flag in others):
        return mixing(call, owners)
    layer = call.layer = owners.of(weight, call.name)
    flags, counts = call.varying[at], (matrix != 0).float()
    varies = apply(flags.float(), counts) > 0.5
    _note(layer, varies, writes)
    if layer is not None:
        layer.is_given(_constants(values, flags, reads, exact=exact))

    def backwards(needs: Flags, unless_folded: Flags) -> tuple[Flags, Flags]:
        _note_need(layer, needs[0], writes)
        with torch.enable_grad():
            leaf = torch.zeros(values.shape, device=values.device, requires_grad=True)
            (found,) = torch.autograd.grad(apply(leaf, counts), leaf, (needs[0] | unless_folded[0]).float())
        read = found > 0.5
        for_good, until = [torch.ones_like(one) for one in call.varying], nothing(call)
        for_good[at] = read
        if layer is not None and layer.constants is not None:
            shape = [1] * read.dim()
            shape[reads] = -1
            stays = layer.constants.isnan().reshape(shape)
            for_good[at], until[at] = read & stays, read & ~stays
            layer.does_read(over_units(for_good[at], reads))
        return for_good, until

    who = layer.name if layer is not None else call.name
    return Effect(
        [varies], backwards, f"{who} reads it and cannot take it up into its bias: it has padding, or the constant depends on the place"
    )


def _constants(values: Tensor, varies: Tensor, units: int, *, exact: bool) -> Tensor:
    """The value of each unit that is the same constant everywhere, and that a bias can take up; NaN for the others."""
    rows = values.movedim(units, 0).flatten(1)
    if not rows.shape[1]:
        return torch.full((rows.shape[0],), torch.nan, device=values.device)
    same = ~varies.movedim(units, 0).flatten(1).any(1) & (rows == rows[:, :1]).all(1)
    if not exact:
        same = same & (rows[:, 0] == 0)
    return torch.where(same, rows[:, 0], torch.nan)


def over_units(flags: Tensor, units: int) -> Tensor:
    """Whether any element of each unit is true."""
    return flags.movedim(units, 0).flatten(1).any(1)


def _note(layer: Layer | None, varies: Tensor, units: int) -> None:
    if layer is not None:
        layer.writes(over_units(varies, units))


def _note_need(layer: Layer | None, needs: Tensor, units: int) -> None:
    if layer is not None:
        layer.is_needed(over_units(needs, units))


def _unbroadcast(needs: Tensor, like: Tensor) -> Tensor:
    """The elements of an argument that was broadcast: needed if any of its copies is."""
    extra = needs.dim() - like.dim()
    flags = needs.flatten(0, extra - 1).any(0) if extra > 1 else needs.any(0) if extra == 1 else needs
    for dim, size in enumerate(like.shape):
        if size == 1 and flags.shape[dim] != 1:
            flags = flags.any(dim, keepdim=True)
    return flags.to(like.device)


_RULES: dict[str, Callable[[Call, Owners], Any]] = {
    "linear": _linear,
    "convolution": _convolution,
    "batch_norm": _batch_norm,
    "embedding": _embedding,
    "mm": _matrix_product,
    "addmm": _matrix_product,
    "bmm": _matrix_product,
    "baddbmm": _matrix_product,
    "mean": _reduction,
    "sum": _reduction,
    "amax": _reduction,
    "amin": _reduction,
}
