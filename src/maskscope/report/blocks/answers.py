"""The result of a study of several functions in one sentence, made of its numbers by rules that stand here."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from maskscope.analysis import Summary
from maskscope.engine.quantities import TRAINED, Quantity
from maskscope.procedure.record import MaskRecord
from maskscope.report.numbers import count_text, in_words, mean_text
from maskscope.report.over_networks import WHOLE, asks_reuse, mask_names, null_controls, own_function, short_words

# a function is performed from this share of the whole network's score on, and lost below that; of the scale between the floor of
# an overlap and its ceiling, less than half is "mostly different". The same bounds as those of most claims.
_KEPT, _SPARED, _LOST, _HALF = 0.9, 0.8, 0.5, 0.5


def answer(record: MaskRecord[Any], learned: float = 0.0) -> str:
    """Whether the functions are in different weights, and whether one survives the removal of another's; one sentence.

    Args:
        record: with the numbers.
        learned: score without a mask from which on a network performs a function; the sentence leaves open what claims leave
            open because some networks do not.
    """
    failed = _failed(record, learned)
    if failed:
        n = count_text(record.sample_size, "network")
        return f"Open, since {len(failed)} of {n} did not learn {in_words(sorted(set().union(*failed.values())))}."
    functions = [name for name in mask_names(record) if name != WHOLE]
    lost = [name for name in functions if not _at_least(record, "sufficiency", [(name, name)], _KEPT)]
    if lost:
        return (
            f"The weights that were found for {_named(lost)} are not enough: with nothing else kept, "
            f"{in_words([_on_own(record, name) for name in lost[:3]])}."
        )
    if len(functions) < 2:
        found = f"The weights that were found for {_named(functions)} perform it with nothing else kept"
        return f"{found}{_caveat(record, functions)}."
    return f"{_where(record, functions)}{_without(record, functions)}{_caveat(record, functions)}."


def _without(record: MaskRecord[Any], functions: Sequence[str]) -> str:
    """Whether a function works without the weights of another, and whether that says anything: random ones are removed, too."""
    pairs = list(permutations(functions, 2))
    if asks_reuse(record):
        return ""
    of_others = "of the other" if len(functions) == 2 else "of the others"
    if _at_least(record, "necessity", pairs, _SPARED):
        return f", and each works without the weights {of_others}"
    if not _at_most(record, "necessity", pairs, _LOST):
        return ""
    if _at_most(record, "random removal", pairs, _LOST):
        return "; removal cannot tell them apart, as each also breaks without as many random weights"
    return f", but {'neither' if len(functions) == 2 else 'none'} works without the weights {of_others}"


def _caveat(record: MaskRecord[Any], functions: Sequence[str]) -> str:
    """That masks over a network that has not learned its functions perform some of them as well, where they do."""
    for control in null_controls(record):
        as_well = [name for name in functions if _performed_on(record, control, name)]
        if as_well:
            return f"; but a mask over a control ({short_words(record)[control]}) performs {_named(as_well)} as well"
    return ""


def _performed_on(record: MaskRecord[Any], control: str, name: str) -> bool:
    on = own_function(record, name)
    found, whole = record.quantity("sufficiency", name, on, variant=control), record.quantity("accuracy", "", on)
    return bool(found and whole and found.summary.mean >= _KEPT * whole.summary.mean)


def sharing_of(record: MaskRecord[Any]) -> list[Quantity]:
    """Normalised sharing of each pair on the trained networks: of hidden weights if input and output weights are apart."""
    found = [one for one in record.quantities if one.variant == TRAINED and one.summary.n]
    hidden = [one for one in found if one.measure == "normalised sharing of hidden"]
    return hidden or [one for one in found if one.measure == "normalised sharing"]


def _failed(record: MaskRecord[Any], learned: float) -> dict[int, list[str]]:
    """By place of the network, the functions that it does not perform."""
    found: dict[int, list[str]] = {}
    for function in record.functions:
        whole = record.quantity("accuracy", "", function)
        for place, value in enumerate(whole.summary.values if whole else ()):
            if value < learned:
                found.setdefault(place, []).append(function)
    return found


def _where(record: MaskRecord[Any], functions: Sequence[str]) -> str:
    """Where the functions are, by the share that pairs of masks have in common between floor and ceiling."""
    found, reuse = sharing_of(record), asks_reuse(record)
    names = _named(functions)
    if not found:
        kept = f"Each mask performs its own function ({names})"
        return kept if reuse else f"{kept}{_specific(record, functions)}"
    below = [one for one in found if _side(one.summary) < 0]
    above = [one for one in found if _side(one.summary) > 0]
    if reuse:
        hidden = "hidden weights" if found[0].measure.endswith("hidden") else "weights"
        if len(below) == len(found):
            return f"{names} are the same function, and use mostly different {hidden}: no reuse"
        if len(above) == len(found):
            return f"{names} are the same function, and use mostly the same {hidden}: reuse"
        return f"Whether {names} use the same {hidden} for the same function is open"
    if len(below) == len(found):
        return f"{names} are carried by mostly different weights"
    if len(above) == len(found):
        return f"{names} are carried by mostly the same weights"
    if len(found) == 1:
        return f"{names} are carried by partly the same weights"
    return f"Of {len(found)} pairs of functions, {len(below)} are in mostly different weights and {len(above)} in mostly the same"


def _specific(record: MaskRecord[Any], functions: Sequence[str]) -> str:
    pairs = list(permutations(functions, 2))
    if _at_most(record, "sufficiency", pairs, _LOST):
        return " and loses the others"
    return " and others too" if _at_least(record, "sufficiency", pairs, _KEPT) else ""


def _named(functions: Sequence[str]) -> str:
    return in_words(list(functions)) if len(functions) <= 4 else f"the {len(functions)} functions"


def _on_own(record: MaskRecord[Any], mask: str) -> str:
    found = record.quantity("sufficiency", mask, own_function(record, mask))
    return f"{mask} reaches {mean_text(found.summary, 'percent')}" if found else f"{mask} was not measured"


def _side(summary: Summary) -> int:
    """-1: the whole interval is below a half, 1: it is not; 0: it is on both sides. One network has its value alone."""
    low, high = (summary.mean, summary.mean) if summary.n == 1 else (summary.low, summary.high)
    return -1 if high < _HALF else 1 if low >= _HALF else 0


def _at_least(record: MaskRecord[Any], measure: str, addresses: Iterable[tuple[str, str]], share: float) -> bool:
    return all(part >= share for part in _shares(record, measure, addresses))


def _at_most(record: MaskRecord[Any], measure: str, addresses: Iterable[tuple[str, str]], share: float) -> bool:
    return all(part <= share for part in _shares(record, measure, addresses))


def _shares(record: MaskRecord[Any], measure: str, addresses: Iterable[tuple[str, str]]) -> list[float]:
    """Scores under or without masks, as shares of those of the whole network; means over networks."""
    shares = []
    for mask, function in addresses:
        on = own_function(record, function)
        found, whole = record.quantity(measure, mask, on), record.quantity("accuracy", "", on)
        shares.append(found.summary.mean / whole.summary.mean if found and whole and whole.summary.mean else float("nan"))
    return shares
