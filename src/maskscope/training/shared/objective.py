"""The objective of a search by several processes that share one network: each has the logits of its own parts of the weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError
from maskscope.masks import LearnedMask, Loss, MaskLogits, Selection, gate, make_kernels, masked_weights, sample
from maskscope.masks.gradient import scalar_loss
from maskscope.masks.parts import PartCopies
from maskscope.masks.shards import Processes, locals_of, shards_of
from maskscope.masks.shards.call import call_with_shards
from maskscope.masks.shards.executor import ShardedExecutor, require_equal_shares
from maskscope.training.batches import StepParts
from maskscope.training.judgement import Judgement
from maskscope.training.mask_config import SCHEDULES, Compute, MaskConfig
from maskscope.training.mask_search import MaskSearch
from maskscope.training.objective import Objective
from maskscope.training.shared.laws import check_sharded_guest
from maskscope.training.sizing import make_control
from maskscope.training.sizing.early_end import EarlyEnd

# the shares of logits are counted this often; between, observers are told the last ones
_TIMES = 200
_LEAST_PARTS = 4


@dataclass(frozen=True)
class SharedLogits:
    """The logits of a mask of which each process has a part.

    Args:
        mine: those of this process.
        count: the number of all.
        processes: the processes; each has to ask at the same time.
    """

    mine: MaskLogits
    count: int
    processes: Processes

    def shares(self, edge: float) -> list[float]:
        """The share of all logits above 0, and of those closer to 0 than the edge."""
        flat = self.mine.flat
        counts = [float(torch.count_nonzero(flat > 0)), float(torch.count_nonzero(flat.abs() < edge))]
        return [total / self.count for total in self.processes.totals(*counts)]

    def density(self) -> float:
        """See `MaskLogits.density`."""
        return self.shares(0.0)[0]

    def undecided(self, edge: float) -> float:
        """See `MaskLogits.undecided`."""
        return self.shares(edge)[1]


class ShardedObjective(Objective):
    """One track: the mean loss of S sampled masks, plus the penalty, on a network whose weights processes share.

    Everything that decides what happens next is the same in all processes: the norm of the gradient, the losses, the shares of
    logits, whether to stop or to save. So none waits for another that has gone on, or has raised an error.

    Args:
        network: a network that `fully_shard` was called on; in eval mode.
        loss: ``loss(network, share)``.
        wanted: the mask to find.
        selection: the weights that may be masked, whole.
        config: the settings.
        compute: how the computation is done.
        processes: the processes that share the network.
        say: is told a line of text if kernels are compiled.
        check: whether to check the laws of `maskscope.masks.laws` first, as far as a sharded network allows.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        wanted: MaskSearch,
        selection: Selection,
        config: MaskConfig,
        compute: Compute,
        processes: Processes,
        say: Callable[[str], object],
        *,
        check: bool,
    ) -> None:
        self._network, self._loss, self._config, self._processes = network, loss, config, processes
        self._noise, self._name = wanted.noise, str(wanted)
        self.shards = shards_of(network, selection.names)
        self.weights = {name: live.clone() for name, live in locals_of(network, selection.names).items()}
        self.device = next(iter(self.weights.values())).device
        self._parts = StepParts([wanted.batches])
        mine = local_selection(selection, {name: shard.local_shape for name, shard in self.shards.items()})
        self.logits = MaskLogits.full(mine, config.initial_logit, self.device)
        if wanted.initial is not None:
            self.logits.flat.copy_(self._cut(wanted.initial, selection, mine).flat)
        self.logits.flat.grad = torch.zeros_like(self.logits.flat)
        self._shared = SharedLogits(self.logits, selection.count, processes)
        self._estimator = config.made_estimator
        law, kernels = self._estimator.law(), make_kernels(self.device, compute.kernels)
        kernels.prepare(law, {(weight.dtype, weight.dtype) for weight in self.weights.values()}, say)
        learned = LearnedMask(self.logits, self.logits.flat.grad, wanted.noise)
        self._begins = {name: shard.begin for name, shard in self.shards.items()}
        units = gate(self.weights, self.weights, [learned], kernels, law, begins=self._begins)
        self._executor = ShardedExecutor(network, loss, units, self.weights, processes)
        self._ends = torch.full((1, 2), float("nan"), dtype=torch.float32, device="cpu")
        least = config.least_stage
        self._control = make_control(
            config.size, self._estimator, config.steps, [self.logits.flat], [None], self._ends, None, least
        )
        self._early_end = EarlyEnd(config, self._ends)
        self._is_unchecked, self._reference, self._share_done = check, float("nan"), 0.0
        self._counted_at, self._measured = -1, [float("nan"), float("nan")]

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`."""
        return [[self.logits.flat]]

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        ends = {"ends": self._ends} if self._early_end.needs_losses else {}
        return {"logits/0": self.logits.flat, **ends, **self._early_end.state(), **self._control.state()}

    def title(self, track: int) -> str:
        """See `Objective.title`."""
        del track
        return self._name

    def measures(self, track: int) -> dict[str, float]:
        """The shares when they were last counted: observers ask when they like, and counting needs all processes."""
        del track
        return dict(zip(("density", "undecided"), self._measured, strict=True))

    def sizing(self, track: int) -> dict[str, float]:
        """See `Objective.sizing`."""
        return dict(self._control.numbers(track))

    def reference_loss(self, track: int) -> float:
        """See `Objective.reference_loss`: the mean over the processes."""
        del track
        return self._reference

    def set_reference_loss(self, track: int, value: float) -> None:
        """See `Objective.set_reference_loss`."""
        del track
        self._reference = value

    def gradient_norm(self, gradients: Sequence[Tensor]) -> float:
        """See `Objective.gradient_norm`: over the parts of all processes."""
        (squares,) = self._processes.totals(super().gradient_norm(gradients) ** 2)
        return float(squares**0.5)

    def agree(self, flag: bool) -> bool:
        """See `Objective.agree`."""
        return self._processes.any(flag)

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        return SCHEDULES[self._config.schedule](self._control.share(step))

    def is_done(self, step: int) -> bool:
        """See `Objective.is_done`."""
        self._count(step)
        edge = self._estimator.undecided_below(self._control.share(step))
        return self._early_end.is_done(step, [self._shared], edge)

    def after_step(self, step: int) -> bool:
        """See `Objective.after_step`."""
        self._count(step)
        return self._control.after_step(step)

    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """Gradient = that of the penalty + mean over samples and processes of  w * g_k * slope_k (docs/sharded.md)."""
        (parts,) = self._together(lambda: self._parts.lend(step, self._config.parts_per_step))
        if step == 0 and self._is_unchecked:
            check_sharded_guest(self._executor, self.logits, parts, self.weights, self._mean_loss)
            (parts,) = self._parts.again()
        if step == 0 and self._early_end.needs_losses:
            for place, factor in enumerate((1, 0)):
                weights = {name: weight * factor for name, weight in self.weights.items()}
                self._ends[0, place] = self._mean_loss(weights, self._parts.again()[0])
            (parts,) = self._parts.again()
        self._share_done = self._control.share(step)
        law = self._estimator.law(self._share_done)
        for unit in self._executor.units.values():
            unit.law = law
        assert self.logits.flat.grad is not None
        self._control.begin_gradient(0, step, self.logits.flat.grad)
        losses = self._executor.add_gradients(step, [parts], self._config.samples)
        if step == 0:
            self._reference = self._mean_loss({}, self._parts.again()[0])
        self._parts.take_back()
        if self._early_end.needs_losses:
            self._early_end.note(step, losses)
        return losses

    def judge(self, steps: int, first_loss: float) -> Judgement | None:
        """Judges the mask on parts after those of ``steps`` steps; None if some process has no part left."""
        index, wanted = steps * self._config.parts_per_step, max(_LEAST_PARTS, self._config.samples)
        parts, unseen = self._together(lambda: self._parts.beyond(0, index, wanted))
        parts = parts[: min(self._processes.gathered(len(parts)))]
        if not parts:
            return None
        require_equal_shares([parts], self._processes)
        noise = replace(self._noise, purpose="judgement")
        kept = self._masked(self.logits.flat > 0)
        sums = [0.0, 0.0, 0.0]
        for place, part in enumerate(parts):
            drawn = kept
            if self._estimator.draws:
                bits = sample(self.logits, noise, step=0, index=place, begins=self._begins)
                drawn = masked_weights(self.weights, bits)
            for column, weights in enumerate(({}, drawn, kept)):
                sums[column] += self._mean_loss(weights, [PartCopies().copied(part)])
        unmasked, sampled, masked = (total / len(parts) for total in sums)
        density, undecided = self._shared.shares(self._estimator.undecided_below(1.0))
        seen = self._processes.any(not unseen)
        return Judgement(unmasked, sampled, masked, first_loss, density, undecided, len(parts), not seen)

    def _count(self, step: int) -> None:
        steps = self._config.steps
        if step != self._counted_at and (self._counted_at < 0 or step % max(1, steps // _TIMES) == 0 or step == steps):
            self._counted_at = step
            self._measured = self._shared.shares(self._estimator.undecided_below(self._share_done))

    def _together(self, work: Callable[[], Any]) -> Any:
        """Loads data; if that fails in one process, all of them raise."""
        try:
            found, error = work(), None
        except Exception as failure:
            found, error = None, failure
        self._processes.raise_together(error)
        return found

    def _masked(self, kept: Tensor) -> dict[str, Tensor]:
        return masked_weights(self.weights, self.logits.by_tensor(kept))

    def _mean_loss(self, weights: Mapping[str, Tensor], parts: Sequence[Any]) -> float:
        """The mean loss over parts and processes with other weights in this process's parts; without gradients."""
        total = 0.0
        for part in parts:
            value = call_with_shards(self._network, weights, partial(_called, self._loss, part))
            total += float(scalar_loss(value).detach())
        return self._processes.totals(total)[0] / len(parts) / self._processes.size

    def _cut(self, initial: MaskLogits, whole: Selection, mine: Selection) -> MaskLogits:
        """This process's part of initial logits, which are whole ones or already its own."""
        if initial.selection.weights == mine.weights and not initial.selection.units:
            return initial
        if initial.selection.weights != whole.weights or initial.selection.units:
            raise MaskMismatchError("The initial logits are for another selection than that of this search, or of other units.")
        values = {}
        for name, logits in initial.by_unit().items():
            shard = self.shards[name]
            values[name] = logits.reshape(-1)[shard.begin : shard.begin + shard.count]
        return MaskLogits.from_units(mine, values)


def local_selection(selection: Selection, shapes: dict[str, tuple[int, ...]]) -> Selection:
    """The same selection, of tensors that have the shapes of this process's parts."""
    weights = tuple(replace(weight, shape=shapes[weight.name]) for weight in selection.weights)
    return Selection(weights, selection.include, selection.exclude)


def _called(loss: Loss, part: Any, guest: nn.Module) -> Tensor:
    return loss(guest, part)
