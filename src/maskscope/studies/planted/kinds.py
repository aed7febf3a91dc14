"""The kinds of planted network, by name: one row each."""

from collections.abc import Mapping
from functools import partial

from maskscope.studies.planted.architecture import LEARNED_MLP, PAIR_LSTM, PATCH_CNN, TOKEN_TRANSFORMER, Architecture
from maskscope.studies.planted.embedded import learned_network, plant_learned
from maskscope.studies.planted.kind import PlantedKind
from maskscope.studies.planted.wired import plant_wired, wired_network
from maskscope.tasks.bit_forms import Form, as_images, as_pairs, as_tokens, as_vector
from maskscope.tasks.multiplexer import HALVES, SHARED_TRUNK, SHARED_TRUNK_OF_8, Multiplexers, Switch


def _wired(switches: Mapping[str, Switch], *, halves: bool = False, inhibition: bool = False) -> PlantedKind:
    return PlantedKind(
        "MLP", partial(Multiplexers, switches), wired_network, partial(plant_wired, halves=halves, inhibition=inhibition)
    )


def _learned(name: str, architecture: Architecture, form: Form) -> PlantedKind:
    return PlantedKind(
        name,
        partial(Multiplexers, SHARED_TRUNK_OF_8, 8, form),
        partial(learned_network, architecture),
        partial(plant_learned, architecture),
    )


KINDS: dict[str, PlantedKind] = {
    "halves": _wired(HALVES, halves=True),
    "shared trunk": _wired(SHARED_TRUNK),
    "shared trunk, inhibition": _wired(SHARED_TRUNK, inhibition=True),
    "shared trunk, learned": _learned("MLP", LEARNED_MLP, as_vector),
    "cnn": _learned("CNN", PATCH_CNN, as_images),
    "lstm": _learned("LSTM", PAIR_LSTM, as_pairs),
    "transformer": _learned("Transformer", TOKEN_TRANSFORMER, as_tokens),
}
