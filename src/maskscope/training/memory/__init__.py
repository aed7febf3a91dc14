"""The memory that a search needs: what it allocates itself, and what a part of the data takes."""

from maskscope.training.memory.check import Need, available_bytes, check_memory, needs, said_on_failure
from maskscope.training.memory.part import PartMemory, measure_part, tensors_of

__all__ = [
    "Need",
    "PartMemory",
    "available_bytes",
    "check_memory",
    "measure_part",
    "needs",
    "said_on_failure",
    "tensors_of",
]
