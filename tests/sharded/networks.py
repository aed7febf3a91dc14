"""Small networks with data, made alike in every process and in the test's own."""

import torch
from torch import Tensor, nn

STEPS, SEED = 5, 3


def mlp() -> nn.Module:
    """Sizes that two processes cannot share evenly; the last layer has one row, so that one process has an empty part."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3), nn.Tanh(), nn.Linear(3, 1))


def mlp_loss(network: nn.Module, part: Tensor) -> Tensor:
    return (network(part)[:, 0] - part[:, 0]).square().mean()


def mlp_part(index: int) -> Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(index))


def language_model() -> nn.Module:
    """GPT-2 of two layers, 32 wide, with a tied embedding; random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=2, use_cache=False))


def language_loss(network: nn.Module, part: Tensor) -> Tensor:
    return network(input_ids=part, labels=part).loss


def language_part(index: int) -> Tensor:
    return torch.randint(50, (4, 8), generator=torch.Generator().manual_seed(index))


def in_micro_batches(network: nn.Module, part: Tensor) -> Tensor:
    """The mean over two halves of a part, each in a forward pass of its own."""
    halves = part.chunk(2)
    return torch.stack([language_loss(network, half) for half in halves]).mean()
