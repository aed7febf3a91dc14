"""Transfer between the functions of a user's own network: what is measured, and the numbers that it makes."""

import math
from collections.abc import Iterator, Sequence

from maskscope.analysis import Transfer, transfer
from maskscope.engine.quantities import Numbers
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.subject import Compared, MaskedNetwork
from maskscope.studies.own.result import MaskTransfer, OwnResult
from maskscope.studies.own.spec import OwnSpec
from maskscope.training import child_seed

# of a function under a mask: what the mask's private part brings in the place of the function's own
TRANSFER, BY_CHANCE = "transfer", "transfer of random weights"


def measured_transfers(masked: MaskedNetwork[OwnSpec], compared: Sequence[Compared]) -> tuple[MaskTransfer, ...]:
    """Transfer from every function to every other one, and between the repeats of one function, which is the ceiling."""
    return tuple(
        MaskTransfer(
            giver.name,
            receiver.name,
            receiver.repeat,
            transfer(
                masked.network,
                masked.task,
                giver.mask,
                receiver.mask,
                function=receiver.name,
                draws=masked.spec.random_draws,
                seed=child_seed(masked.random_seed, "transfer", giver.name, receiver.name, receiver.repeat),
            ),
        )
        for giver, receiver in _pairs(compared)
    )


def transfer_numbers(network: NetworkResult[OwnResult]) -> Numbers:
    """The transfer of each function under each mask, and what random weights bring; repeats are put together.

    The address names the mask whose private part is taken and the function that it is to serve. With the function's own name
    twice, the part is another mask's for the same function.
    """
    numbers: Numbers = {}
    for giver, receiver in _addresses(network):
        scores = mean_transfer(network, giver, receiver)
        numbers[TRANSFER, giver, receiver] = scores.value if scores else math.nan
        numbers[BY_CHANCE, giver, receiver] = scores.floor if scores else math.nan
    return numbers


def mean_transfer(network: NetworkResult[OwnResult], giver: str, receiver: str) -> Transfer | None:
    """The scores of a transfer on one network, averaged over repeats; None where it was not measured."""
    some = network.more.transfers if network.more else ()
    found = [one.scores for one in some if (one.giver, one.receiver) == (giver, receiver)]
    return Transfer.mean(found) if found else None


def _addresses(network: NetworkResult[OwnResult]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((one.giver, one.receiver) for one in (network.more.transfers if network.more else ())))


def _pairs(compared: Sequence[Compared]) -> Iterator[tuple[Compared, Compared]]:
    """Masks whose part is taken, with masks whose part is replaced: of equal repeats; of one function, of successive ones."""
    masks = {name: [one for one in compared if one.name == name] for name in dict.fromkeys(one.name for one in compared)}
    for giver, given in masks.items():
        for receiver, received in masks.items():
            if giver != receiver:
                yield from zip(given, received, strict=False)
            elif len(given) > 1:
                yield from zip([*given[1:], given[0]], received, strict=True)
