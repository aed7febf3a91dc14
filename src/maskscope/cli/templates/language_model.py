"""Two abilities of a small language model: which weights does each need, and are they the same?

Run it with:  maskscope run FILE.py --preset smoke    to see that everything runs (seconds)
              maskscope run FILE.py                   for the answer (some minutes)

It trains a small Transformer on two kinds of sequences that it makes: *count* (3 4 5 6 ...) and *repeat* (7 2 9 7 2 9 ...). For a
model of your own, such as transformers.AutoModelForCausalLM.from_pretrained(...), put it in the place of `trained`, and batches
of token ids {"input_ids": ..., "attention_mask": ...} in the place of `sequences`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

import maskscope as ms

SYMBOLS, LENGTH, WIDTH = 24, 16, 32


class LanguageModel(nn.Module):
    """Predicts the next symbol at every position."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, WIDTH)
        self.positions = nn.Parameter(0.1 * torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, SYMBOLS)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Logits of the shape [sequences, positions, symbols]."""
        length = input_ids.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        logits: Tensor = self.head(self.layers(self.embedding(input_ids) + self.positions[:length], mask=future))
        return logits


def sequences(kind: str, count: int, seed: int) -> Tensor:
    """Sequences of one kind, of the shape [count, LENGTH + 1]."""
    random = torch.Generator().manual_seed(seed)
    if kind == "count":
        return (torch.randint(SYMBOLS, (count, 1), generator=random) + torch.arange(LENGTH + 1)) % SYMBOLS
    return torch.randint(SYMBOLS, (count, 5), generator=random).repeat(1, LENGTH)[:, : LENGTH + 1]


def part(kind: str, seed: int) -> dict[str, Tensor]:
    """32 sequences; where nothing before says what comes, there is no answer to give (-100)."""
    ids = sequences(kind, 32, seed)
    labels = ids[:, 1:].clone()
    labels[:, : 1 if kind == "count" else 5] = -100
    return {"input_ids": ids[:, :-1], "labels": labels}


def trained(seed: int) -> nn.Module:
    """A trained network, from its file where there is one."""
    torch.manual_seed(seed)
    made, file = LanguageModel(), Path(__file__).with_suffix(f".{seed}.pt")
    if file.exists():
        made.load_state_dict(torch.load(file))
        return made
    steps = 1200
    optimizer = torch.optim.Adam(made.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for step in range(steps):
        optimizer.zero_grad()
        for kind in ("count", "repeat"):
            batch = part(kind, 2 * step + seed)
            logits = made(batch["input_ids"])
            nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()).backward()
        optimizer.step()
        schedule.step()
    torch.save(made.state_dict(), file)
    return made


STUDY = ms.Study(
    trained(0),
    functions={kind: [part(kind, 10_000 + index) for index in range(40)] for kind in ("count", "repeat")},
    loss="labels",  # "unmasked" asks for the model's own answers instead, so that no labels are needed
    exclude=("*bias*", "*norm*", "embedding*", "positions"),
    untrained=LanguageModel,
    name="language model",
)
