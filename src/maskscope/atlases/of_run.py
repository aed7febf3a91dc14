"""The masks of a run folder, read from what its artefacts say of themselves: the study need not be known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from maskscope.atlases.named import AtlasMasks, NamedMask, words_on_units
from maskscope.atlases.write import AtlasWritten, write_atlas
from maskscope.engine.artefact import MADE
from maskscope.errors import FileFormatError, MaskscopeError, MissingExtraError, RunFolderError
from maskscope.masks import BinaryMask
from maskscope.storage import read_json, read_tensors
from maskscope.tasks import Task

# what a run of itself writes beside its page: about 2 MB and a second at most
MOST_BITS_UNASKED = 20_000_000
_ARTEFACTS, _ATLAS, _PAGE = "artefacts", "atlas.html", "report.html"
_ANALYSIS = re.compile(r"seed-(\d+)-analysis-[0-9a-f]{12}")


def holds_masks(folder: Path) -> bool:
    """Whether a folder is that of a run with at least one network that was measured with its masks."""
    return bool(_analyses(folder))


def masks_of_seed(folder: Path, seed: int | None = None) -> AtlasMasks:
    """The masks on one network of a run: of its functions, their repeats, and of all functions together.

    Args:
        folder: of the run.
        seed: of the network; None: the first that there is.

    Raises:
        RunFolderError: the folder is not that of a finished run, or there is no such network.
        FileFormatError: a mask is missing or damaged.
    """
    analyses = _analyses(folder)
    if not analyses:
        raise RunFolderError(
            f"{folder} has no masks: expected the folder of a run with at least one finished network, whose masks are in "
            f"{_ARTEFACTS}/. A record alone does not hold them: `maskscope run ... --out {folder}` makes them again."
        )
    chosen = min(analyses) if seed is None else seed
    if chosen not in analyses:
        known = ", ".join(map(str, sorted(analyses)))
        raise RunFolderError(f"{folder} has no finished network of seed {chosen}. Finished: {known}. Name one with --seed.")
    made = analyses[chosen]
    places = {role: folder / _ARTEFACTS / Path(name).name for role, name in made["from"].items()}
    network = places.get("network")
    masks = []
    for role, place in places.items():
        function, sign, repeat = role.rpartition("/")
        if sign and repeat.isdecimal() and _made(place)["from"].get("network") == (network.name if network else None):
            masks.append(NamedMask(function, int(repeat), BinaryMask.load(place / "mask.safetensors")))
    if not masks:
        raise RunFolderError(
            f"The network of seed {chosen} in {folder} was measured without masks: an atlas has nothing to show."
        )
    masks.sort(key=lambda one: one.function == Task.whole)  # the mask of all functions comes last; else the study's order
    return AtlasMasks(
        str(made["settings"].get("study", folder.name)),
        (_which(chosen, sorted(analyses)), *words_on_units([one.mask for one in masks])),
        tuple(masks),
        _weights(network, masks[0].mask) if network else {},
    )


def with_page(shown: AtlasMasks, folder: Path, out: Path) -> AtlasMasks:
    """The same with a link to the page of the run, if the atlas is written beside it.

    Args:
        shown: of a run.
        folder: of the run.
        out: where the atlas is written.
    """
    beside = (folder / _PAGE).is_file() and out.parent.resolve() == folder.resolve()
    return replace(shown, page=_PAGE) if beside else shown


def write_run_atlas(folder: Path) -> AtlasWritten | None:
    """Writes the atlas of a run's first network beside its page, if that is cheap. What hinders it, hinders nothing else.

    Args:
        folder: of the run.

    Returns:
        What was written; None if the folder has no masks or damaged ones, they are many, or its `atlas.html` is something else.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    if not holds_masks(folder):
        return None
    try:
        shown = replace(masks_of_seed(folder), page=_PAGE)
        weights = sum(bits.numel() for bits in shown.masks[0].mask.values())
        return write_atlas(shown, folder / _ATLAS) if weights * len(shown.masks) <= MOST_BITS_UNASKED else None
    except MissingExtraError:
        raise
    except MaskscopeError:
        # `maskscope atlas` says what it is
        return None


def _analyses(folder: Path) -> dict[int, Any]:
    """What the analyses of the trained networks say of themselves, by seed: of several of a seed, the last one."""
    found: dict[int, Any] = {}
    for place in sorted((folder / _ARTEFACTS).glob("seed-*-analysis-*")):
        if (named := _ANALYSIS.fullmatch(place.name)) and (place / MADE).is_file():
            made = _made(place)
            seed = int(named[1])
            if seed not in found or made.get("made_at_ns", 0) > found[seed].get("made_at_ns", 0):
                found[seed] = made
    return found


def _made(place: Path) -> Any:
    """What an artefact says of itself.

    Raises:
        FileFormatError: it does not, or not in a form that can be read.
    """
    made = read_json(place / MADE)
    if not isinstance(made, dict) or not all(isinstance(made.get(name), dict) for name in ("settings", "from")):
        raise FileFormatError(f"{place / MADE} does not describe an artefact. Delete the folder {place} and run again.")
    return made


def _which(seed: int, known: Sequence[int]) -> str:
    """Which network of the run is shown."""
    if len(known) == 1:
        return f"The masks of one network (seed {seed})."
    others = ", ".join(str(one) for one in known if one != seed)
    return f"The masks of one network of {len(known)} (seed {seed}). The others: maskscope atlas RUN --seed {others}."


def _weights(network: Path, mask: BinaryMask) -> Mapping[str, Tensor]:
    """The weights that the masks are of; none unless all are there."""
    file = network / "weights.safetensors"
    stored = read_tensors(file, kind="weights")[0] if file.is_file() else {}
    same = all(name in stored and stored[name].shape == bits.shape for name, bits in mask.items())
    return {name: stored[name] for name in mask} if same else {}
