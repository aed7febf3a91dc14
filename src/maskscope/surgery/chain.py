"""Recurrent layers one after the other, each with a hidden size of its own."""

from typing import Any

import torch
from torch import Tensor, nn

from maskscope.surgery.recurrent import KINDS, blank


class Chain(nn.Module):
    """Recurrent layers one after the other, each with a hidden size of its own: what an LSTM of several layers becomes.

    It is called like the layer that it stands for, and returns what that returns. Of the last states only those of the last layer
    are there; for the others, which nothing reads, there are zeros in its width.

    Args:
        module: a recurrent layer of several layers, of one direction and without projection.
    """

    def __init__(self, module: nn.RNNBase) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_single(module, number) for number in range(module.num_layers))
        self.dropout = module.dropout
        self.input_size, self.hidden_size, self.num_layers = module.input_size, module.hidden_size, module.num_layers
        self.batch_first, self.bidirectional = module.batch_first, module.bidirectional

    def forward(self, values: Any, state: None = None) -> tuple[Any, Any]:
        """The outputs of the last layer at all steps, and the last states."""
        if state is not None:
            raise ValueError("This recurrent layer was made smaller for calls without an initial state; one was given.")
        last: Any = None
        for number, layer in enumerate(self.layers):
            if number and self.dropout and self.training:
                values = self._dropped(values)
            values, last = layer(values)
        return values, tuple(map(self._padded, last)) if isinstance(last, tuple) else self._padded(last)

    def _dropped(self, values: Any) -> Any:
        if isinstance(values, Tensor):
            return nn.functional.dropout(values, self.dropout)
        return values._replace(data=nn.functional.dropout(values.data, self.dropout))

    def _padded(self, last: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(last)] * (len(self.layers) - 1) + [last])

    def flatten_parameters(self) -> None:
        """As of a recurrent layer: puts the weights of each layer together."""
        for layer in self.layers:
            assert isinstance(layer, nn.RNNBase)
            layer.flatten_parameters()


def can_be_chained(module: nn.RNNBase) -> bool:
    """Whether its layers can be taken apart."""
    return module.num_layers > 1 and not module.bidirectional and not module.proj_size and type(module) in KINDS


def joined(chain: Chain) -> nn.Module:
    """One recurrent layer of several layers again, if all layers of the chain have one size; else the chain."""
    layers = [layer for layer in chain.layers if isinstance(layer, nn.RNNBase)]
    sizes = {layer.hidden_size for layer in layers}
    if len(sizes) > 1:
        return chain
    one = layers[0]
    settings: dict[str, Any] = {
        "num_layers": len(layers),
        "bias": bool(one.bias),
        "batch_first": one.batch_first,
        "dropout": chain.dropout,
        "dtype": one.get_parameter("weight_ih_l0").dtype,
        "device": one.get_parameter("weight_ih_l0").device,
    }
    if type(one) is nn.RNN:
        settings["nonlinearity"] = one.nonlinearity
    made = blank(type(one), one.input_size, one.hidden_size, settings)
    with torch.no_grad():
        for number, layer in enumerate(layers):
            for name, source in layer.named_parameters():
                target = getattr(made, name.replace("_l0", f"_l{number}"))
                target.copy_(source)
                target.requires_grad_(source.requires_grad)
    made.train(chain.training)
    return made


def _single(module: nn.RNNBase, number: int) -> nn.RNNBase:
    settings: dict[str, Any] = {"bias": bool(module.bias), "batch_first": module.batch_first}
    first = getattr(module, f"weight_ih_l{number}")
    settings |= {"dtype": first.dtype, "device": first.device}
    if type(module) is nn.RNN:
        settings["nonlinearity"] = module.nonlinearity
    made = blank(type(module), first.shape[1], module.hidden_size, settings)
    with torch.no_grad():
        for name, target in made.named_parameters():
            source = getattr(module, name.replace("_l0", f"_l{number}"))
            target.copy_(source)
            target.requires_grad_(source.requires_grad)
    made.train(module.training)
    return made
