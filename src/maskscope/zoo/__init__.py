"""Ordinary PyTorch networks for the studies; this package imports only torch."""

from maskscope.zoo.cnn import CNN
from maskscope.zoo.lstm import LSTM
from maskscope.zoo.mlp import MLP
from maskscope.zoo.resnet import ResNet
from maskscope.zoo.sequence_lstm import SequenceLSTM
from maskscope.zoo.sequence_transformer import SequenceTransformer
from maskscope.zoo.transformer import Transformer

__all__ = ["CNN", "LSTM", "MLP", "ResNet", "SequenceLSTM", "SequenceTransformer", "Transformer"]
