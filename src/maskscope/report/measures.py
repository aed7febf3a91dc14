"""What a measured number is, in words: one phrase for each measure, from its mask and its function."""

from maskscope.engine.quantities import ACCURACY, TRAINED
from maskscope.report.words import hidden_removed, kept, removed
from maskscope.tasks import Task

# {m}: the mask, {f}: the function or the test; a mask over two names is that of a pair
_PHRASES = {
    "accuracy": "{score} on {f}, no mask",
    "sufficiency": "{score} on {f} with {only}",
    "necessity": "{score} on {f} {without}",
    "necessity, full I/O": "{score} on {f} {without_hidden}",
    "top weights": "{score} on {f} with the best weights by gradient, as many as {m} has",
    "random removal": "{score} on {f} without as many random weights as {m} has",
    "density": "share of weights kept for {m}",
    "undecided": "share of undecided weights, mask for {m}",
    "loss under the full mask": "{score} on {f} that the full mask loses",
    "mean loss under the full mask": "mean accuracy that the full mask loses",
    "loss beyond random removal": "{score} on {f} lost {without}, beyond the loss without as many random ones",
    "sufficiency beyond top weights": "{score} on {f} with {only}, beyond that with the best weights by gradient",
    "sufficiency beyond untrained": "{score} on {f} with {only}, beyond that of an untrained network",
    "sufficiency beyond shuffled labels": "{score} on {f} with {only}, beyond that of a network of shuffled labels",
    "iou": "overlap (IoU) of the masks for {pair}",
    "dice": "overlap (Dice) of the masks for {pair}",
    "normalised sharing": "what the masks for {pair} share, from 0 (chance) to 1 (two masks for one function)",
    "normalised sharing of hidden": "what the masks for {pair} share of hidden weights, from 0 (chance) to 1 (two masks for one "
    "function)",
    "dice over ceiling": "overlap (Dice) of the masks for {pair}, over that of two masks for one function",
    "share of the score kept": "share of the score on {f} that is kept with {only}",
    "share of the score left": "share of the score on {f} that is left {without}",
    "transfer": "what the private part for {m} brings in the place of that for {f}",
    "target drop": "share of its accuracy that the removed class loses, {m}",
    "mean drop of others": "share of their accuracy that the other classes lose, {m}",
    "largest other over target": "largest loss among the other classes over that of the removed one, {m}",
    "target drop beyond random": "share of its accuracy that a class loses without what it owns, beyond that without as many "
    "random weights, {m}",
    "mean accuracy": "mean accuracy over classes, no mask",
    "lowest accuracy": "accuracy on the worst task, {m}",
    "mean shared": "share of a later task's weights that are weights of earlier tasks, {m}",
    "mean shared beyond chance": "share of a later task's weights that are weights of earlier tasks, beyond chance, {m}",
    "relative gap to the full mask": "share of the accuracy on {f} that is lost with {only}",
    "gap to the full mask": "accuracy on {f} that is lost with {only}",
    "mask beyond such a network": "accuracy on {f} with {only}, beyond that of a network that was trained on it alone",
    "removed beyond other outputs": "share of the weights of output {f} that the mask for {m} removes, beyond that of any other "
    "output",
    "iou of repeats beyond different functions": "overlap (IoU) of two masks for one pair of classes, beyond that for different "
    "pairs",
}
_OVER_CLASSES = ", mean over classes"


def measure_words(measure: str, mask: str, function: str, variant: str = TRAINED, *, score: str = ACCURACY) -> str:
    """A quantity in words, such as ``accuracy on mul with only the weights of add``.

    Args:
        measure: its name.
        mask: of its address; may be empty.
        function: of its address; may be empty.
        variant: of the network; the trained one is not named.
        score: what the score of a function is called.
    """
    base = measure.removesuffix(_OVER_CLASSES)
    phrase = _PHRASES.get(base)
    if phrase is None or (not function and "{f}" in phrase):
        words = base + (f" on {function}" if function else "") + (f", {mask}" if mask else "")
    else:
        parts = {
            "score": score,
            "m": mask or "a class",
            "f": function,
            "pair": " and ".join(mask.split(", ", 1)),
            "only": "the full mask" if mask == Task.whole else kept(mask),
            "without": removed(mask),
            "without_hidden": hidden_removed(mask),
        }
        words = phrase.format(**parts)
    if measure.endswith(_OVER_CLASSES):
        words = words.removesuffix(", a class") + _OVER_CLASSES
    return words + ("" if variant == TRAINED else f" ({variant} network)")
