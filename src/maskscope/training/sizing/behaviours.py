"""The behaviours that a mask can be asked to keep. To add one, write one function and add one row to the table."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from maskscope.errors import LossError
from maskscope.masks import Loss
from maskscope.masks.gradient import scalar_loss
from maskscope.tasks.calling import logits_of

Score = Callable[[nn.Module, Any], Any]
# runs a function of a network and a part, with the weights of a mask or those of the whole network
Run = Callable[[Callable[[nn.Module, Any], Any]], Any]
NO_SCORE = (
    "BehaviourKept(of='score') was asked for, and there is no score: give score=, a function of a network and a part that "
    "returns a number from 0 to 1 for each item, or take of='loss' or of='kl'."
)
# a value for each item where there is one, else one for the part; the same number whatever the weights
Measure = Callable[[Run, Run, Loss, Score | None], Tensor]


def score_of(masked: Run, whole: Run, loss: Loss, score: Score | None) -> Tensor:
    """The user's score of each item, or of the part."""
    del whole, loss
    assert score is not None, NO_SCORE
    return torch.as_tensor(masked(score)).detach().to("cpu", torch.float64).reshape(-1)


def minus_loss_of(masked: Run, whole: Run, loss: Loss, score: Score | None) -> Tensor:
    """Minus the loss of the part."""
    del whole, score
    return -scalar_loss(masked(loss)).detach().to("cpu", torch.float64).reshape(1)


def minus_divergence_of(masked: Run, whole: Run, loss: Loss, score: Score | None) -> Tensor:
    """Minus the mean Kullback-Leibler divergence of the outputs from those of the unmasked network, over the last dimension.

    The outputs are what the network returned while the loss ran: logits, as a tensor, the first tensor of a tuple, or the entry
    ``logits`` of a mapping or an object.

    Raises:
        LossError: the loss did not call the network itself, or what it returned holds no logits.
    """
    del score
    total, count = 0.0, 0
    for mine, theirs in zip(outputs_of(masked, loss), outputs_of(whole, loss), strict=True):
        own, target = (value.detach().to(torch.float64).log_softmax(-1) for value in (mine, theirs))
        each = nn.functional.kl_div(own, target, reduction="none", log_target=True).sum(-1)
        total, count = total + float(each.sum()), count + each.numel()
    return torch.tensor([-total / count], dtype=torch.float64)


BEHAVIOUR_OF: Mapping[str, Measure] = {"score": score_of, "loss": minus_loss_of, "kl": minus_divergence_of}


def outputs_of(run: Run, use_of: Callable[[nn.Module, Any], Any]) -> list[Tensor]:
    """The logits of every call of the network while a loss or a score runs.

    Raises:
        LossError: it did not call the network itself, or what the network returned holds no logits.
    """
    found: list[Tensor] = []

    def use(network: nn.Module, part: Any) -> None:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if module is network:
                found.append(logits_of(output, "BehaviourKept(of='kl')"))

        hook = register_module_forward_hook(keep)
        try:
            use_of(network, part)
        finally:
            hook.remove()

    run(use)
    if not found:
        raise LossError(
            "What the network returns is needed here (BehaviourKept(of='kl'), or a function that is planted), but the loss or "
            "score does not call the network itself (only parts of it, or another method). Take of='loss', or of='score' with "
            "score=; and leave spike-in out of the controls."
        )
    return found
