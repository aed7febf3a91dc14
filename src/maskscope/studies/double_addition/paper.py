"""Double addition: settings, claims and differences. No code.

The rules of the claims and their constants were fixed before any record was made, but for premises and for the division of
"beyond the controls" into two claims, which came after the first. The paper reports that networks learn the same addition twice:
removing one copy spares the other, and the masks have little in common. A claim of reuse that the paper denies has "not
supported" as what the paper reports.
"""

from dataclasses import replace

from maskscope.engine.claims import Claim, Condition, conditions
from maskscope.engine.study import SMOKE_TEXT, Preset
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.studies.differences import METHOD
from maskscope.studies.double_addition.spec import Control, DoubleAdditionSpec

# `quick` was chosen by the full mask's accuracy (the smaller of both pairs) and its share of undecided logits, on tuning network
# 9001, which no record uses (docs/tuning.md). Feed-forward, 6,000 steps (1.000), 3,000 mask steps:
#   learning rate .1, beta 2e-4   1.000, 5.4 %        .2, beta 4e-4    .995, 3.6 %
#   learning rate .2, beta 2e-4   1.000, 4.5 %  <- taken
# LSTM 2 x 64, only_one_io, 6,000 steps (1.000): .2, beta 1e-4   1.000, 5.7 %  <- taken, the only one tried. With both at once
# an LSTM of 2 x 128 had learned one pair and not the other (.103) after 12,000 steps: `together` is not in `quick`.
_SMOKE = DoubleAdditionSpec(
    hidden=(32, 32),
    train_items=20_000,
    fit=FitSpec(steps=60),
    mask=MaskSpec(steps=40, learning_rate=0.05),
    random_draws=2,
    controls=("untrained", "copied-io"),
)
_QUICK = replace(
    _SMOKE,
    hidden=(400, 400, 200),
    train_items=1_000_000,
    fit=FitSpec(steps=6_000),
    mask=MaskSpec(steps=3_000, learning_rate=0.2, beta=2e-4),
    random_draws=5,
)
_PAPER = DoubleAdditionSpec(
    mask=MaskSpec(beta=4e-4),
    repeats=4,
    controls=("untrained", "shuffled-weights", "shuffled-labels", "copied-io"),
    unrelated=19,
)
_BOTH_AT_ONCE: tuple[Control, ...] = ("untrained", "shuffled-weights", "shuffled-labels")
_QUICK_RECURRENT = replace(
    _QUICK,
    network="lstm",
    hidden=(64, 64),
    mode="only_one_io",
    fit=FitSpec(steps=6_000, learning_rate=2e-3),
    mask=MaskSpec(steps=3_000, learning_rate=0.2, beta=1e-4),
    controls=("untrained",),
)
PRESETS: dict[str, dict[str, Preset[DoubleAdditionSpec]]] = {
    "mlp": {
        "smoke": (SMOKE_TEXT, _SMOKE),
        "quick": ("minutes on two cores for each network; 400-400-200, fewer and larger steps than the paper's", _QUICK),
        "paper": ("the published settings (network 2000 x 4), with all our controls, repeats and unrelated functions", _PAPER),
    },
    "lstm": {
        "smoke": (
            SMOKE_TEXT,
            replace(_SMOKE, network="lstm", hidden=(16, 16), mode="together", controls=("untrained",)),
        ),
        "quick": ("minutes on two cores for each network; a quarter of the paper's width, the pairs in turn", _QUICK_RECURRENT),
        "paper": (
            "the published settings (2 x 256), with all our controls, repeats and unrelated functions",
            replace(_PAPER, network="lstm", hidden=(256, 256), mode="together", mask=MaskSpec(beta=1e-4), controls=_BOTH_AT_ONCE),
        ),
    },
    "transformer": {
        "smoke": (
            SMOKE_TEXT,
            replace(_SMOKE, network="transformer", hidden=(16, 16), mode="together", controls=("untrained",)),
        ),
        "quick": (
            "ours, not the paper's: 2 layers of width 128; its settings were not tuned",
            replace(_QUICK_RECURRENT, network="transformer", hidden=(128, 128), mode="together", controls=("untrained",)),
        ),
    },
}

# masks and functions: the network without a mask, the full mask, each mask on its own function, each on the other
_NETWORK = (("", "pair-1"), ("", "pair-2"))
_FULL = (("all", "pair-1"), ("all", "pair-2"))
_OWN = (("pair-1", "pair-1"), ("pair-2", "pair-2"))
_OTHER = (("pair-1", "pair-2"), ("pair-2", "pair-1"))

# Without these a claim could hold of a network that does nothing at all.
_LEARNED = conditions("accuracy", _NETWORK, ">=", 0.95)

# A mask that does nothing says nothing of where its addition is; a removal that harms nothing spares everything.
_KEPT = (*_LEARNED, *conditions("sufficiency", _OWN, ">=", 0.95))
_LOST = (*_LEARNED, *conditions("necessity", _OWN, "<=", 0.5))

CLAIMS = (
    Claim(
        "full mask",
        "Does the full mask keep what the network can do (at most .02 of accuracy lost)?",
        conditions("loss under the full mask", _FULL, "<=", 0.02),
        _LEARNED,
        paper="supported",
    ),
    Claim(
        "sufficient",
        "Does the mask found for a pair keep the addition of that pair?",
        conditions("sufficiency", _OWN, ">=", 0.95),
        _LEARNED,
        paper="supported",
    ),
    Claim(
        "necessary",
        "Is a pair's addition lost when its mask's weights are removed?",
        conditions("necessity", _OWN, "<=", 0.5),
        _LEARNED,
        paper="supported",
    ),
    Claim(
        "second copy",
        "Is the other pair's addition spared when one pair's weights are removed, as if it had been learned twice?",
        conditions("necessity", _OTHER, ">=", 0.8),
        _LOST,
        "P_reuse",
        paper="supported",
    ),
    Claim(
        "second copy, whole input and output",
        "The same, with the full mask on input and output weights: a pair lost, the other spared, by hidden weights alone?",
        (
            *conditions("necessity, full I/O", _OWN, "<=", 0.5),
            *conditions("necessity, full I/O", _OTHER, ">=", 0.8),
        ),
        _LEARNED,
        "P_reuse",
    ),
    Claim(
        "little in common",
        "Do the masks of the two pairs have an IoU of at most .5 (over all weights, also those of their own inputs and outputs)?",
        (Condition("iou", "pair-1, pair-2", "", "<=", 0.5),),
        _KEPT,
        "P_reuse",
        paper="supported",
    ),
    Claim(
        "reuse",
        "Do the two pairs' masks share at least half of what two masks for one pair share (normalised sharing, hidden weights)?",
        (Condition("normalised sharing of hidden", "pair-1, pair-2", "", ">=", 0.5),),
        _KEPT,
        "P_reuse",
        paper="not supported",
        repeats=1,
    ),
    Claim(
        "reuse with copied input and output",
        "Positive control: where both pairs have the same input and output weights, do their masks share at least half?",
        (Condition("normalised sharing of hidden", "pair-1, pair-2", "", ">=", 0.5, "copied-io"),),
        (
            *conditions("accuracy", _NETWORK, ">=", 0.95, "copied-io"),
            *conditions("sufficiency", _OWN, ">=", 0.95, "copied-io"),
        ),
        networks=("mlp", "lstm"),
        repeats=1,
        controls=("copied-io",),
    ),
    Claim(
        "sufficiency beyond the controls",
        "Does the mask keep at least .5 more of its addition than top weights of equal density and an untrained network do?",
        (
            *conditions("sufficiency beyond top weights", _OWN, ">=", 0.5),
            *conditions("sufficiency beyond untrained", _OWN, ">=", 0.5),
        ),
        _LEARNED,
        controls=("untrained",),
    ),
    Claim(
        "removal beyond random weights",
        "Does removing the mask's weights cost at least .5 more of its addition than removing as many random ones?",
        conditions("loss beyond random removal", _OWN, ">=", 0.5),
        _LEARNED,
    ),
)

DIFFERENCES = (
    *METHOD,
    "Evaluation shows every value of each pair once, matched at random with the other's; the paper has 10,000 drawn items.",
    "Masks are sought on the trained network and, for copied-io, on the network with copied weights, without further training.",
    "Added: normalised sharing over hidden weights alone, since input and output weights cannot be shared by construction.",
)
