"""Does a small language model begin words and go on with words by the same weights?

The network is the English model of the package glassllm: 852,608 weights, trained on the books of Lewis Carroll. Nothing is
downloaded, and no text is needed: the network writes its own.

    pip install 'maskscope[all,examples]'
    python small_language_model.py                  # five minutes on one core: prints the answer, writes the page
    python small_language_model.py --preset smoke   # some seconds: shows that everything runs, not that anything is found
"""

# %% What is needed, and the size of the study.
import sys
from typing import Any

import torch
from answer import tell
from glassllm_port import LanguageModel, pretrained, written
from torch import Tensor

import maskscope as ms

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"texts": 400, "steps": 300},
    "smoke": {"texts": 48, "steps": 1, "learning_rate": 2.0},
}


# %% The functions. Some places in a text are followed by a token that begins a word, others by one that goes on with a word.
# For each function, a part of the data is eight texts, and the places in them that it is asked about.
def places(texts: int, length: int = 16) -> dict[str, list[dict[str, Tensor]]]:
    """The parts of each function."""
    network, tokenizer = pretrained()
    tokens = written(network, tokenizer.token_to_id["\n"], texts, length + 1)
    begins = torch.tensor([token[:1] == "▁" and token[1:].isalpha() for token in tokenizer.vocab])
    goes_on = torch.tensor([token.isalpha() for token in tokenizer.vocab])
    asked = {"begin a word": begins[tokens[:, 1:]], "finish a word": goes_on[tokens[:, 1:]]}
    given = tokens[:, :-1].split(8)
    return {
        name: [{"tokens": text, "places": where} for text, where in zip(given, wanted.split(8), strict=True)]
        for name, wanted in asked.items()
    }


# %% The study. A mask is to answer as the whole network does, so that no labels are needed. The smallest mask is sought whose
# first choices are those of the whole network at .95 of the places; the same on an untrained network, and with shuffled weights.
def study(texts: int, **settings: Any) -> ms.Study:
    """The study, not yet run."""
    config, fixed = ms.MaskConfig.recommended(**settings), ("embedding*", "*norm*")
    name, data = "small-language-model", places(texts)
    return ms.Study(pretrained()[0], data, "unmasked", exclude=fixed, config=config, untrained=LanguageModel, name=name)


# %% The run: masks, measures, controls and the page. What is finished is not done again.
if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "quick"
    tell(study(**PRESETS[preset]).run(f"runs/small-language-model-{preset}", preset=preset))
