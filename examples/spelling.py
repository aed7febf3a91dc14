"""Which weights of a spelling network turn the letter c into the sound K, which into S, and which write vowels?

The network is the GRU of the package g2p-en: it reads a word letter by letter, then writes its sounds. Nothing is downloaded.

    pip install 'maskscope[all,examples]'
    python spelling.py                    # about ten minutes: prints the answer, writes runs/spelling-full/report.html
    python spelling.py --preset smoke     # a few seconds: shows that everything runs, not that anything is found
"""

import sys
from typing import Any

import torch
from spelling_network import MOST_SOUNDS, REAL_WORDS, SOUNDS, VOWELS, Speller, invented_words, load
from torch import Tensor

import maskscope as ms

QUESTIONS = {"c as K": {"K"}, "c as S": {"S"}, "vowels": VOWELS}
PRESETS = {"full": {"parts": 80, "size": 24, "steps": 250}, "smoke": {"parts": 10, "size": 4, "steps": 1, "learning_rate": 2.0}}


def ask(network: Speller, words: list[str], parts: int, size: int) -> dict[str, list[dict[str, Tensor]]]:
    """Parts for each question, half of words with c as K, half as S. In a word two sounds count: that of its c, and another."""
    letters, sounds = network.spell(words)
    before, after = sounds[:, :-1], sounds[:, 1:]
    is_k, is_s, is_end = (after == SOUNDS.index(one) for one in ("K", "S", "</s>"))
    inside = is_end.cumsum(1) == 0
    is_c, chance = inside & (is_k | is_s), torch.rand(after.shape, generator=torch.Generator().manual_seed(0))
    other = (chance * (inside & ~is_c)).argmax(1, keepdim=True) == torch.arange(MOST_SOUNDS)
    hard, soft = ((is_c & one).any(1) & (is_c.sum(1) == 1) for one in (is_k, is_s))
    pairs = zip(*(one.nonzero()[:, 0].split(size // 2) for one in (hard, soft)), strict=False)
    rows = [torch.cat(pair) for pair in pairs][:parts]
    given = [{"letters": letters[one], "before": before[one], "attention_mask": (is_c | other)[one].long()} for one in rows]
    asked = {name: torch.tensor([sound in question for sound in SOUNDS]) for name, question in QUESTIONS.items()}
    return {name: [part | {"asked": which} for part in given] for name, which in asked.items()}


def study(parts: int, size: int, **settings: Any) -> ms.Study:
    """Masks are found with invented words, and scored on real ones: how often the answer is that of the unmasked network."""
    network = load()
    data, real = (ask(network, words, parts, size) for words in (invented_words()[: 4 * parts * size], REAL_WORDS))
    config = ms.MaskConfig.recommended(**settings)
    return ms.Study(network, data, loss="unmasked", scored=real, untrained=Speller, config=config, name="spelling")


def tell(record: Any) -> None:
    """Prints every mask of the network and of the controls, and what functions share."""
    for network in record.networks:
        for mask in network.masks:
            alone, without = (
                " ".join(f"{score:.2f}" for score in one.accuracy.values()) for one in (mask.sufficiency, mask.necessity)
            )
            print(f"{network.variant:16} {mask.label:16} keeps {mask.density:6.2%}; alone: {alone}; without it: {without}")
    for one in record.networks[0].sharing:
        print(f"{' and '.join(one.functions)} share {one.all_weights.normalised:.2f} (0: as by chance; 1: as two masks for one)")


if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "full"
    tell(study(**PRESETS[preset]).run(f"runs/spelling-{preset}"))
