"""Networks as people have them, tiny and untrained: of transformers from a config, of torch, by hand. A row here is tested."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

WORDS, ITEMS, LENGTH, CLASSES = 6, 6, 5, 3
# of the models of transformers
_SMALL = {"vocab_size": WORDS, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 24}


@dataclass(frozen=True)
class Real:
    """A network, and parts of data as its users have them.

    Args:
        make: makes it, from torch's generator.
        part: a part of an index.
        names_labels: of transformers, whose networks take labels and return their own loss.
    """

    make: Callable[[], nn.Module]
    part: Callable[[int], Any]
    names_labels: bool = False


def _of_transformers(kind: str, config: str, part: Callable[[int], Any], **settings: Any) -> Real:
    def make() -> nn.Module:
        transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra test)")
        return getattr(transformers, kind)(getattr(transformers, config)(**settings))

    return Real(make, part, names_labels=True)


def _numbers(index: int, *shape: int) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(index))


def _whole(index: int, below: int, *shape: int) -> torch.Tensor:
    return torch.randint(1, below, shape, generator=torch.Generator().manual_seed(100 + index))


def _classes(index: int, *shape: int) -> torch.Tensor:
    return _whole(index, CLASSES + 1, *shape) - 1


def _text(index: int) -> dict[str, torch.Tensor]:
    """As of a tokenizer: the last item is padded."""
    attended = torch.ones(ITEMS, LENGTH, dtype=torch.long)
    attended[-1, -2:] = 0
    return {"input_ids": _whole(index, WORDS, ITEMS, LENGTH), "attention_mask": attended}


def _classified(index: int) -> dict[str, torch.Tensor]:
    return {**_text(index), "labels": _classes(index, ITEMS)}


def _continued(index: int) -> dict[str, torch.Tensor]:
    """As of a data collator for language models: padding asks for nothing."""
    part = _text(index)
    return {**part, "labels": part["input_ids"].masked_fill(part["attention_mask"] == 0, -100)}


def _answered(index: int) -> dict[str, torch.Tensor]:
    """As of a data collator for pairs of texts, whose answers are as long as the questions, but padded elsewhere."""
    labels = _whole(index, WORDS, ITEMS, LENGTH)
    labels[0, -1] = -100
    return {**_text(index), "labels": labels}


def _images(index: int) -> dict[str, torch.Tensor]:
    return {"pixel_values": _numbers(index, ITEMS, 3, 8, 8), "labels": _classes(index, ITEMS)}


def _sequence(index: int) -> tuple[torch.Tensor, torch.Tensor]:
    return _numbers(index, ITEMS, LENGTH, 6), _classes(index, ITEMS)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]):
        super().__init__()
        self.core, self.head = kind(6, 8, batch_first=True), nn.Linear(8, CLASSES, bias=False)

    def forward(self, x):
        return self.head(self.core(x)[0][:, -1])


class Translator(nn.Module):
    """torch's Transformer, encoder and decoder."""

    def __init__(self):
        super().__init__()
        self.core = nn.Transformer(8, 2, 1, 1, 12, batch_first=True)
        self.embedding, self.head = nn.Embedding(WORDS, 8), nn.Linear(8, WORDS)

    def forward(self, source, target):
        return self.head(self.core(self.embedding(source), self.embedding(target)))


class Graph(nn.Module):
    """A graph network: each node takes the mean of its neighbours', twice; an answer for each node."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 8), nn.Linear(8, CLASSES)])

    def forward(self, x, adjacency):
        first, second = self.layers
        spread = adjacency / adjacency.sum(-1, keepdim=True)
        return second(spread @ first(spread @ x).relu())


def _translated(index: int):
    return (_whole(index, WORDS, ITEMS, LENGTH), _whole(50 + index, WORDS, ITEMS, LENGTH)), _whole(
        70 + index, WORDS, ITEMS, LENGTH
    )


def _graph(index: int):
    adjacency = (_whole(index, 3, LENGTH, LENGTH) == 1).float()
    return (_numbers(index, LENGTH, 6), (adjacency + adjacency.T + torch.eye(LENGTH)).clamp(max=1)), _whole(
        index, CLASSES, LENGTH
    )


class Experts(nn.Module):
    """A mixture of experts: the sign of an item's first number says to which it is sent, and the router how much is used."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(6, 2)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, CLASSES)) for _ in range(2))

    def forward(self, x):
        weights, chosen = self.router(x).softmax(-1), (x[:, 0] > 0).long()
        result = x.new_zeros(len(x), CLASSES)
        for place, expert in enumerate(self.experts):
            sent = (chosen == place).nonzero().squeeze(-1)
            if len(sent):
                result = result.index_add(0, sent, expert(x[sent]) * weights[sent, place : place + 1])
        return result


def _routed(index: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Parts of even indices are all sent to one expert, those of odd indices to the other."""
    x = _numbers(index, ITEMS, 6)
    x[:, 0] = x[:, 0].abs() * (-1) ** index
    return x, _classes(index, ITEMS)


class Hook:
    """What accelerate's hooks do for one device: inputs are moved to it."""

    def pre_forward(self, module, *args, **kwargs):
        place = torch.device("cpu")
        return tuple(one.to(place) if isinstance(one, torch.Tensor) else one for one in args), kwargs


def hooked(network: nn.Module) -> nn.Module:
    """As ``device_map`` leaves a network: accelerate replaces each ``forward`` by one that calls a hook and the old one."""

    def new_forward(module, *args, **kwargs):
        args, kwargs = module._hf_hook.pre_forward(module, *args, **kwargs)
        return module._old_forward(*args, **kwargs)

    for module in network.modules():
        module._hf_hook, module._old_forward = Hook(), module.forward
        module.forward = update_wrapper(partial(new_forward, module), module._old_forward)
    network.hf_device_map = {"": "cpu"}
    return network


def checkpointed(network: nn.Module) -> nn.Module:
    """Each block is computed again in the backward pass, in eval mode too; with a cache of keys it would see each key twice."""
    network.config.use_cache = False
    for block in network.transformer.h:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return network


def enabled(network: nn.Module) -> nn.Module:
    """By transformers' own way."""
    getattr(network, "activation_checkpointing_enable", network.gradient_checkpointing_enable)()
    return network


_LM = {"vocab_size": WORDS, "n_positions": 8, "n_embd": 16, "n_layer": 1, "n_head": 4}
_GPT2 = _of_transformers("GPT2LMHeadModel", "GPT2Config", _continued, **_LM)
_BERT = _of_transformers("BertForSequenceClassification", "BertConfig", _classified, **_SMALL, num_labels=CLASSES)
_RESNET = _of_transformers(
    "ResNetForImageClassification",
    "ResNetConfig",
    _images,
    embedding_size=4,
    hidden_sizes=[4, 8],
    depths=[1, 1],
    layer_type="basic",
    num_labels=CLASSES,
)


def _with(real: Real, change: Callable[[nn.Module], nn.Module]) -> Real:
    return Real(lambda: change(real.make()), real.part, real.names_labels)


REAL = {
    "BERT, classes": _BERT,
    "RoBERTa, masked words": _of_transformers("RobertaForMaskedLM", "RobertaConfig", _continued, **_SMALL, pad_token_id=0),
    "GPT-2": _GPT2,
    "Llama": _of_transformers("LlamaForCausalLM", "LlamaConfig", _continued, **_SMALL, num_key_value_heads=2),
    "T5": _of_transformers(
        "T5ForConditionalGeneration",
        "T5Config",
        _answered,
        vocab_size=WORDS,
        d_model=16,
        d_kv=4,
        d_ff=24,
        num_layers=1,
        num_heads=4,
        decoder_start_token_id=0,
    ),
    "ViT": _of_transformers(
        "ViTForImageClassification",
        "ViTConfig",
        _images,
        **{key: value for key, value in _SMALL.items() if key != "vocab_size"},
        image_size=8,
        patch_size=4,
        num_labels=CLASSES,
    ),
    "ResNet": _RESNET,
    "LSTM": Real(lambda: Recurrent(nn.LSTM), _sequence),
    "GRU": Real(lambda: Recurrent(nn.GRU), _sequence),
    "Transformer": Real(Translator, _translated),
    "graph network": Real(Graph, _graph),
    "experts": Real(Experts, _routed),
    "BERT, bfloat16": _with(_BERT, nn.Module.bfloat16),
    "GPT-2, float16": _with(_GPT2, nn.Module.half),
    "GPT-2, checkpointed": _with(_GPT2, checkpointed),
    "GPT-2, checkpointing enabled": _with(_GPT2, enabled),
    "GPT-2, hooks that replace forward": _with(_GPT2, hooked),
}


def make(name: str) -> tuple[nn.Module, Real]:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transformers, which differ from version to version
        torch.manual_seed(3)
        return REAL[name].make().eval(), REAL[name]
