"""The recurrent encoder and decoder of the paper's SCAN experiment, on torch's own LSTM."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


class SequenceLSTM(nn.Module):
    """Reads a sequence of tokens and, from the state it is then in, writes another. There is no attention.

    Where answers are given to be read back (teacher forcing), decoding is one call of the fused layers; where the network reads
    its own answers, a loop of steps. Sequences that have ended take no part in either. Where gradients are wanted, the loop only
    finds out what the answers are, and then they are read back in one call: without dropout that is the same; with dropout, what
    is read was written under another draw.

    Args:
        inputs: tokens that are read.
        outputs: tokens that are written; the last one stands for the start and the end.
        hidden: units of each layer.
        layers: of the encoder and of the decoder.
        embedding: features of a token.
        dropout: share of features dropped, of the embeddings and between layers.

    Attributes:
        decoder_always_drops: whether the decoder's embedding is dropped in eval mode too, as in the authors' code.

    Source: Csordás et al. 2021; initialisation as in their code (`layers/masked_lstm.py`): Xavier normal, the candidate's
    recurrent weights orthogonal, biases 0 but for the forget gate's 1. 987,000 weights without biases and embeddings for 2 x 200.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: int = 200, layers: int = 2, embedding: int = 16, dropout: float = 0.5
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.start, self.decoder_always_drops = outputs - 1, False
        self.input_embedding = nn.Embedding(inputs, embedding)
        self.output_embedding = nn.Embedding(outputs, embedding)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=between)
        self.decoder = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=between)
        self.output = nn.Linear(hidden, outputs)
        for lstm in (self.encoder, self.decoder):
            _initialise(lstm)

    def forward(
        self,
        tokens: Int64[Tensor, "n longest"],
        lengths: Int64[Tensor, " n"],
        asked: Int64[Tensor, " n"],
        answers: Int64[Tensor, "n steps"] | None = None,
    ) -> Float[Tensor, "n steps outputs"]:
        """Scores of the next token at each step; zeros behind what is asked for.

        Args:
            tokens: what is read, padded with anything.
            lengths: how many tokens of each row count, at least 1.
            asked: how many tokens of each row are to be written, at least 1.
            answers: the right ones, each of which is read at the next step, padded with any token; if not given, the network
                reads the ones that it scores highest.
        """
        read = pack_padded_sequence(
            self.dropout(self.input_embedding(tokens)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, state = self.encoder(read)
        if answers is None:
            with torch.no_grad():
                scores = self._write_own(state, asked)
            if not torch.is_grad_enabled():
                return scores
            answers = scores.argmax(-1)
        return self._write_given(state, asked, answers)

    def _write_given(self, state: State, asked: Tensor, answers: Tensor) -> Tensor:
        start = torch.full_like(answers[:, :1], self.start)
        shown = self._shown(torch.cat([start, answers[:, :-1]], 1))
        packed = pack_padded_sequence(shown, asked.cpu(), batch_first=True, enforce_sorted=False)
        written, _ = self.decoder(packed, state)
        scores, _ = pad_packed_sequence(
            PackedSequence(self.output(written.data), *written[1:]), batch_first=True, total_length=answers.shape[1]
        )
        result: Tensor = scores
        return result

    def _write_own(self, state: State, asked: Tensor) -> Tensor:
        # rows that write most come first, so that those still writing are the first ones at every step
        asked, order = asked.cpu().sort(descending=True, stable=True)
        sizes = (asked[:, None] > torch.arange(int(asked[0]))).sum(0)
        order = order.to(state[0].device)
        states = list(zip(*(part[:, order] for part in state), strict=True))
        token = torch.full_like(order, self.start)
        scores: list[Tensor] = []
        for writing in sizes.tolist():
            if writing < len(token):
                token, states = token[:writing], [(hidden[:writing], memory[:writing]) for hidden, memory in states]
            written = self._shown(token)
            for layer, state in enumerate(states):
                if layer and self.decoder.training:
                    written = nn.functional.dropout(written, self.decoder.dropout)
                states[layer] = torch.lstm_cell(written, state, *self.decoder.all_weights[layer])
                written = states[layer][0]
            scores.append(self.output(written))
            token = scores[-1].argmax(-1)
        padded: Tensor = pad_packed_sequence(PackedSequence(torch.cat(scores), sizes), batch_first=True)[0]
        return padded[order.argsort()]

    def _shown(self, tokens: Tensor) -> Tensor:
        shown: Tensor = self.output_embedding(tokens)
        dropped = self.training or self.decoder_always_drops
        return nn.functional.dropout(shown, self.dropout.p) if dropped else shown


def _initialise(lstm: nn.LSTM) -> None:
    hidden = lstm.hidden_size
    candidate = slice(2 * hidden, 3 * hidden)
    for name, parameter in lstm.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                nn.init.ones_(parameter[hidden : 2 * hidden])
            continue
        for gate in parameter.split(hidden):
            nn.init.xavier_normal_(gate)
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter[candidate])
