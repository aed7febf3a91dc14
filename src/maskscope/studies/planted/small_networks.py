"""Ordinary small networks for planted modules where those of the zoo do not fit: a CNN and a Transformer without norms."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PatchCNN(nn.Module):
    """Two 3 x 3 convolutions with ReLU, the maximum over all places, a linear layer.

    The maximum keeps what one place answers; the zoo's CNN has four layers and a mean, with 390,000 weights.

    Args:
        channels: of the images, of the two convolutions, and scores.
    """

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        images, first, second, outputs = channels
        self.first = nn.Conv2d(images, first, 3, padding=1)
        self.second = nn.Conv2d(first, second, 3, padding=1)
        self.output = nn.Linear(second, outputs)

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n outputs"]:
        """The scores."""
        found = self.second(self.first(images).relu()).relu().amax((2, 3))
        scores: Tensor = self.output(found)
        return scores


class TokenTransformer(nn.Module):
    """One Transformer block that answers at the last token: attention to all tokens and a feed-forward part, both residual.

    There is no LayerNorm: it divides by what all units do together, noise included, so that no set of weights would compute alone
    what it computes in the network.

    Args:
        length: the number of tokens.
        outputs: the number of scores.
        heads: the number of attention heads.
        head_width: the width of each.
        width: the width of the model.
        hidden: the number of hidden units of the feed-forward part.
    """

    def __init__(self, length: int, outputs: int, heads: int, head_width: int, width: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Linear(1, width, bias=False)
        self.positions = nn.Parameter(torch.randn(length, width))
        self.query, self.key, self.value = (nn.Linear(width, heads * head_width) for _ in range(3))
        self.out = nn.Linear(heads * head_width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.output = nn.Linear(width, outputs)

    def forward(self, tokens: Float[Tensor, "n length 1"]) -> Float[Tensor, "n outputs"]:
        """The scores at the last token."""
        stream = self.embedding(tokens) + self.positions
        last = stream[:, -1]
        query = self.query(last).unflatten(-1, (self.heads, -1))
        key, value = (part(stream).unflatten(-1, (self.heads, -1)) for part in (self.key, self.value))
        # the scale of usual attention; the sum is over the width of a head, then over tokens
        weight = ((query[:, None] * key).sum(-1) / key.shape[-1] ** 0.5).softmax(1)
        stream = last + self.out((weight[..., None] * value).sum(1).flatten(1))
        stream = stream + self.down(self.up(stream).relu())
        scores: Tensor = self.output(stream)
        return scores
