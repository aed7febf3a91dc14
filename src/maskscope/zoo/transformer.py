"""A small Transformer encoder for a short sequence of feature vectors. It is not in the paper."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Transformer(nn.Module):
    """A linear embedding with learned positions, torch's own encoder layers, the mean over positions, a linear layer.

    A flat input is divided into positions, and the last position is filled up with zeros.

    Args:
        features: the number of features of each position.
        length: the number of positions.
        outputs: the number of output scores.
        width: the width of the model.
        heads: the number of attention heads.
        feedforward: the number of hidden units of each feed-forward part.
        layers: the number of layers.
    """

    def __init__(
        self, features: int, length: int, outputs: int, width: int = 128, heads: int = 4, feedforward: int = 512, layers: int = 3
    ) -> None:
        super().__init__()
        self.embedding = nn.Linear(features, width)
        self.position_embedding = nn.Parameter(0.02 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(width, heads, feedforward, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.output = nn.Linear(width, outputs)

    def forward(self, x: Float[Tensor, "n *positions features"]) -> Float[Tensor, "n outputs"]:
        """The output scores."""
        if x.dim() == 2:
            length, features = len(self.position_embedding), self.embedding.in_features
            x = nn.functional.pad(x, (0, length * features - x.shape[1])).unflatten(1, (length, features))
        encoded = self.encoder(self.embedding(x) + self.position_embedding)
        scores: Tensor = self.output(encoded.mean(1))
        return scores
