"""The rules of operations with weights: linear layers, convolutions, tables, and products of matrices.

Truth values are counted in floating point: a matrix product of zeros and ones is above 1/2 exactly where one of its terms is one.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from maskscope.surgery.tape import Call, Effect, Flags, Layer, Owners, mixing, nothing, unbroadcast, whole


def embedding(call: Call, owners: Owners) -> Effect:
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


def linear(call: Call, owners: Owners) -> Effect:
    """A linear layer."""
    values, weight = call.tensors[:2]
    return _weighted(call, owners, weight, values, weight.t(), -1, -1, lambda x, w: x @ w, exact=True)


def matrix_product(call: Call, owners: Owners) -> Effect:
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
        added = [unbroadcast(needs[0], one) for one in call.varying[:-2]]
        return [*added, need @ two.transpose(-1, -2) > 0.5, one.transpose(-1, -2) @ need > 0.5]

    return Effect([varies], whole(call, needed), "it is multiplied with something that is not a weight of a layer")


def convolution(call: Call, owners: Owners) -> Effect:
    """A convolution, forward or transposed."""
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
            layer.does_read(_over_units(for_good[at], reads))
        return for_good, until

    who = layer.name if layer is not None else call.name
    return Effect(
        [varies],
        backwards,
        f"{who} reads it and cannot take it up into its bias: there is padding, or it differs by place",
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


def _over_units(flags: Tensor, units: int) -> Tensor:
    """Whether any element of each unit is true."""
    return flags.movedim(units, 0).flatten(1).any(1)


def _note(layer: Layer | None, varies: Tensor, units: int) -> None:
    if layer is not None:
        layer.writes(_over_units(varies, units))


def _note_need(layer: Layer | None, needs: Tensor, units: int) -> None:
    if layer is not None:
        layer.is_needed(_over_units(needs, units))
