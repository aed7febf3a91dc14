from maskscope.studies.planted.architecture import LEARNED_MLP, PAIR_LSTM, PATCH_CNN, TOKEN_TRANSFORMER
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kind import Ground
from maskscope.studies.planted.learned import LearningConfig
from maskscope.tasks.bit_forms import as_images, as_pairs, as_tokens, as_vector

SHORT = LearningConfig(items=32, sparse_rounds=4)
GROUND = Ground(hidden=32, noise=0.06, spread=0.5, finetune=FinetuneConfig(items=128))
ROWS = {
    "mlp": (LEARNED_MLP, as_vector),
    "cnn": (PATCH_CNN, as_images),
    "lstm": (PAIR_LSTM, as_pairs),
    "transformer": (TOKEN_TRANSFORMER, as_tokens),
}
