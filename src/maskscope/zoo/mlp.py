"""The feed-forward network of the paper."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU between them, initialised as torch does (Kaiming uniform, a = sqrt 5).

    Args:
        sizes: the number of units of the input, of each hidden layer and of the output; at least two numbers.

    Examples:
        >>> network = MLP([42, 400, 400, 200, 20])
        >>> sum(p.numel() for name, p in network.named_parameters() if "bias" not in name)
        260800
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, inputs: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """The scores of the outputs, without an activation function."""
        *hidden, last = self.layers
        for layer in hidden:
            inputs = layer(inputs).relu()
        result: Tensor = last(inputs)
        return result
