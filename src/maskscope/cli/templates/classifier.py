"""Two groups of classes in an image classifier: which weights does each need, and are they the same?

Run it with:  maskscope run FILE.py --preset smoke    to see that everything runs (seconds)
              maskscope run FILE.py                   for the answer (some minutes)

It trains two small networks on handwritten digits and keeps them beside this file. To study your own network, put it in the place
of `trained`, and your data in the place of `group`.
"""

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

import maskscope as ms

digits = load_digits()  # 1,797 images of 8 x 8 pixels
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)


def network() -> nn.Module:
    """An untrained network; the control that tells what the search finds where nothing was learned."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten()),
        nn.Linear(128, 10),
    )


def trained(seed: int) -> nn.Module:
    """A trained network, from its file where there is one."""
    torch.manual_seed(seed)
    made, file = network(), Path(__file__).with_suffix(f".{seed}.pt")
    if file.exists():
        made.load_state_dict(torch.load(file))
        return made
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(400):
        batch = torch.randint(len(images), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(made(images[batch]), labels[batch]).backward()
        optimizer.step()
    torch.save(made.state_dict(), file)
    return made


def group(classes: list[int]) -> TensorDataset:
    """The images of some classes. A fifth is kept for scores, and a fifth of the rest to decide the masks' sizes."""
    chosen = torch.isin(labels, torch.tensor(classes))
    return TensorDataset(images[chosen], labels[chosen])


STUDY = ms.Study(
    [trained(0), trained(1)],  # several seeds give intervals; one network is enough for masks
    functions={"0 to 4": group([0, 1, 2, 3, 4]), "5 to 9": group([5, 6, 7, 8, 9])},
    loss="labels",  # cross-entropy and accuracy. "unmasked" needs no labels; or write your own: loss(network, batch)
    units="weight",  # "filter" asks for whole filters
    untrained=network,
    name="digits",
)
