"""The question of digits.py, answered by hand with PyTorch alone, as one would write it in an afternoon; see docs/by-hand.md."""

import time

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.func import functional_call

STEPS, PENALTY, RATE, SAMPLES, REPEATS = 2000, 1e-4, 0.1, 4, 2

digits = load_digits()
x, y = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
x, y = x[order], y[order]
held = len(x) // 5
groups = {"0 to 4": y < 5, "5 to 9": y >= 5}


def train(steps: int = 600) -> nn.Module:
    """A small network that tells the ten digits apart."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        batch = torch.randint(held, len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
    return network.eval()


def gate(logits: Tensor) -> Tensor:
    """A sampled 0 or 1 with the gradient of a relaxed sample (Gumbel-sigmoid, straight-through)."""
    noise = torch.rand_like(logits).clamp(1e-6, 1 - 1e-6)
    soft = torch.sigmoid(logits + noise.log() - (1 - noise).log())
    hard = (soft > 0.5).float()
    return hard + soft - soft.detach()


def masked(network: nn.Module, gates: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """The network's answers with each weight multiplied by its gate."""
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    weights |= {name: weights[name] * value for name, value in gates.items()}
    answers: Tensor = functional_call(network, weights, (inputs,))
    return answers


def find(network: nn.Module, chosen: Tensor, seed: int) -> dict[str, Tensor]:
    """A mask for the items that are chosen: logits by Adam on sampled masks, with a penalty on each logit."""
    torch.manual_seed(seed)
    places = torch.nonzero(chosen[held:]).flatten() + held
    logits = {name: torch.full_like(p, 2.0).requires_grad_() for name, p in network.named_parameters() if "bias" not in name}
    optimizer = torch.optim.Adam(logits.values(), RATE)
    for step in range(STEPS):
        batch = places[torch.randint(len(places), (64,))]
        optimizer.zero_grad()
        for part in batch.chunk(SAMPLES):
            answers = masked(network, {name: gate(value) for name, value in logits.items()}, x[part])
            (nn.functional.cross_entropy(answers, y[part]) / SAMPLES).backward()
        (PENALTY * torch.stack([value.sum() for value in logits.values()]).sum()).backward()
        optimizer.step()
        if step % 500 == 0:
            print(f"step {step}: density {density({n: (v > 0).float() for n, v in logits.items()}):.3f}")
    return {name: (value > 0).float() for name, value in logits.items()}


@torch.no_grad()
def accuracy(network: nn.Module, gates: dict[str, Tensor], chosen: Tensor) -> float:
    """On the held-out items."""
    chosen = chosen[:held]
    return float((masked(network, gates, x[:held][chosen]).argmax(1) == y[:held][chosen]).float().mean())


def density(mask: dict[str, Tensor]) -> float:
    """The share of weights that is kept."""
    return float(sum(one.sum() for one in mask.values()) / sum(one.numel() for one in mask.values()))


def iou(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Intersection over union of two masks."""
    both = sum((first[name] * second[name]).sum() for name in first)
    either = sum(((first[name] + second[name]) > 0).sum() for name in first)
    return float(both / either)


if __name__ == "__main__":
    began = time.perf_counter()
    network = train()
    masks = {(name, seed): find(network, chosen, seed) for name, chosen in groups.items() for seed in range(REPEATS)}
    for (name, seed), mask in masks.items():
        alone = {other: round(accuracy(network, mask, chosen), 3) for other, chosen in groups.items()}
        removed = {n: 1 - v for n, v in mask.items()}
        without = {other: round(accuracy(network, removed, chosen), 3) for other, chosen in groups.items()}
        print(f"{name}, repeat {seed}: density {density(mask):.3f}, accuracy alone {alone}, without it {without}")
    a, b = groups
    print(f"IoU of {a} and {b}: {iou(masks[a, 0], masks[b, 0]):.3f}; of two masks for {a}: {iou(masks[a, 0], masks[a, 1]):.3f}")
    print(f"{time.perf_counter() - began:.0f} s")
