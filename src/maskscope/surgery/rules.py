"""The rules of operations: which elements of what they make vary with the inputs, and which of their arguments they need."""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskscope.surgery.recurrent import recurrent
from maskscope.surgery.tape import Call, Effect, Flags, Owners, Rule, mixing, nothing, passing, unbroadcast
from maskscope.surgery.weights import convolution, embedding, linear, matrix_product

# fmt: off
_MOVING = frozenset((
    "view", "_unsafe_view", "reshape", "permute", "transpose", "t", "select", "expand", "squeeze", "unsqueeze", "split",
    "split_with_sizes", "unbind", "cat", "stack", "contiguous", "constant_pad_nd", "repeat", "flip", "roll", "chunk", "narrow",
    "unfold", "slice",
))
# fmt: on
_SAME = frozenset(("_to_copy", "clone", "detach", "alias", "lift_fresh"))
_PLANES = {
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"), 2),
    **dict.fromkeys(("max_pool3d_with_indices", "avg_pool3d", "_adaptive_avg_pool3d", "adaptive_max_pool3d"), 3),
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d", "reflection_pad2d", "replication_pad2d"), 2),
    **dict.fromkeys(("upsample_nearest1d", "upsample_linear1d", "reflection_pad1d", "replication_pad1d", "avg_pool1d"), 1),
    **dict.fromkeys(("upsample_nearest3d", "upsample_trilinear3d", "reflection_pad3d", "replication_pad3d"), 3),
}
_FILLED = frozenset(("zeros", "zeros_like", "new_zeros", "ones", "ones_like", "new_ones", "zero_"))


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
    return Effect([varies], passing(lambda needs: [unbroadcast(needs[0], one) for one in call.varying]))


def _product(call: Call) -> Effect:
    """An element that is always zero takes away what it is multiplied with."""
    (first, second), (first_varies, second_varies) = (_before(call), call.varying)
    first_counts, second_counts = first_varies | (first != 0), second_varies | (second != 0)
    varies = (first_varies & second_counts) | (second_varies & first_counts)

    def needed(needs: Flags) -> list[Tensor]:
        return [unbroadcast(needs[0] & second_counts, first), unbroadcast(needs[0] & first_counts, second)]

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
        differs = (
            (source != source.narrow(dim, 0, 1)).any(dim, keepdim=True) if source.numel() else torch.zeros(1, dtype=torch.bool)
        )
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
    varies = call.varying[0].any(dim=dims, keepdim=True)

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


def _packing(call: Call, owners: Owners) -> Effect:
    """Sequences of several lengths one after the other, or side by side with zeros behind them: each unit by itself."""
    values = call.tensors[0]
    # how many zeros there are depends on the inputs
    varies = (call.varying[0] | (values != 0)).flatten(0, -2).any(0)
    flags = [varies.expand(call.outputs[0].shape), torch.ones_like(call.outputs[1], dtype=torch.bool)]

    def needed(needs: Flags) -> list[Tensor]:
        return [needs[0].flatten(0, -2).any(0).expand(values.shape), *[torch.ones_like(one) for one in call.varying[1:]]]

    return Effect(flags, passing(needed))


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


_RULES: dict[str, Rule] = {
    "linear": linear,
    "convolution": convolution,
    "batch_norm": _batch_norm,
    "_pack_padded_sequence": _packing,
    "_pad_packed_sequence": _packing,
    "embedding": embedding,
    "mm": matrix_product,
    "addmm": matrix_product,
    "bmm": matrix_product,
    "baddbmm": matrix_product,
    "mean": _reduction,
    "sum": _reduction,
    "amax": _reduction,
    "amin": _reduction,
}
