"""Ordinary PyTorch networks; this package imports torch only."""

from maskscope.zoo.mlp import MLP

__all__ = ["MLP"]
