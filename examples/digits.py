"""Fifteen lines: which weights of a digit classifier carry the digits 0 to 4, which 5 to 9, and are they the same?"""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import maskscope as ms

digits = load_digits()
x, y = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
ms.fit(
    network,
    lambda net, part: torch.nn.functional.cross_entropy(net(part[0]), part[1]),
    list(zip(x.split(64), y.split(64), strict=True)),
    config=ms.FitConfig(steps=600, learning_rate=0.003),
    seed=0,
)
low = y < 5
study = ms.Study(
    network, {"0 to 4": TensorDataset(x[low], y[low]), "5 to 9": TensorDataset(x[~low], y[~low])}, loss="labels", name="digits"
)

if __name__ == "__main__":
    study.run("runs/digits")
