"""Makes the optimizer of a run, and saves and restores its state as named tensors for the checkpoint."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from maskscope.masks.maskable import is_packed, is_uninitialised
from maskscope.training.optimizers.lean import LeanAdam
from maskscope.training.optimizers.without_compiler import SGD, Adam

# The state of each optimizer for a parameter that has had a gradient. `step` is one number; the others have the shape of the
# parameter.
_KEEPS: dict[type[torch.optim.Optimizer], frozenset[str]] = {
    Adam: frozenset(("step", "exp_avg", "exp_avg_sq")),
    SGD: frozenset(("momentum_buffer",)),
    LeanAdam: frozenset(("step", "exp_avg_sq")),
}
OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {}),
    "sgd": (SGD, {"momentum": 0.9}),
}


def make_optimizer(name: str, leaves: Iterable[Tensor], settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """The optimizer with this name, in torch's fused form if possible.

    torch's fused loops ignore strides: for a parameter that is a column of a larger matrix, they would write into the other
    columns. They do not support complex numbers either. In these cases the plain form is used.
    """
    leaves = list(leaves)
    kind, own = OPTIMIZERS[name]
    fused = all(is_uninitialised(leaf) or (leaf.is_floating_point() and is_packed(leaf)) for leaf in leaves)
    return kind(leaves, **own, **settings, fused=fused)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimizer as tensors with names ``optimizer/<parameter index>/<state>``."""
    return {
        f"optimizer/{index}/{name}": value if isinstance(value, Tensor) else torch.tensor(value, device="cpu")
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def optimizer_faults(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], step: int) -> list[str]:
    """The reasons why a checkpoint does not fit the optimizer, one sentence for each; empty if it fits.

    Args:
        optimizer: the optimizer at the start of a run.
        tensors: the tensors of the checkpoint.
        step: the number of steps done, as stated in the checkpoint.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    keeps = _KEEPS[type(optimizer)]
    found: dict[int, dict[str, Tensor]] = {}
    faults = []
    for key, tensor in tensors.items():
        if key.startswith("optimizer/"):
            place = _place(key, len(parameters))
            if place is None or place[1] not in keeps:
                faults.append(f"{key} is in it, but not in the run")
            else:
                found.setdefault(place[0], {})[place[1]] = tensor
    for index, state in found.items():
        faults += [f"optimizer/{index}/{name} is missing" for name in sorted(keeps - set(state))]
        for name, tensor in state.items():
            fault = _fault(name, tensor, parameters[index], step)
            faults += [f"optimizer/{index}/{name} {fault}"] if fault else []
    return faults


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restores the state that `optimizer_tensors` returned; `optimizer_faults` must have found no faults."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _place(key: str, count: int) -> tuple[int, str] | None:
    """The index of the parameter and the name of the state in a tensor's name; None if it is not such a name."""
    parts = key.split("/")
    if len(parts) != 3 or not parts[1].isdecimal() or len(parts[1]) > 9 or str(int(parts[1])) != parts[1]:
        return None
    return (int(parts[1]), parts[2]) if int(parts[1]) < count else None


def _fault(name: str, tensor: Tensor, parameter: Tensor, step: int) -> str | None:
    if name == "step":
        count = float(tensor) if tensor.shape == () and tensor.is_floating_point() else math.nan
        return None if 1 <= count <= step else f"is {count if tensor.shape == () else list(tensor.shape)} after {step} steps"
    if (tensor.dtype, tensor.shape) != (parameter.dtype, parameter.shape):
        return f"is {tensor.dtype} {list(tensor.shape)}; {parameter.dtype} {list(parameter.shape)} was expected"
    if name == "exp_avg_sq" and not tensor.is_complex() and bool((tensor < 0).any()):
        return "is a mean of squares, and below 0"
    return None
