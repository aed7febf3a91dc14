"""The language models of the package glassllm as torch modules.

The package (MIT) has the weights, and a forward pass in numpy; this is the same forward pass, and a test compares the two:
RMSNorm, RoPE, grouped-query attention, SwiGLU, tied embeddings.
"""

import torch
from glassllm import Tokenizer, load_pretrained
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, GROUPS, INNER, LAYERS, VOCABULARY = 128, 4, 2, 341, 4, 1024
# the factor before the square root; of RoPE, the base of the wavelengths
_EPS, _BASE = 1e-6, 10_000.0


def turned(vectors: Tensor) -> Tensor:
    """RoPE: pairs of entries (2i, 2i + 1) of queries or keys, turned by an angle that grows with the position."""
    length, size = vectors.shape[-2:]
    angles = torch.arange(length)[:, None] * _BASE ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    cos, sin = angles.cos().float(), angles.sin().float()
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Attention(nn.Module):
    """Causal attention; two heads share keys and values."""

    def __init__(self) -> None:
        super().__init__()
        size = WIDTH // HEADS
        self.query, self.out = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.key, self.value = (nn.Linear(WIDTH, GROUPS * size, bias=False) for _ in range(2))

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states of [texts, tokens, WIDTH]."""
        texts, length, _ = hidden.shape
        query, key, value = (
            layer(hidden).view(texts, length, -1, WIDTH // HEADS).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        key, value = (one.repeat_interleave(HEADS // GROUPS, 1) for one in (turned(key), value))
        mixed = functional.scaled_dot_product_attention(turned(query), key, value, is_causal=True)
        found: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return found


class SwiGLU(nn.Module):
    """The inner layer of a block, with a gate for each neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(WIDTH, INNER, bias=False), nn.Linear(WIDTH, INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states of [texts, tokens, WIDTH]."""
        found: Tensor = self.down(functional.silu(self.gate(hidden)) * self.up(hidden))
        return found


class Block(nn.Module):
    """Attention and the inner layer, each added to what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH, _EPS), nn.RMSNorm(WIDTH, _EPS)
        self.attention, self.inner = Attention(), SwiGLU()

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states of [texts, tokens, WIDTH]."""
        hidden = hidden + self.attention(self.norm1(hidden))
        found: Tensor = hidden + self.inner(self.norm2(hidden))
        return found


class LanguageModel(nn.Module):
    """A decoder of 852,608 weights. Untrained, its weights are drawn as the package draws them before training."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks, self.norm = nn.ModuleList(Block() for _ in range(LAYERS)), nn.RMSNorm(WIDTH, _EPS)
        for parameter in (one for one in self.parameters() if one.dim() > 1):
            nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Logits of the next token: [texts, tokens] and which of these places are asked, to [places asked, VOCABULARY]."""
        hidden = self.embedding(tokens)
        for block in self.blocks:
            hidden = block(hidden)
        logits: Tensor = self.norm(hidden)[places] @ self.embedding.weight.T
        return logits


def pretrained(language: str = "en") -> tuple[LanguageModel, Tokenizer]:
    """A trained model with its tokenizer: ``en`` (Lewis Carroll) or ``pt`` (Machado de Assis)."""
    theirs, tokenizer = load_pretrained(language)
    names = {"E": "embedding.weight", "norm_f.gamma": "norm.weight", "attn.W_Q": "attention.query.weight"}
    names |= {"attn.W_K": "attention.key.weight", "attn.W_V": "attention.value.weight", "attn.W_O": "attention.out.weight"}
    names |= {"ffn.W1": "inner.gate.weight", "ffn.W3": "inner.up.weight", "ffn.W2": "inner.down.weight", ".gamma": ".weight"}
    network, found = LanguageModel(), {}
    for name, values in theirs.named_parameters().items():
        tensor = torch.from_numpy(values.data.copy())
        # the package multiplies from the right, nn.Linear stores what it multiplies with from the left
        tensor = tensor.T.contiguous() if ".W" in name else tensor
        old, new = next((old, new) for old, new in names.items() if name == old or (len(old) > 1 and name.endswith(old)))
        found[name.removesuffix(old) + new] = tensor
    network.load_state_dict(found)
    return network.eval(), tokenizer


def written(network: LanguageModel, first: int, texts: int, length: int) -> Tensor:
    """Texts that a model writes itself, from a first token on: each token is drawn from what the model predicts."""
    tokens, random = torch.full((texts, 1), first), torch.Generator().manual_seed(0)
    while tokens.shape[1] < length:
        last = torch.zeros_like(tokens, dtype=torch.bool)
        last[:, -1] = True
        with torch.no_grad():
            chances = network(tokens, last).softmax(-1)
        tokens = torch.cat((tokens, torch.multinomial(chances, 1, generator=random)), 1)
    return tokens
