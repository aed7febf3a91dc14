"""Your own network: fill in the three places that are marked, then run it.

Run it with:  maskscope run FILE.py --preset smoke    to see that everything runs (seconds)
              maskscope run FILE.py --dry-run         for the table of what is masked, and how long it would take
              maskscope run FILE.py                   for the answer
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

import maskscope as ms

# 1. A trained network, or a list of networks that were trained from different seeds: any torch module.
#    network = torch.load("network.pt", weights_only=False), or transformers.AutoModel...from_pretrained("folder")
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))

# 2. The data of each function, by its name: a Dataset, a DataLoader, a list of batches, or a function of an index. A batch is
#    (inputs, labels), or a mapping as transformers takes it; without labels take loss="unmasked".
inputs = torch.randn(600, 4)
functions = {"positive": TensorDataset(inputs[inputs[:, 0] > 0]), "negative": TensorDataset(inputs[inputs[:, 0] <= 0])}

STUDY = ms.Study(
    network,
    functions,
    # 3. What a network that performs the function is good at: "labels", "unmasked", "values", or loss(network, batch) -> scalar
    #    with score(network, batch) -> a number from 0 to 1 for each item.
    loss="unmasked",
    # Which weights: exclude=("*bias*", "*embedding*"). What one bit of a mask stands for: units="row", "filter", "head", ...
    # How each mask is found: config=ms.MaskConfig.recommended(). Makes an untrained network, as a control: untrained=lambda: ...
    name="mine",
)
