"""What is looked for: a mask, by the data of its function and the identity of its noise."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskscope.errors import ConfigError
from maskscope.masks import MaskLogits, Noise
from maskscope.training.batches import Batches
from maskscope.training.observers import Observer


@dataclass(frozen=True)
class Wanted:
    """One of several masks that `discover_many` finds together.

    Args:
        name: which function it is for; part of the noise's key.
        batches: a function ``batches(index) -> part`` or an iterable of parts.
        seed: root seed of the mask noise.
        repeat: which of several masks for the same function.
        observers: who watches.
        initial: where its logits start; all at ``initial_logit`` of the settings unless given.
    """

    name: str
    batches: Batches
    seed: int = 0
    repeat: int = 0
    observers: Sequence[Observer] = ()
    initial: MaskLogits | None = None

    @property
    def noise(self) -> Noise:
        """The identity of its random stream."""
        return Noise(self.seed, self.name, self.repeat)

    def __str__(self) -> str:
        return f"{self.name} (seed {self.seed}, repeat {self.repeat})"


def check_wanted(wanted: Sequence[Wanted]) -> None:
    """Raises `ConfigError` if nothing is wanted, or two of the wanted have one identity."""
    if not wanted:
        raise ConfigError("No mask is wanted; at least one was expected.")
    noises = [one.noise for one in wanted]
    twice = sorted({str(one) for one in wanted if noises.count(one.noise) > 1})
    if twice:
        raise ConfigError(
            f"Wanted twice with one identity: {', '.join(twice)}. Their noise would be the same at every step; give them "
            "different names, repeats or seeds."
        )
