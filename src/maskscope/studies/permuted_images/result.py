"""Results about networks that grow from task to task."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskscope.engine.records.record import Record

FIRST_LAYER = "layers.0."


@dataclass(frozen=True)
class Reused:
    """Of the weights of one tensor: kept by a task's mask, of these used by an earlier task, and used by one at all.

    Args:
        kept: by the mask.
        shared: kept by it, and by the mask of an earlier task.
        used: kept by the mask of an earlier task: what chance would share is ``used / weights``.
        weights: of the tensor.
    """

    kept: int
    shared: int
    used: int
    weights: int


@dataclass(frozen=True)
class GrownTask:
    """One task of a network that grows.

    Args:
        function: its name.
        accuracy: under its thresholded mask, at the end of its own stage.
        sampled_loss: mean loss of the last 100 steps, under sampled masks.
        undecided: share of logits with a keep probability between .05 and .95.
        density: share of all weights that its mask keeps.
        earlier: accuracy then on each earlier task, under that task's mask.
        by_tensor: what it shares with earlier tasks, by dotted name. Where a layer begins anew, ``used`` is what it held.
    """

    function: str
    accuracy: float
    sampled_loss: float
    undecided: float
    density: float
    earlier: Mapping[str, float]
    by_tensor: Mapping[str, Reused]


@dataclass(frozen=True)
class GrowthResult:
    """A network that grew from task to task.

    Args:
        seed: the network's root seed.
        new_logit: where the logits of weights started that no earlier task used.
        tasks: in their order.
    """

    seed: int
    new_logit: float
    tasks: tuple[GrownTask, ...]


@dataclass(frozen=True, kw_only=True)
class GrowthRecord(Record):
    """A study of networks that grow.

    Args:
        growths: every network, by its start of new logits, then by its seed.
    """

    growths: tuple[GrowthResult, ...]

    @property
    def sample_size(self) -> int:
        """How many networks there are of each start of new logits."""
        return len({growth.seed for growth in self.growths})

    @property
    def size(self) -> int:
        """Weights of a network that a mask is over."""
        return sum(part.weights for part in self.growths[0].tasks[0].by_tensor.values())

    @property
    def faults(self) -> list[str]:
        """What does not fit together in it, each in a line."""
        empty = [one for one in self.growths if not one.tasks or any(not task.by_tensor for task in one.tasks)]
        found = [f"growths: seed {one.seed}: tasks with weights were expected" for one in empty]
        return super().faults + (found if self.growths else ["growths: at least one was expected"])
