"""Tasks: the problems that networks are trained on, and the functions that each problem consists of."""

from maskscope.tasks.addition_multiplication import AdditionMultiplication
from maskscope.tasks.double_addition import DoubleAddition
from maskscope.tasks.images import ImageClasses, removal_name, without_each
from maskscope.tasks.mathematics_task import mathematics_task
from maskscope.tasks.permuted_images import PermutedImages
from maskscope.tasks.scan import are_published, scan_splits, scan_task, splits_digest
from maskscope.tasks.sequences import SequenceTask
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

__all__ = [
    "AdditionMultiplication",
    "DoubleAddition",
    "ImageClasses",
    "Part",
    "PermutedImages",
    "Scores",
    "SequenceTask",
    "Task",
    "are_published",
    "mathematics_task",
    "removal_name",
    "scan_splits",
    "scan_task",
    "splits_digest",
    "uniform_choice",
    "without_each",
]
