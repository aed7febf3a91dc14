"""The Transformer encoder and decoder of the paper's SCAN and Mathematics experiments, built on torch's own layers."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import linear, pad, scaled_dot_product_attention

# rows of similar length are run in one call on a CPU, at most this many: more would be mostly padding (docs/speed.md)
_ROWS_PER_CALL = 16


class SequenceTransformer(nn.Module):
    """Reads a sequence of tokens and writes another, with attention to the input and to the tokens written so far.

    Norms come after each sub-layer, positions are sinusoidal, and the projections of attention have no biases. With given answers
    (teacher forcing), all steps are one call; else the network reads its own answers, keys and values of earlier steps are
    cached, and sequences that have ended are not computed further.

    Args:
        inputs: the number of input tokens.
        outputs: the number of output tokens; the last one marks the start and the end.
        width: the width of the model.
        heads: the number of heads of each attention.
        feedforward: the number of hidden units of each feed-forward part.
        layers: the number of layers of the encoder, and of the decoder.
        longest: the size of the position table: the largest length of the input and of the output.
        dropout: the dropout rate.
        tied: whether input embedding, output embedding and output layer (scaled by 1 / sqrt ``width``) share one matrix; then
            ``inputs`` and ``outputs`` must be equal.

    Raises:
        ValueError: ``width`` is not a multiple of ``heads``; or ``tied`` with different numbers of tokens.

    Source: Vaswani et al. 2017; sizes and tying are from Csordás et al. 2021. Linear layers are initialised Xavier uniform (with
    the gain of ReLU if a ReLU follows), embeddings normal with deviation 1. 603,700 weights for width 100, feed-forward 200, 3
    layers and 7 outputs, without embeddings and the biases of linear layers, but with scale and shift of the norms.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 100,
        heads: int = 4,
        feedforward: int = 200,
        layers: int = 3,
        longest: int = 64,
        dropout: float = 0.1,
        *,
        tied: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width is {width}; a multiple of heads, {heads}, was expected.")
        if tied and inputs != outputs:
            raise ValueError(f"A tied embedding has one alphabet; found {inputs} inputs and {outputs} outputs.")
        self.start, self.width, self.longest = outputs - 1, width, longest
        self.input_embedding = nn.Embedding(inputs, width)
        self.output_embedding = None if tied else nn.Embedding(outputs, width)
        self.output = None if tied else nn.Linear(width, outputs)
        self.register_buffer("positions", _sinusoids(longest, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        sizes = (width, heads, feedforward, dropout)
        self.encoder = nn.ModuleList(nn.TransformerEncoderLayer(*sizes, batch_first=True) for _ in range(layers))
        self.decoder = nn.ModuleList(nn.TransformerDecoderLayer(*sizes, batch_first=True) for _ in range(layers))
        for layer in (*self.encoder, *self.decoder):
            for name, attention in list(layer.named_children()):
                if isinstance(attention, nn.MultiheadAttention):
                    setattr(layer, name, nn.MultiheadAttention(width, heads, dropout, bias=False, batch_first=True))
        self._initialise()

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if "embedding" not in name and parameter.dim() > 1:
                gain = nn.init.calculate_gain("relu") if "linear1" in name else 1.0
                for part in parameter.chunk(3) if "in_proj" in name else (parameter,):
                    nn.init.xavier_uniform_(part, gain)

    def forward(
        self,
        tokens: Int64[Tensor, "n longest_read"],
        lengths: Int64[Tensor, " n"],
        asked: Int64[Tensor, " n"],
        answers: Int64[Tensor, "n steps"] | None = None,
    ) -> Float[Tensor, "n steps outputs"]:
        """The scores of the next token at each step; scores after the last token that is asked for have no meaning.

        Args:
            tokens: the tokens to read, padded with any token.
            lengths: the number of tokens in each row without padding, at least 1.
            asked: the number of tokens to write for each row, at least 1.
            answers: the right tokens, padded with any token; the decoder reads each at the next step. If not given, it reads its
                own tokens: those with the highest score.

        Raises:
            ValueError: a sequence is longer than the table of positions.
        """
        if answers is not None and len(tokens) > _ROWS_PER_CALL and tokens.device.type == "cpu":
            return self._in_groups(tokens, lengths, asked, answers)
        padding = torch.arange(tokens.shape[1], device=tokens.device) >= lengths[:, None]
        read = self._embedded(self.input_embedding, tokens)
        for layer in self.encoder:
            read = layer(read, src_key_padding_mask=padding)
        if answers is None:
            return self._write_own(read, padding, asked)
        start = torch.full_like(answers[:, :1], self.start)
        written = self._embedded(self._written_embedding, torch.cat([start, answers[:, :-1]], 1))
        steps = written.shape[1]
        future = torch.ones(steps, steps, dtype=torch.bool, device=tokens.device).triu(1)
        for layer in self.decoder:
            written = layer(written, read, tgt_mask=future, memory_key_padding_mask=padding, tgt_is_causal=True)
        return self._scores(written)

    def _in_groups(self, tokens: Tensor, lengths: Tensor, asked: Tensor, answers: Tensor) -> Tensor:
        order = asked.argsort(descending=True, stable=True)
        found = []
        for rows in order.split(_ROWS_PER_CALL):
            reads, writes = int(lengths[rows].max()), int(asked[rows].max())
            scores = self(tokens[rows, :reads], lengths[rows], asked[rows], answers[rows, :writes])
            found.append(pad(scores, (0, 0, 0, answers.shape[1] - writes)))
        return torch.cat(found)[order.argsort()]

    def _write_own(self, read: Tensor, padding: Tensor, asked: Tensor) -> Tensor:
        # rows are sorted by length, longest first, so that at every step the rows that are not finished are the first ones
        order = asked.argsort(descending=True, stable=True)
        read, seen = read[order], ~padding[order]
        caches = [_Cache(layer, read) for layer in self.decoder]
        token = torch.full_like(order, self.start)
        steps = []
        for step in range(int(asked.max())):
            writing = int((asked > step).sum())
            written = self._embedded(self._written_embedding, token[:writing, None], step)
            for layer, cache in zip(self.decoder, caches, strict=True):
                written = _decode_step(layer, written, cache, seen[:writing])
            scores = self._scores(written[:, 0])
            token = scores.detach().argmax(-1)
            steps.append(pad(scores, (0, 0, 0, len(order) - writing)))
        return torch.stack(steps, 1)[order.argsort()]

    @property
    def _written_embedding(self) -> nn.Embedding:
        return self.input_embedding if self.output_embedding is None else self.output_embedding

    def _embedded(self, embedding: nn.Embedding, tokens: Tensor, first: int = 0) -> Tensor:
        last = first + tokens.shape[1]
        if last > self.longest:
            raise ValueError(
                f"A sequence of {last} tokens does not fit the table of {self.longest} positions. Make the network with "
                f"longest={last} or more."
            )
        dropped: Tensor = self.dropout(embedding(tokens) + self.get_buffer("positions")[first:last])
        return dropped

    def _scores(self, written: Tensor) -> Tensor:
        if self.output is None:
            return linear(written, self.input_embedding.weight) / math.sqrt(self.width)
        scores: Tensor = self.output(written)
        return scores


class _Cache:
    """Keys and values of a decoder layer: of the tokens written so far, and of the input; ``[rows, heads, steps, features]``."""

    def __init__(self, layer: nn.Module, read: Tensor) -> None:
        attention = layer.multihead_attn
        assert isinstance(attention, nn.MultiheadAttention)
        width = attention.embed_dim
        keys, values = linear(read, attention.in_proj_weight[width:]).chunk(2, -1)
        self.own: tuple[Tensor, Tensor] | None = None
        self.read = _by_head(keys, attention), _by_head(values, attention)


def _decode_step(layer: nn.Module, x: Tensor, cache: _Cache, seen: Tensor) -> Tensor:
    """Runs torch's decoder layer for one position, with cached keys and values; equal to a call of the layer up to rounding."""
    assert isinstance(layer, nn.TransformerDecoderLayer)
    rows, own = len(x), layer.self_attn
    dropout = own.dropout if layer.training else 0.0
    query, key, value = (_by_head(part, own) for part in linear(x, own.in_proj_weight).chunk(3, -1))
    if cache.own is not None:
        key, value = (torch.cat([before[:rows], new], 2) for before, new in zip(cache.own, (key, value), strict=True))
    cache.own = (key, value)
    x = layer.norm1(x + layer.dropout1(_merged(scaled_dot_product_attention(query, key, value, dropout_p=dropout), own)))
    other = layer.multihead_attn
    query = _by_head(linear(x, other.in_proj_weight[: other.embed_dim]), other)
    keys, values = (part[:rows] for part in cache.read)
    attended = scaled_dot_product_attention(query, keys, values, attn_mask=seen[:, None, None], dropout_p=dropout)
    x = layer.norm2(x + layer.dropout2(_merged(attended, other)))
    inner = layer.dropout(layer.linear1(x).relu())
    result: Tensor = layer.norm3(x + layer.dropout3(layer.linear2(inner)))
    return result


def _by_head(x: Tensor, attention: nn.MultiheadAttention) -> Tensor:
    heads: Tensor = x.unflatten(-1, (attention.num_heads, -1))
    return heads.transpose(1, 2)


def _merged(x: Tensor, attention: nn.MultiheadAttention) -> Tensor:
    merged: Tensor = linear(x.transpose(1, 2).flatten(2), attention.out_proj.weight)
    return merged


def _sinusoids(longest: int, width: int) -> Float[Tensor, "longest width"]:
    """The table of sinusoidal positions. Source: Vaswani et al. 2017, section 3.5."""
    places = torch.arange(longest, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    table = torch.zeros(longest, width)
    table[:, 0::2] = torch.sin(places * rates)
    table[:, 1::2] = torch.cos(places * rates)[:, : width // 2]
    return table
