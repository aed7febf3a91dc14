"""Where all studies differ from the paper on purpose. No code."""

METHOD = (
    "One uniform a draw instead of two with an epsilon; keep thresholds are integers (same law, reproducible bits).",
    "Default estimator rao-blackwell: the mean gradient of the paper's straight-through with less variance; theirs is an option.",
    "Only the logits' gradient is clipped; in the authors' code accumulated gradients of the frozen weights dominate the norm.",
    "Exactly `steps` steps; the authors' loop does one more.",
    "One threshold everywhere, logit > 0; the authors have >= 0 in evaluation and > 0 in set algebra.",
    "Each mask has its own data order and noise; the authors' sampler has seed 1234 for every mask.",
    "penalty_weight is alpha; the settings hold beta and the batch size it is divided by.",
    'What the paper calls the control mask is called the full mask; "control" is used for null controls only.',
    "LSTM: torch's own nn.LSTM with two biases a layer and its own initialisation; theirs has one bias, other initial values, "
    "and mask samples assigned along time at the output. The transformer is ours.",
    "Added: repeats (ceiling), density floors, normalised sharing, null controls, unrelated functions, |weight x gradient| and "
    "random masks.",
)

SEQUENCES = (
    "torch's own LSTM and Transformer layers: two biases a layer of an LSTM; norms with the biased variance and an "
    "epsilon inside the root.",
    "Mask samples are one for each part of the batch; in the authors' LSTM they are assigned along time at the output.",
)

IMAGES = (
    "Images are normalised by mean and standard deviation of each channel, measured on the images that are trained on; the "
    "authors' mean carries a factor n / (n - 1).",
    "Crops have a border of the mean colour.",
    "torch's own layers and initialisation, but for permuted MNIST, which has the authors' Xavier normal.",
)
