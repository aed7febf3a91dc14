"""How the weights of a tensor are divided among units: three integers."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from maskscope.errors import ConfigError


@dataclass(frozen=True)
class Layout:
    """The units of a tensor. Seen as ``[before, units, after]``, its flat weight i belongs to unit ``(i // after) % units``.

    A row of a matrix ``[out, in]`` is ``(1, out, in)``, a column ``(out, in, 1)``, a single weight ``(1, n, 1)``, the whole
    tensor ``(1, 1, n)``. The fan-in of a hidden unit of an LSTM, in ``weight_ih`` of shape ``[4 h, in]``, is ``(4, h, in)``.

    Args:
        before: how many runs of weights each unit has in the tensor.
        units: the number of units.
        after: the length of one run.

    Examples:
        >>> import torch, maskscope as ms
        >>> ms.Layout(1, 2, 3).index(0, 6).tolist()  # the rows of a matrix of shape [2, 3]
        [0, 0, 0, 1, 1, 1]
    """

    before: int
    units: int
    after: int

    def __post_init__(self) -> None:
        sizes = (self.before, self.units, self.after)
        # a tensor without weights has no units
        if any(type(size) is not int for size in sizes) or min(self.before, self.after) < 1 or self.units < 0:
            raise ConfigError(f"A layout is three whole numbers of at least 1 (before, units, after); found {sizes}.")

    @property
    def count(self) -> int:
        """The number of weights."""
        return self.before * self.units * self.after

    @property
    def each(self) -> int:
        """The number of weights of one unit."""
        return self.before * self.after

    @property
    def is_single(self) -> bool:
        """Whether each weight is a unit of its own, so that values by unit are values by weight."""
        return self.before == self.after == 1

    def expand(self, per_unit: Shaped[Tensor, "*rows units"]) -> Shaped[Tensor, "*rows n"]:
        """The value of each unit at all of its weights."""
        shape = (*per_unit.shape[:-1], self.before, self.units, self.after)
        return per_unit[..., None, :, None].expand(shape).flatten(-3).contiguous()

    def total(self, per_weight: Shaped[Tensor, " some"], start: int = 0) -> Shaped[Tensor, " units"]:
        """The sum over the weights of each unit, of the values of consecutive weights from ``start`` on."""
        if len(per_weight) == self.count:
            return per_weight.view(self.before, self.units, self.after).sum((0, 2))
        units = self.index(start, start + len(per_weight), per_weight.device)
        return per_weight.new_zeros(self.units).index_add_(0, units, per_weight)

    def index(self, start: int, stop: int, device: torch.device | None = None) -> Int64[Tensor, " n"]:
        """The units of the flat weights from ``start`` up to ``stop``."""
        return torch.arange(start, stop, device=device) // self.after % self.units
