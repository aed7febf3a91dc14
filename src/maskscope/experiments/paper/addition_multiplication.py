"""Addition/multiplication: settings, claims and differences. No code.

The rules of the claims and their constants were fixed before any record was made.
"""

from maskscope.experiments.claims import Claim, Condition
from maskscope.experiments.spec import AdditionMultiplicationSpec, FitSpec, MaskSpec

# `fast` and `quick` were chosen by the full mask's accuracy (the smaller of both operations) and its share of undecided
# logits, on tuning network 9001, which no record uses (docs/tuning.md has all of it). `quick`: 7,000 steps unless said
#   learning rate .05, beta 1e-4, 5,000 steps   .972, 16 %        .1, beta 1e-4    .987, 5.0 %
#   learning rate .05, beta 3e-4, 5,000 steps   .740,  6 %        .2, beta 1e-4    .962, 1.8 %
#   learning rate .1,  beta 1e-4, 5,000 steps   .980, 6.8 %       .1, beta 5e-5    .999, 7.0 %  <- taken, at 5,000 steps
PRESETS: dict[str, tuple[str, AdditionMultiplicationSpec]] = {
    "smoke": (
        "seconds; shows that everything runs, not that anything is found",
        AdditionMultiplicationSpec(
            hidden=(32, 32),
            train_items=20_000,
            fit=FitSpec(steps=60),
            mask=MaskSpec(steps=40, learning_rate=0.05),
            random_draws=2,
        ),
    ),
    "quick": (
        "minutes on two cores for each network; the paper's small network, shorter training at higher mask learning rate",
        AdditionMultiplicationSpec(
            hidden=(400, 400, 200),
            fit=FitSpec(steps=10_000),
            mask=MaskSpec(steps=5_000, learning_rate=0.1, beta=5e-5),
        ),
    ),
    "fast": (
        "the paper's network and penalty, but for masks that start from |weight x gradient| and take a quarter of the steps",
        AdditionMultiplicationSpec(mask=MaskSpec(steps=5_000, learning_rate=0.2, schedule="cosine", warm_start=2.0)),
    ),
    "paper": (
        "the published settings (network 2000 x 4), with our controls beside them",
        AdditionMultiplicationSpec(),
    ),
}

# Without these a claim could hold of a network that does nothing at all.
_LEARNED = (
    Condition("accuracy", "", "add", ">=", 0.95),
    Condition("accuracy", "", "mul", ">=", 0.95),
)

CLAIMS = (
    Claim(
        "sufficient",
        "Does the mask found for an operation keep that operation?",
        (
            *_LEARNED,
            Condition("sufficiency", "add", "add", ">=", 0.95),
            Condition("sufficiency", "mul", "mul", ">=", 0.95),
        ),
    ),
    Claim(
        "specific",
        "Does the mask found for one operation lose the other?",
        (
            *_LEARNED,
            Condition("sufficiency", "add", "mul", "<=", 0.5),
            Condition("sufficiency", "mul", "add", "<=", 0.5),
        ),
    ),
    Claim(
        "necessary",
        "Is an operation lost when its mask's weights are removed?",
        (
            *_LEARNED,
            Condition("necessity", "add", "add", "<=", 0.5),
            Condition("necessity", "mul", "mul", "<=", 0.5),
        ),
    ),
    Claim(
        "selective removal",
        "Is the other operation spared when one mask's weights are removed?",
        (
            *_LEARNED,
            Condition("necessity", "add", "mul", ">=", 0.8),
            Condition("necessity", "mul", "add", ">=", 0.8),
        ),
    ),
    Claim(
        "different weights",
        "Do the two masks share less than half of what two masks for the same operation share (normalised sharing)?",
        (
            *_LEARNED,
            Condition("normalised sharing", "add, mul", "", "<=", 0.5),
        ),
    ),
    Claim(
        "beyond the controls",
        "Does the trained network's mask keep its operation where the controls of equal procedure or equal density do not?",
        (
            *_LEARNED,
            Condition("sufficiency beyond top weights", "add", "add", ">=", 0.5),
            Condition("sufficiency beyond top weights", "mul", "mul", ">=", 0.5),
            Condition("sufficiency beyond untrained", "add", "add", ">=", 0.5),
            Condition("sufficiency beyond untrained", "mul", "mul", ">=", 0.5),
            Condition("loss beyond random removal", "add", "add", ">=", 0.5),
            Condition("loss beyond random removal", "mul", "mul", ">=", 0.5),
        ),
    ),
)

DIFFERENCES = (
    "One uniform a draw instead of two with an epsilon; keep thresholds are integers (same law, reproducible bits).",
    "Default estimator rao-blackwell: the mean gradient of the paper's straight-through with less variance; theirs is an option.",
    "Only the logits' gradient is clipped; in the authors' code accumulated gradients of the frozen weights dominate the norm.",
    "Exactly `steps` steps; the authors' loop does one more.",
    "One threshold everywhere, logit > 0; the authors have >= 0 in evaluation and > 0 in set algebra.",
    "Each mask has its own data order and noise; the authors' sampler has seed 1234 for every mask.",
    "penalty_weight is alpha; the settings hold beta and the batch size it is divided by.",
    "Accuracy is exact over all 20,000 inputs; the paper has 10,000 drawn ones. All of them occur in training in both.",
    'What the paper calls the control mask is called the full mask; "control" is used for null controls only.',
    "Added: repeats (ceiling), density floors, normalised sharing, the untrained network, |weight x gradient| and random masks.",
)
