"""Problems and the functions they are made of."""

from maskscope.tasks.addition_multiplication import AdditionMultiplication
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

__all__ = ["AdditionMultiplication", "Part", "Scores", "Task", "uniform_choice"]
