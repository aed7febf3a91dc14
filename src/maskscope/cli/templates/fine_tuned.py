"""What did fine-tuning change, and which of the changed weights carry what was learned?

Run it with:  maskscope run FILE.py --preset smoke    to see that everything runs (seconds)
              maskscope run FILE.py                   for the answer (some minutes)

A network that was trained on the digits 0 to 4 is fine-tuned on all ten. A mask is over the *changes*: where it is off, a weight
is what it was before (`off=before`), so 0 on the scale of the claims is the network before fine-tuning. To study your own, load
both networks, as with from_pretrained, in the places of `before` and `after`.
"""

import copy
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

import maskscope as ms

digits = load_digits()
images, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
old, new = labels < 5, labels >= 5


def train(network: nn.Module, chosen: torch.Tensor, name: str) -> nn.Module:
    """A copy that is trained further on some images, from its file where there is one."""
    torch.manual_seed(0)
    made, file = copy.deepcopy(network), Path(__file__).with_suffix(f".{name}.pt")
    if file.exists():
        made.load_state_dict(torch.load(file))
        return made
    optimizer, x, y = torch.optim.Adam(made.parameters(), 3e-3), images[chosen], labels[chosen]
    for _ in range(300):
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(made(x[batch]), y[batch]).backward()
        optimizer.step()
    torch.save(made.state_dict(), file)
    return made


torch.manual_seed(0)
before = train(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)), old, "before")
after = train(before, old | new, "after")

STUDY = ms.Study(
    after,
    functions={"new digits": TensorDataset(images[new], labels[new]), "old digits": TensorDataset(images[old], labels[old])},
    loss="labels",
    off=before,
    exclude=(),  # biases changed, too
    name="fine-tuned digits",
)
