"""Problems and the functions they are made of."""

from maskscope.tasks.addition_multiplication import AdditionMultiplication
from maskscope.tasks.double_addition import DoubleAddition
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

__all__ = ["AdditionMultiplication", "DoubleAddition", "Part", "Scores", "Task", "uniform_choice"]
