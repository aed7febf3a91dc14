"""The losses that have names, each with its score: labels, the unmasked network's answers, values."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskscope.errors import BatchesError, LossError
from maskscope.tasks.calling import WRITE_IT, Call, call_of, inner_module, logits_of, values_of
from maskscope.tasks.objective import Objective

# the label of an item that asks for no answer, as in torch and transformers
_IGNORED = -100


@dataclass(frozen=True)
class Labels(Objective):
    """Cross-entropy with the labels of a part; the score is accuracy.

    Labels are whole numbers, one for each answer of the network: of an item, of a position, of a pixel; -100 asks for no answer.
    With one logit for each item, labels are 0 or 1. Of a causal language model of transformers, each position is to predict the
    label of the next.
    """

    def check(self, network: nn.Module, part: Any) -> None:
        """Raises `LossError` if labels are no classes of the network, or not 0 and 1 where it answers yes or no."""
        logits, labels = _with_labels(network, part)
        if not labels.numel():
            return
        is_yes_or_no = logits.dim() == labels.dim()
        known = 2 if is_yes_or_no else logits.shape[-1]
        asked = labels[labels != _IGNORED] if not is_yes_or_no else labels
        if asked.numel() and not 0 <= int(asked.min()) <= int(asked.max()) < known:
            of = "one logit for each label, so that labels are 0 or 1" if is_yes_or_no else f"{known} classes, numbered from 0"
            raise LossError(f"Labels go from {int(asked.min())} to {int(asked.max())}, and the network has {of}. {WRITE_IT}")

    def loss(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """The mean over the answers that are asked for, in nats."""
        logits, labels = _with_labels(network, part)
        logits = _wide(logits)
        if logits.dim() == labels.dim():
            return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        # a part that asks for nothing has no gradient, but a value: the mean of nothing would be NaN
        total = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=_IGNORED, reduction="sum")
        mean: Tensor = total / (labels != _IGNORED).sum().clamp(min=1)
        return mean

    def score(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """Whether each answer that is asked for is right."""
        logits, labels = _with_labels(network, part)
        if logits.dim() == labels.dim():
            return ((logits > 0) == (labels > 0)).flatten()
        return (logits.argmax(-1) == labels)[labels != _IGNORED]


@dataclass(frozen=True)
class Unmasked(Objective):
    """Kullback-Leibler divergence of the answers from the unmasked network's; the score is how often the first choice agrees.

    It needs no labels, and compares with none; a decoder that is given labels as its inputs, as in training, needs them for that.
    Where a part has an ``attention_mask`` of the answers' shape, answers at padding do not count.
    """

    @property
    def compares(self) -> bool:
        """Yes."""
        return True

    def answers(self, network: nn.Module, part: Any) -> Tensor:
        """The unmasked network's logits."""
        return _class_last(logits_of(call_of(network, part).of(network), "The loss 'unmasked'")).detach()

    def loss(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """The mean over answers, in nats."""
        mine, counted = self._mine(network, part)
        if mine.shape[-1] == 1:  # one logit: yes or no
            probability = torch.sigmoid(answers.to(mine.dtype))
            entropy = functional.binary_cross_entropy_with_logits(answers.to(mine.dtype), probability, reduction="none")
            each = (functional.binary_cross_entropy_with_logits(mine, probability, reduction="none") - entropy).squeeze(-1)
        else:
            # torch's kl_div has no rule for samples in one call, and warns
            theirs = answers.float().log_softmax(-1)
            each = (theirs.exp() * (theirs - mine.float().log_softmax(-1))).sum(-1)
        return each.mean() if counted is None else (each * counted).sum() / counted.sum().clamp(min=1)

    def score(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """Whether the first choice is that of the unmasked network, for each answer."""
        mine, counted = self._mine(network, part)
        same: Tensor = (
            (mine > 0) == (answers > 0) if mine.shape[-1] == 1 else (mine.argmax(-1) == answers.argmax(-1)).unsqueeze(-1)
        )
        return same.flatten() if counted is None else same.squeeze(-1)[counted > 0]

    def _mine(self, network: nn.Module, part: Any) -> tuple[Tensor, Tensor | None]:
        call = call_of(network, part)
        logits = _class_last(logits_of(call.of(network), "The loss 'unmasked'"))
        padding = _padding(call)
        is_of_answers = isinstance(padding, Tensor) and padding.shape == logits.shape[:-1]
        return logits, padding if is_of_answers else None


@dataclass(frozen=True)
class Values(Objective):
    """Mean squares between what the network gives and what it should give; the score is the explained variance.

    Args:
        at: dotted name of an inner module, whose output is to stay what it is in the unmasked network; None: the network's own
            output.
        targets: ``labels`` for the targets of a part, ``unmasked`` for the unmasked network's values. At an inner module these
            are always the unmasked network's.

    Examples:
        >>> import torch, maskscope as ms
        >>> encoder = torch.nn.Linear(4, 3)
        >>> parts = {name: [torch.randn(8, 4) for _ in range(10)] for name in ("food", "weather")}
        >>> study = ms.Study(encoder, parts, loss=ms.Values(targets="unmasked"))
    """

    at: str | None = None
    targets: Literal["labels", "unmasked"] = "labels"

    @property
    def compares(self) -> bool:
        """Whether the targets are the unmasked network's."""
        return self.at is not None or self.targets == "unmasked"

    def answers(self, network: nn.Module, part: Any) -> Tensor | None:
        """The unmasked network's values, if these are the targets."""
        return self._values(network, call_of(network, part)).detach() if self.compares else None

    def loss(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """The mean over all values."""
        mine, theirs = self._both(network, part, answers)
        return (mine - theirs).square().mean()

    def score(self, network: nn.Module, part: Any, answers: Any) -> Tensor:
        """1 - (mean square of the errors) / (variance of the targets over items), of all values together; below 0 it is 0."""
        mine, theirs = self._both(network, part, answers)
        spread = (theirs - theirs.mean(0)).square().sum()
        return (1 - (mine - theirs).square().sum() / spread).clamp(0, 1) if spread > 0 else (mine == theirs).double().mean()

    def _both(self, network: nn.Module, part: Any, answers: Any) -> tuple[Tensor, Tensor]:
        call = call_of(network, part)
        mine = _wide(self._values(network, call))
        theirs = answers if self.compares else call.labels
        if theirs is None:
            raise BatchesError(
                "The loss 'values' needs targets, and a part has none. Give parts (inputs, targets); or take "
                "loss=maskscope.Values(targets='unmasked'), which keeps the network's own values."
            )
        theirs = torch.as_tensor(theirs, dtype=mine.dtype, device=mine.device)
        if theirs.shape != mine.shape and theirs.numel() == mine.numel():
            theirs = theirs.reshape(mine.shape)
        if theirs.shape != mine.shape:
            raise LossError(
                f"The loss 'values' compares numbers one by one: the network gives the shape {list(mine.shape)}, the targets "
                f"have {list(theirs.shape)}. {WRITE_IT}"
            )
        return mine, theirs

    def _values(self, network: nn.Module, call: Call) -> Tensor:
        if self.at is None:
            return values_of(call.of(network), "The loss 'values'")
        found: list[Any] = []
        hook = inner_module(network, self.at).register_forward_hook(lambda module, inputs, output: found.append(output))
        try:
            call.of(network)
        finally:
            hook.remove()
        if not found:
            raise LossError(f"The module {self.at} was not called while the network ran, so that it has no values to keep.")
        return values_of(found[-1], f"The loss 'values' at {self.at}")


def _wide(numbers: Tensor) -> Tensor:
    """Numbers of 16 bits as float32: their sums and squares overflow in float16, and lose most digits in bfloat16."""
    return numbers.float() if numbers.dtype in (torch.float16, torch.bfloat16) else numbers


def _padding(call: Call) -> Any:
    """Which answers count, as 1 and 0. The mask of an encoder's inputs says nothing of the answers of its decoder."""
    if not any(name.startswith("decoder_") for name in call.named):
        return call.named.get("attention_mask")
    if "decoder_attention_mask" not in call.named and isinstance(call.labels, Tensor):
        return (call.labels != _IGNORED).long()
    return call.named.get("decoder_attention_mask")


def _predicts_the_next(network: nn.Module) -> bool:
    """Whether transformers has each position predict the label of the next: in language models that are decoders only.

    Most name their loss so; of others, such as GPT2LMHeadModel, transformers takes it for granted.
    """
    loss, can_generate = getattr(network, "loss_type", None), getattr(network, "can_generate", None)
    if loss not in (None, "ForConditionalGeneration") or not callable(can_generate):
        return loss == "ForCausalLM"
    return bool(can_generate()) and not getattr(getattr(network, "config", None), "is_encoder_decoder", False)


def _class_last(logits: Tensor) -> Tensor:
    """Logits with the classes in the last dimension; of images, torch has them in the second."""
    return logits.movedim(1, -1) if logits.dim() > 3 else logits


def _with_labels(network: nn.Module, part: Any) -> tuple[Tensor, Tensor]:
    """Logits with classes in the last dimension, and labels of the same shape without it; or both of one shape, if yes or no."""
    call = call_of(network, part)
    if call.labels is None:
        raise BatchesError(
            "The loss 'labels' needs labels, and a part has none. Give parts (inputs, labels), or mappings with an entry labels; "
            "or take loss='unmasked', which needs none: it keeps the network's own answers."
        )
    logits = logits_of(call.of(network), "The loss 'labels'")
    labels = torch.as_tensor(call.labels, device=logits.device)
    if labels.is_floating_point() or labels.is_complex():
        raise LossError(
            f"The loss 'labels' needs whole numbers; the labels are {str(labels.dtype).removeprefix('torch.')}. For real numbers "
            f"take loss='values'. {WRITE_IT}"
        )
    if labels.dim() > 1 and _predicts_the_next(network):
        logits, labels = logits[..., :-1, :], labels[..., 1:]
    if labels.dim() == logits.dim() and labels.shape[-1:] == (1,) and logits.shape[-1] > 1:
        labels = labels.squeeze(-1)
    if logits.shape[-1] == 1 and labels.shape == logits.shape[:-1]:
        logits = logits.squeeze(-1)
    if labels.shape not in (logits.shape, logits.shape[:-1]) and labels.shape == (*logits.shape[:1], *logits.shape[2:]):
        logits = logits.movedim(1, -1)
    if labels.shape not in (logits.shape, logits.shape[:-1]):
        raise LossError(
            f"The loss 'labels' cannot pair logits of the shape {list(logits.shape)} with labels of the shape "
            f"{list(labels.shape)}: one label for each item was expected, for classes in the last or the second dimension. "
            f"{WRITE_IT}"
        )
    return logits, labels.long()
