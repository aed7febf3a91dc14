"""Conditions and what was found, as records of format 1 had them in sentences."""


def condition_text(condition):
    """What is asked of a quantity."""
    return f"{_address(*condition.address, mask_words=' under mask')} {_bound_text(condition)}"


def asked_text(verdict):
    """All conditions in a sentence."""
    return f"{'; '.join(_conditions(verdict))}."


def reasons(verdict):
    """What was found for each condition, with its address and what was asked; or what the record lacks, and the cure."""
    if verdict.lacks:
        return [f"{lack.missing}; run again {lack.cure}" for lack in verdict.lacks]
    return [_reason(outcome) for outcome in verdict.outcomes]


def found_text(outcome):
    """What was found, without the address and the bound."""
    found = outcome.found
    if found is None or found.n == 0:
        return "not measured, or undefined on every network"
    note = f"; undefined on {outcome.undefined} of {len(found.values)} networks" if outcome.undefined else ""
    if found.n == 1:
        return f"{found.mean:.3f} on one network, no interval{note}"
    return f"{found.mean:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}, n = {found.n}{note}"


def _conditions(verdict):
    premises = [f"{condition_text(outcome.condition)} (premise)" for outcome in verdict.premises]
    return premises + [condition_text(outcome.condition) for outcome in verdict.conditions]


def _reason(outcome):
    condition = outcome.condition
    if outcome.n == 0:
        return f"{condition_text(condition)}: {found_text(outcome)}"
    address = _address(*condition.address, mask_words=", mask")
    asked = f"; asked: {_bound_text(condition)}" if outcome.n > 1 else ""
    return f"{address}: {found_text(outcome)}{asked}"


def _address(measure, mask, function, variant, *, mask_words):
    words = measure + (f" of {function}" if function else "") + (f"{mask_words} {mask}" if mask else "")
    return words + ("" if variant == "trained" else f" ({variant})")


def _bound_text(condition):
    return f"{condition.relation} {condition.bound:g}"
