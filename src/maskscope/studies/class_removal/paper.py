"""Class removal on images: settings, claims and differences. No code.

The rules of all claims and their constants were fixed before any record was made.
"""

from dataclasses import replace

from maskscope.engine.claims import Claim, Condition
from maskscope.engine.study import SMOKE_TEXT, Preset
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.studies.differences import IMAGES, METHOD
from maskscope.studies.images.presets import QUICK, SMOKE

_SMOKE = ClassRemovalSpec(
    classes=("airplane", "cat"),
    fit=SMOKE[0],
    mask=SMOKE[1],
    random_draws=1,
)
# two classes that look alike and one that looks like neither
QUICK_CLASSES = ("airplane", "cat", "dog")
_QUICK = ClassRemovalSpec(
    classes=QUICK_CLASSES,
    fit=QUICK[0],
    mask=QUICK[1],
    random_draws=1,
)
_PAPER = ClassRemovalSpec(gradient_cosine="airplane", repeats=1, controls=("untrained", "shuffled-weights"), random_draws=5)
_RESIDUAL = replace(
    _PAPER,
    network="resnet110",
    augment=True,
    evaluate_on="test",
    fit=FitSpec(steps=64_000, learning_rate=0.1, clip_norm=0.0, optimizer="sgd", weight_decay=1e-4, milestones=(32_000, 48_000)),
    mask=MaskSpec(steps=30_000, batch_size=256, learning_rate=3e-2, beta=2e-5),
    gradient_cosine="",
)
_QUICK_TEXT = "minutes on two cores for each network; the paper's network, three classes, fewer and larger steps"
_PAPER_TEXT = "the published settings, with a repeat of every mask and our controls"
PRESETS: dict[str, dict[str, Preset[ClassRemovalSpec]]] = {
    "cnn": {"smoke": (SMOKE_TEXT, _SMOKE), "quick": (_QUICK_TEXT, _QUICK), "paper": (_PAPER_TEXT, _PAPER)},
    "cnn-no-dropout": {
        "smoke": (SMOKE_TEXT, replace(_SMOKE, network="cnn-no-dropout")),
        "quick": (_QUICK_TEXT, replace(_QUICK, network="cnn-no-dropout")),
        "paper": (_PAPER_TEXT, replace(_PAPER, network="cnn-no-dropout")),
    },
    "resnet20": {
        "smoke": (SMOKE_TEXT, replace(_SMOKE, network="resnet20")),
        "quick": (
            "ours, not the paper's: the small relative of ResNet-110, three classes; its settings were not tuned",
            replace(_QUICK, network="resnet20", fit=replace(_QUICK.fit, optimizer="sgd", learning_rate=0.1, weight_decay=1e-4)),
        ),
        "paper": (
            "ours, not the paper's: ResNet-20 with the published settings of ResNet-110",
            replace(_RESIDUAL, network="resnet20"),
        ),
    },
    "resnet110": {
        "smoke": (SMOKE_TEXT, replace(_SMOKE, network="resnet110", fit=FitSpec(steps=4, batch_size=16))),
        "paper": (_PAPER_TEXT, _RESIDUAL),
    },
}

_MEAN = "mean over classes"
# without a network that knows the classes, and a full mask that keeps them, there is nothing that a class could lose
_LEARNED = (Condition("mean accuracy", "", "", ">=", 0.65),)
_KEPT = (*_LEARNED, Condition("mean loss under the full mask", "all", "", "<=", 0.05))

CLAIMS = (
    Claim(
        "full mask",
        "Does the full mask keep what the network can do (at most .02 of mean accuracy lost)?",
        (Condition("mean loss under the full mask", "all", "", "<=", 0.02),),
        _LEARNED,
        paper="supported",
    ),
    Claim(
        "the class falls",
        "Does a class lose at least half of its accuracy under a mask that was found without its images?",
        (Condition(f"target drop, {_MEAN}", "", "", ">=", 0.5),),
        _KEPT,
        about="P_specialize",
        paper="supported",
    ),
    Claim(
        "the others stay",
        "Do the other classes lose at most a tenth of their accuracy under that mask, on average?",
        (Condition(f"mean drop of others, {_MEAN}", "", "", "<=", 0.1),),
        _KEPT,
        about="P_specialize",
        paper="supported",
    ),
    Claim(
        "no other falls with it",
        "Does even the class that loses most beside it lose at most a quarter of what the removed class loses?",
        (Condition(f"largest other over target, {_MEAN}", "", "", "<=", 0.25),),
        (*_KEPT, Condition(f"target drop, {_MEAN}", "", "", ">=", 0.25)),
        about="P_specialize",
    ),
    Claim(
        "what it owns matters",
        "Does removing what a class owns from the full mask cost the class at least .1 more of its accuracy than removing as "
        "many random weights of the full mask?",
        (Condition(f"target drop beyond random, {_MEAN}", "", "", ">=", 0.1),),
        _KEPT,
        about="P_specialize",
    ),
)

DIFFERENCES = (
    *METHOD,
    *IMAGES,
    "Masks of removal are sought over a network whose output layer is already cut to the full mask; the authors copy the logits "
    "of that layer and hold them. The function is the same.",
    "Batch normalisation runs on the statistics of training, as theirs.",
    "Added: what a class owns is removed from the full mask, and as many random weights of it instead; what different classes "
    "own is compared, with the floor inside the full mask.",
    "ResNet-20 is ours, the small relative of ResNet-110.",
)
