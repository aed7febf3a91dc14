"""Other masks for the same function: how far from the first one can a mask go and still keep the behaviour?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from maskscope.analysis import score
from maskscope.engine.spec import to_json
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import BinaryMask, iou, select
from maskscope.procedure.masking import units_from
from maskscope.storage import digest, tensor_digest, user_path
from maskscope.studies.own.study import Study
from maskscope.training import MaskSearch, child_seed, discover_many


@dataclass(frozen=True)
class Alternatives:
    """Masks for one function of one network.

    Args:
        function: its name.
        masks: the first one was searched as in the study; each other one avoids all before it.
        scores: of the function under each of them.
        unmasked_score: of the function without a mask.
        repeat: a second plain search, with other noise and data order: what two masks have in common when nothing is avoided.
    """

    function: str
    masks: tuple[BinaryMask, ...]
    scores: tuple[float, ...]
    unmasked_score: float
    repeat: BinaryMask

    @property
    def core(self) -> BinaryMask:
        """The units that all masks keep: what the function could not do without."""
        core = self.masks[0]
        for mask in self.masks[1:]:
            core = core & mask
        return core

    @property
    def overlaps(self) -> tuple[float, ...]:
        """IoU of every two masks: of the first with the second, with the third, and so on."""
        return tuple(iou(first, second) for first, second in combinations(self.masks, 2))

    @property
    def plain_overlap(self) -> float:
        """IoU of the first mask with the plain repeat."""
        return iou(self.masks[0], self.repeat)

    def __str__(self) -> str:
        kept = ", ".join(f"{mask.kept:,} (score {score:.3f})" for mask, score in zip(self.masks, self.scores, strict=True))
        overlaps = ", ".join(f"{value:.2f}" for value in self.overlaps)
        return (
            f"{len(self.masks)} masks for {self.function} keep {kept}; without a mask the score is {self.unmasked_score:.3f}. "
            f"IoU of every two: {overlaps}; of two plain searches: {self.plain_overlap:.2f}. All keep {self.core.kept:,}."
        )


def alternatives(
    study: Study,
    function: str,
    n: int = 2,
    *,
    network: int = 0,
    repulsion: float = 10.0,
    out: str | Path | None = None,
    watch: bool = True,
) -> Alternatives:
    """Looks for other masks of one function, by a penalty that is higher for the units of the masks that were found before.

    The settings are the study's, so each mask keeps the same behaviour, if any mask does: where the function has only one place,
    the others come back to it, and the overlaps say so.

    Args:
        study: the study.
        function: a name among its functions.
        n: how many masks beside the first.
        network: the number of the network, if the study has several.
        repulsion: a unit that k earlier masks keep pays 1 + ``repulsion`` * k times the penalty.
        out: a folder for the masks; those that were found there before, with the same settings, data and earlier masks, are not
            searched again. None: nothing is kept.
        watch: whether to show progress.

    Raises:
        UnknownNameError: the study has no such function.
        ConfigError: no other mask was asked for, or there is no such network.
    """
    if function not in study.task.functions:
        raise UnknownNameError("function", function, study.task.functions)
    if n < 1:
        raise ConfigError(f"n is {n}; at least 1 mask beside the first was expected.")
    if not 0 <= network < study.networks:
        raise ConfigError(f"network is {network}; the study has {study.networks}, numbered from 0.")
    finder = _Finder(study, function, network, None if out is None else user_path(out, argument="out"), watch)
    masks = [finder.find(0, (), 0.0)]
    repeat = finder.find(1, (), 0.0)
    for _ in range(n):
        masks.append(finder.find(1 + len(masks), masks, repulsion))
    scores = tuple(score(finder.guest, study.task, mask).accuracy[function] for mask in masks)
    return Alternatives(function, tuple(masks), scores, score(finder.guest, study.task).accuracy[function], repeat)


class _Finder:
    def __init__(self, study: Study, function: str, network: int, out: Path | None, watch: bool) -> None:
        self._study, self._function, self._seed, self._out, self._watch = study, function, network, out, watch
        self.guest = study.network(network)

    def find(self, number: int, avoid: Sequence[BinaryMask], repulsion: float) -> BinaryMask:
        """The mask of this number: read, if it is there, else searched, and kept."""
        spec, task = self._study.study.preset("quick"), self._study.task
        file = None
        if self._out is not None:
            earlier = [tensor_digest(bits) for mask in avoid for bits in mask.values()]
            pinned = to_json(self._study.study.procedure.pinned(spec, None))
            name = digest([pinned, self._seed, number, repulsion, earlier])[:12]
            file = self._out / f"{self._function}-{number}-{name}.safetensors"
            if file.exists():
                return BinaryMask.load(file, self.guest)
        data = child_seed(self._seed, "alternatives", self._function, number)
        wanted = MaskSearch(
            self._function,
            task.batches(self._function, spec.mask.part_size, data),
            child_seed(self._seed, "alternatives"),
            number,
            held_out=task.held_out(self._function),
            avoid=tuple(avoid),
            repulsion=repulsion,
        )
        (found,) = discover_many(
            self.guest,
            task.loss,
            [wanted],
            selection=select(self.guest, exclude=spec.exclude, units=units_from(spec.mask.units)),
            config=spec.mask.config(),
            score=task.part_score,
            off=self._study.off_values(self._seed),
            judge=False,
            watch=self._watch,
            checkpoint=None if file is None else file.with_suffix(".checkpoint"),
        )
        mask = found.mask
        if file is not None:
            mask.save(file)
            file.with_suffix(".checkpoint").unlink(missing_ok=True)
        return mask
