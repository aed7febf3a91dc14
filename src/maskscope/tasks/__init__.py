"""Problems and the functions they are made of."""

from maskscope.tasks.addition_multiplication import AdditionMultiplication
from maskscope.tasks.double_addition import DoubleAddition
from maskscope.tasks.images import ImageClasses, removal_name, without_each
from maskscope.tasks.permuted_images import PermutedImages
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

__all__ = [
    "AdditionMultiplication",
    "DoubleAddition",
    "ImageClasses",
    "Part",
    "PermutedImages",
    "Scores",
    "Task",
    "removal_name",
    "uniform_choice",
    "without_each",
]
