"""The recurrent encoder and decoder of the paper's SCAN experiment, built on torch's own LSTM."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


class SequenceLSTM(nn.Module):
    """Reads a sequence of tokens with an encoder, and writes another from the encoder's last state. There is no attention.

    With given answers (teacher forcing), decoding is one call of the fused layers; else the network reads its own answers in a
    loop over steps. Sequences that have ended are not computed further. If gradients are needed, the loop only finds the answers,
    which are then read in one call with gradients. Without dropout this gives the same scores; with dropout, the second pass uses
    other dropout masks than the loop.

    Args:
        inputs: the number of input tokens.
        outputs: the number of output tokens; the last one marks the start and the end.
        hidden: the number of units of each layer.
        layers: the number of layers of the encoder, and of the decoder.
        embedding: the number of features of a token.
        dropout: the dropout rate, for the embeddings and between layers.

    Attributes:
        decoder_always_drops: whether dropout on the decoder's embedding is also active in eval mode, as in the authors' code.

    Source: Csordás et al. 2021; initialisation as in their code (`layers/masked_lstm.py`): Xavier normal; the recurrent weights
    of the candidate are orthogonal; biases are 0, except 1 for the forget gate. 987,000 weights without biases and embeddings for
    2 x 200.
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
        """The scores of the next token at each step; zeros after the last token that is asked for.

        Args:
            tokens: the tokens to read, padded with any token.
            lengths: the number of tokens in each row without padding, at least 1.
            asked: the number of tokens to write for each row, at least 1.
            answers: the right tokens, padded with any token; the decoder reads each at the next step. If not given, it reads its
                own tokens: those with the highest score.
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
        # rows are sorted by length, longest first, so that at every step the rows that are not finished are the first ones
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
