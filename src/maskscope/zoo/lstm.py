"""The recurrent network of the paper's arithmetic experiments, built on torch's own LSTM."""

from jaxtyping import Float
from torch import Tensor, nn


class LSTM(nn.Module):
    """A stack of LSTM layers. It reads the same input for some steps and answers at the last; or it reads a sequence.

    Args:
        inputs: the number of input features.
        outputs: the number of output scores.
        hidden: the number of units of each layer.
        layers: the number of layers.
        steps: how many times the input is shown.

    Source: Csordás et al. 2021, section 3.1: 2 layers of 256, 3 steps; 834,560 weights without biases for 42 inputs, 20 outputs.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int = 256, layers: int = 2, steps: int = 3) -> None:
        super().__init__()
        self.steps = steps
        self.core = nn.LSTM(inputs, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, x: Float[Tensor, "n *steps inputs"]) -> Float[Tensor, "n *steps outputs"]:
        """The scores at the last step if the input has no steps; for a sequence, the scores at each of its steps."""
        repeated = x.dim() == 2
        states, _ = self.core(x[:, None].expand(-1, self.steps, -1) if repeated else x)
        scores: Tensor = self.output(states[:, -1] if repeated else states)
        return scores
