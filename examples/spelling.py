"""Which weights of a spelling network turn the letter c into the sound K, which into S, and which write vowels?

The network is the GRU of the package g2p-en: it reads a word letter by letter, then writes its sounds. Nothing is downloaded.

    pip install 'maskscope[all,examples]'
    python spelling.py                    # about eight minutes on one core: prints the answer, writes the page
    python spelling.py --preset smoke     # some seconds: shows that everything runs, not that anything is found
    python spelling.py --unit weight      # the same by single weight
"""

# %% What is needed, and the size of the study.
import sys
from typing import Any

import torch
from answer import tell
from spelling_network import MOST_SOUNDS, REAL_WORDS, SOUNDS, VOWELS, Speller, invented_words, load
from torch import Tensor

import maskscope as ms

QUESTIONS = {"c as K": {"K"}, "c as S": {"S"}, "vowels": VOWELS}
SMOKE = {"parts": 10, "size": 4, "steps": 1, "learning_rate": 2.0}
PRESETS: dict[str, Any] = {"full": {"parts": 80, "size": 24, "steps": 250}, "smoke": SMOKE}


# %% The functions. Each is a question about the next sound: is it K, is it S, is it a vowel? All are asked about the same places
# in the same words: the place of the sound that the network writes for c (K in half of the words, S in the others), and another,
# drawn by chance. Other letters that may become K or S are in none of the words.
def ask(network: Speller, words: list[str], parts: int, size: int) -> dict[str, list[dict[str, Tensor]]]:
    """The parts of each question."""
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


# %% The study. One bit of a mask stands for what a neuron reads, for a letter or for a sound; or else for a single weight. Masks
# are found with invented words, and scored on real ones: how often the answer is the whole network's.
def study(unit: str, parts: int, size: int, **settings: Any) -> ms.Study:
    """The study of one kind of unit, not yet run."""
    network, config = load(), ms.MaskConfig.recommended(**settings)
    data, real = (ask(network, words, parts, size) for words in (invented_words()[: 4 * parts * size], REAL_WORDS))
    return ms.Study(network, data, "unmasked", scored=real, units=unit, untrained=Speller, config=config, name="spelling")


# %% The run: masks, measures, controls and the page. What is finished is not done again.
if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "full"
    unit = "weight" if "weight" in sys.argv else "row"
    tell(study(unit, **PRESETS[preset]).run(f"runs/spelling-{preset}-{unit}"))
