"""Two things that an LSTM reads from a sensor: which weights does each need, and are they the same?

Run it with:  maskscope run FILE.py --preset smoke    to see that everything runs (seconds)
              maskscope run FILE.py                   for the answer (some minutes)

It trains a small LSTM on signals that it makes: is there a *peak*, and is the *trend* upwards? To study your own network, put it
in the place of `trained`, and your data in the place of `part`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

import maskscope as ms

LENGTH = 24


class Reader(nn.Module):
    """Reads a signal and answers two questions, each with one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.answers = nn.Linear(24, 2)

    def forward(self, signals: Tensor) -> Tensor:
        """Logits of the shape [signals, 2]."""
        logits: Tensor = self.answers(self.lstm(signals)[0][:, -1])
        return logits


def part(seed: int) -> tuple[Tensor, Tensor]:
    """64 signals of the shape [64, LENGTH, 1], and for each whether it has a peak and whether it rises."""
    random = torch.Generator().manual_seed(seed)
    answers = torch.randint(2, (64, 2), generator=random)
    time = torch.linspace(-1, 1, LENGTH)
    signals = 0.3 * torch.randn(64, LENGTH, generator=random) + (2 * answers[:, 1:] - 1) * time
    places = torch.randint(LENGTH, (64,), generator=random)
    signals[torch.arange(64), places] += 3.0 * answers[:, 0]
    return signals.unsqueeze(2), answers


def trained(seed: int) -> nn.Module:
    """A trained network, from its file where there is one."""
    torch.manual_seed(seed)
    made, file = Reader(), Path(__file__).with_suffix(f".{seed}.pt")
    if file.exists():
        made.load_state_dict(torch.load(file))
        return made
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    for step in range(500):
        signals, answers = part(1000 * seed + step)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(made(signals), answers.float()).backward()
        optimizer.step()
    torch.save(made.state_dict(), file)
    return made


def loss(network: nn.Module, batch: tuple[Tensor, int, Tensor]) -> Tensor:
    """A loss of one's own: of one of the two answers, on signals, which question, and what is right."""
    signals, question, right = batch
    answers: Tensor = network(signals)[:, question]
    return nn.functional.binary_cross_entropy_with_logits(answers, right.float())


def score(network: nn.Module, batch: tuple[Tensor, int, Tensor]) -> Tensor:
    """Whether each answer is right."""
    signals, question, right = batch
    answers: Tensor = network(signals)[:, question]
    return (answers > 0) == (right > 0)


PARTS = [part(100_000 + index) for index in range(40)]
STUDY = ms.Study(
    [trained(0), trained(1)],  # several seeds give intervals; one network is enough for masks
    functions={
        "peak": [(signals, 0, answers[:, 0]) for signals, answers in PARTS],
        "trend": [(signals, 1, answers[:, 1]) for signals, answers in PARTS],
    },
    loss=loss,
    score=score,
    untrained=Reader,
    name="sensor",
)
