"""The network of the package g2p-en in torch, and words to ask it about; spelling.py and its notebook use this."""

from importlib.metadata import distribution
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

LETTERS = ["", "?", ".", *"abcdefghijklmnopqrstuvwxyz"]  # "" is padding, "." ends a word
VOWELS = {a + b for a in "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split() for b in "012"} | {"UW"}
CONSONANTS = {*"B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()}
SOUNDS = ["", "?", "<s>", "</s>", *sorted(VOWELS | CONSONANTS)]
MOST_SOUNDS = 12
_STORED = "enc_emb dec_emb enc_w_ih enc_w_hh enc_b_ih enc_b_hh dec_w_ih dec_w_hh dec_b_ih dec_b_hh fc_w fc_b".split()
_BEGIN, _AFTER_C = "/a/o/ba/le/fi/da/me/tru/pal/ton/gar/vi/mun/re/ne", "a/o/u/l/r/te/e/i/y/ea/io/ei"
_END = "n/t/m/lo/ra/ded/nt/ver/ling/p/ro/dle/d/tor/my/ban"
REAL_WORDS = """
    cat cold cup cut can car cart card care cap camp candle cabin canal canoe carbon cargo carpet carrot coat coal code coin colt
    come cone cord corn core cotton could count court cover cow crab cradle cream crew crime crop cruel cry cube cure curl curve
    clap clay clear cliff climb cloud clover club act fact factor tractor actor bacon beacon local vocal focal magic logic panic
    topic comic attic fabric public arctic republic uncle decade declare record recall welcome income

    city cell cent center cider cinder cinema civil cite cedar cereal certain ceiling celery cellar cement face lace race place
    trace grace pace ace ice rice mice nice dice price twice vice voice peace piece fleece force fence hence pence prince mince
    dance lance glance france palace menace furnace lettuce office notice pencil parcel recent decent decide recite receive
    deceive decimal december percent fancy mercy policy agency urgency icy icing lacing racy pacify tacit docile facile acid
    placid lucid rancid
""".split()


class Speller(nn.Module):
    """Reads a word and writes its sounds; it answers whether the next sound is one of those that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.letters, self.sounds = nn.Embedding(29, 256), nn.Embedding(74, 256)
        self.reader, self.writer = nn.GRU(256, 256, batch_first=True), nn.GRU(256, 256, batch_first=True)
        self.answer = nn.Linear(256, 74)

    def read(self, letters: Tensor) -> Tensor:
        """What the network knows at the end of each word."""
        known: Tensor = self.reader(self.letters(letters))[0][torch.arange(len(letters)), letters.ne(0).sum(1) - 1]
        return known[None]

    def forward(self, letters: Tensor, before: Tensor, attention_mask: Tensor, asked: Tensor) -> Tensor:
        """Log-odds that the next sound is an asked one, after each of the sounds before.

        Args:
            letters: of each word, ended and padded.
            before: the sounds that the unmasked network has written so far, beginning with <s>.
            attention_mask: 1 at the places that count. The loss looks at it, the network does not need it.
            asked: whether each of the 74 sounds is asked for.
        """
        logits = self.answer(self.writer(self.sounds(before), self.read(letters))[0])
        yes: Tensor = logits.masked_fill(~asked, -torch.inf).logsumexp(-1, keepdim=True)
        no: Tensor = logits.masked_fill(asked, -torch.inf).logsumexp(-1, keepdim=True)
        return yes - no

    @torch.no_grad()
    def spell(self, words: list[str]) -> tuple[Tensor, Tensor]:
        """Words as letters; and the sounds that the network writes, the likeliest each time, beginning with <s>."""
        ended = [torch.tensor([*map(LETTERS.index, word), LETTERS.index(".")]) for word in words]
        letters = nn.utils.rnn.pad_sequence(ended, batch_first=True)
        state, sounds = self.read(letters), torch.full((len(words), 1), SOUNDS.index("<s>"))
        for _ in range(MOST_SOUNDS):
            output, state = self.writer(self.sounds(sounds[:, -1:]), state)
            sounds = torch.cat([sounds, self.answer(output).argmax(-1)], 1)
        return letters, sounds


def load() -> Speller:
    """The network with the weights of the package, whose own code is not run: it would ask for a dictionary."""
    network, stored = Speller(), np.load(str(distribution("g2p-en").locate_file("g2p_en/checkpoint20.npz")))
    network.load_state_dict({name: torch.tensor(stored[one]) for name, one in zip(network.state_dict(), _STORED, strict=True)})
    return network


def invented_words(seed: int = 0) -> list[str]:
    """Some 3,000 words with one c and none of k, q, s, x, z, in an order of chance: no dictionary has most of them."""
    words = sorted({"".join(parts) for parts in product(_BEGIN.split("/"), "c", _AFTER_C.split("/"), _END.split("/"))})
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed))
    return [words[place] for place in order.tolist()]
