"""torch's optimizers, made and used without torch's compiler.

torch tells its compiler to leave an optimizer's methods alone, and loads it to say so, with sympy and triton: two seconds before
the first step of every process. Nothing is compiled here, so the methods are those behind these wrappers. The arithmetic is
torch's.
"""

import inspect
from typing import Any, final

import torch


class WithoutCompiler:
    """What every optimizer does without loading the compiler. It stands before the optimizer in a list of base classes.

    How it could fail: torch may wrap another method. Then it loads its compiler again, and is right and slow as before; the test
    of what a search loads notices.
    """

    # whatever torch wraps has what it wraps as `__wrapped__`; an unwrapped method is itself
    add_param_group: Any = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    state_dict: Any = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict: Any = inspect.unwrap(torch.optim.Optimizer.load_state_dict)


@final
class Adam(WithoutCompiler, torch.optim.Adam):
    """torch's Adam."""

    step: Any = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


@final
class SGD(WithoutCompiler, torch.optim.SGD):
    """torch's gradient descent."""

    step: Any = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))
