"""The objective of a search: the logits of one mask or several masks of one frozen network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError
from maskscope.masks import (
    BehaviourKept,
    Executor,
    LearnedMask,
    Loss,
    MaskLogits,
    Off,
    Selection,
    gate,
    make_executor,
    make_kernels,
    masked_weights,
    sample,
)
from maskscope.masks.laws import check_guest
from maskscope.masks.off import ZERO
from maskscope.masks.shards import Processes
from maskscope.masks.shards.executor import DealtExecutor
from maskscope.training.batches import StepParts
from maskscope.training.judgement import Judgement
from maskscope.training.mask_config import SCHEDULES, Compute, MaskConfig, check_bfloat16, require_lean
from maskscope.training.mask_search import Check, MaskSearch
from maskscope.training.memory.release import give_back_freed
from maskscope.training.objective import Objective
from maskscope.training.optimizers.lean import LeanAdam, LeanMask
from maskscope.training.searched import Searched
from maskscope.training.sizing import HeldOut, make_control
from maskscope.training.sizing.behaviours import Score
from maskscope.training.sizing.curve import CurvePoint
from maskscope.training.sizing.early_end import EarlyEnd
from maskscope.training.sizing.held_out_parts import crowding_of, search_and_held_out


class MaskObjective(Objective):
    """A track for each mask: the mean loss of S sampled masks, each on its own part, plus the penalty."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        wanted: Sequence[MaskSearch],
        selection: Selection,
        config: MaskConfig,
        compute: Compute,
        say: Callable[[str], object] | None = None,
        check: Check = True,
        score: Score | None = None,
        off: Off = ZERO,
        processes: Processes | None = None,
    ) -> None:
        self._config, self._selection = config, selection
        networks = [network if one.network is None else one.network for one in wanted]
        self._names = [str(one) for one in wanted]
        self._noises = [one.noise for one in wanted]
        self.steps = config.most_steps
        batches, held_out = search_and_held_out(wanted, config.size, self.steps * config.parts_per_step)
        self._parts = StepParts(batches)
        distinct = {id(one): one for one in networks}
        of_network = {
            key: {name: weight.contiguous() for name, weight in selection.of(one).items()} for key, one in distinct.items()
        }
        weights = of_network[id(networks[0])]
        self.device = next(iter(weights.values())).device
        off_of = {key: off.of(its) for key, its in of_network.items()}
        if compute.is_lean:
            require_lean(config)
        kept = torch.bfloat16 if compute.is_lean else torch.float32
        self.logits = [MaskLogits.full(selection, config.initial_logit, self.device, kept) for _ in wanted]
        for one, logits in zip(wanted, self.logits, strict=True):
            if one.initial is not None:
                theirs = one.initial.selection
                if (theirs.weights, theirs.units) != (selection.weights, selection.units):
                    raise MaskMismatchError(
                        f"The initial logits of {one.name!r} are for another selection: for {theirs.unit_count} units of "
                        f"{theirs.count} weights, and the mask has {selection.unit_count} units of {selection.count} weights. "
                        "Make them for the selection of this search (its weights and its units)."
                    )
                logits.flat.copy_(one.initial.flat)
        self._gradients = [torch.zeros_like(logits.flat, dtype=torch.float32) for logits in self.logits]
        pairs = list(zip(self.logits, self._gradients, self._noises, strict=True))
        masks = [LearnedMask(*pair) for pair in pairs]
        self._lean = [LeanMask(*pair) for pair in pairs] if compute.is_lean else []
        self._leaves = [mask.carrier for mask in self._lean] or [logits.flat for logits in self.logits]
        for leaf, gradient in zip(self._leaves, self._gradients, strict=True):
            leaf.grad = gradient
        if compute.dtype == "bfloat16":
            check_bfloat16(networks[0], compute, self.device)
        copies_of = {
            key: {name: weight.to(compute.of_copies(weight)) for name, weight in its.items()} for key, its in of_network.items()
        }
        self._estimator = config.made_estimator
        self._share_done = 0.0
        law = self._estimator.law()
        self._kernels = kernels = make_kernels(self.device, compute.kernels, kept)
        dtypes = {(weight.dtype, compute.of_copies(weight)) for weight in weights.values()}
        if selection.units:  # of units, the passes see the sum over their weights
            dtypes.add((torch.float32, torch.float32))
        kernels.prepare(law, dtypes, say or _nobody)
        of_masks = [[given[id(one)] for one in networks] for given in (of_network, copies_of, off_of)]
        units = gate(of_masks[0], of_masks[1], masks, kernels, law, off=of_masks[2])
        self._executor: Executor = make_executor(compute.executor, networks, loss, units)
        self._searched = [Searched(one, loss, logits, off_of[id(one)]) for one, logits in zip(networks, self.logits, strict=True)]
        self._processes = processes
        if processes:
            self._executor = DealtExecutor(self._executor, [mask.gradient for mask in masks], processes)
        self._ends = torch.full((len(wanted), 2), float("nan"), dtype=torch.float32, device="cpu")
        path = None
        if isinstance(config.size, BehaviourKept):
            path = HeldOut(self._searched, score, config.size, held_out)
        flat, crowding = [one.flat for one in self.logits], [crowding_of(one, selection, self.device) for one in wanted]
        least = config.least_stage
        self._control = make_control(config.size, self._estimator, config.steps, flat, crowding, self._ends, path, least)
        self._is_unchecked, self._check = bool(check), check
        self._references = [float("nan") for _ in wanted]
        self._early_end = EarlyEnd(config, self._ends)

    @property
    def parameters(self) -> list[list[Tensor]]:
        """See `Objective.parameters`."""
        return [[leaf] for leaf in self._leaves]

    def optimizer(self, name: str, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
        """See `Objective.optimizer`."""
        if not self._lean:
            return super().optimizer(name, settings)
        return LeanAdam(self._lean, self._kernels, lr=settings["lr"], beta=settings["betas"][1], eps=settings["eps"])

    def state(self) -> dict[str, Tensor]:
        """See `Objective.state`."""
        logits = {f"logits/{track}": logits.flat for track, logits in enumerate(self.logits)}
        ends = {"ends": self._ends} if self._needs_ends else {}
        return {**logits, **ends, **self._early_end.state(), **self._control.state(), **self._executor.state()}

    def close(self) -> None:
        """See `Objective.close`."""
        self._executor.close()

    def agree(self, flag: bool) -> bool:
        """See `Objective.agree`."""
        return flag if self._processes is None else self._processes.any(flag)

    def title(self, track: int) -> str:
        """See `Objective.title`."""
        return self._names[track]

    def measures(self, track: int) -> dict[str, float]:
        """The density of the current mask, and the share of undecided weights."""
        edge = self._estimator.undecided_below(self._share_done)
        return {"density": self.logits[track].density(), "undecided": self.logits[track].undecided(edge)}

    def sizing(self, track: int) -> Mapping[str, float]:
        """See `Objective.sizing`."""
        return self._control.numbers(track)

    def reference_loss(self, track: int) -> float:
        """See `Objective.reference_loss`: the loss of the unmasked network on the data of the first step."""
        return self._references[track]

    def set_reference_loss(self, track: int, value: float) -> None:
        """See `Objective.set_reference_loss`."""
        self._references[track] = value

    def learning_rate_factor(self, step: int) -> float:
        """See `Objective.learning_rate_factor`."""
        return SCHEDULES[self._config.schedule](self._control.share(step))

    def is_done(self, step: int) -> bool:
        """See `Objective.is_done`."""
        edge = self._estimator.undecided_below(self._control.share(step))
        return self._control.is_done(step) or self._early_end.is_done(step, self.logits, edge)

    def after_step(self, step: int) -> bool:
        """See `Objective.after_step`."""
        return self._control.after_step(step)

    def curve(self, track: int) -> tuple[CurvePoint, ...]:
        """The masks that were judged on the way (`BehaviourKept`)."""
        return self._control.curve(track)

    def accumulate(self, step: int) -> Float[Tensor, " tracks"]:
        """Gradient = that of the penalty + mean over the samples k of  w * g_k * slope_k (docs/method.md)."""
        parts = self._parts.lend(step, self._config.parts_per_step)
        if step == 0 and self._is_unchecked:
            unused = self._check == "but for unused weights"
            check_guest(self._executor, self.logits, parts, may_be_unused=unused)
            self._is_unchecked = False
        if step == 0 and self._needs_ends:
            self._measure_ends()
        self._share_done = self._control.share(step)
        law = self._estimator.law(self._share_done)
        for unit in self._executor.units.values():
            unit.law = law
        for track, gradient in enumerate(self._gradients):
            self._control.begin_gradient(track, step, gradient)
        losses = self._executor.add_gradients(step, parts, self._config.samples)
        if step == 0:
            self._references = [
                one.mean_loss(one.weights, mine) for one, mine in zip(self._searched, self._parts.again(), strict=True)
            ]
            give_back_freed()
        self._parts.take_back()
        if self._early_end.needs_losses:
            self._early_end.note(step, losses)
        return losses

    @property
    def _needs_ends(self) -> bool:
        return self._control.needs_ends or self._early_end.needs_losses

    def judge(self, track: int, steps: int, first_loss: float) -> Judgement | None:
        """Judges the current mask of a track on parts after those of ``steps`` steps; None if there is no part left.

        The losses are computed in the precision of the weights, and without the penalty.
        """
        index, count = self._judged_from(steps), max(_LEAST_PARTS, self._config.samples)
        parts, unseen = self._parts.beyond(track, index, count)
        if not parts:
            return None
        logits, searched = self.logits[track], self._searched[track]
        weights, noise = searched.weights, replace(self._noises[track], purpose="judgement")

        def kept() -> dict[str, Tensor]:
            return searched.weights_under(logits.flat > 0)

        losses = []
        for place, part in enumerate(parts):

            def drawn(place: int = place) -> dict[str, Tensor]:
                return masked_weights(weights, sample(logits, noise, step=0, index=place), searched.off)

            # made one after the other, so that there is one masked copy of the weights at a time
            made: list[Callable[[], dict[str, Tensor]]] = [drawn if self._estimator.draws else kept, kept]
            whole = searched.loss_of_copy(weights, part)
            losses.append([whole, *(searched.loss_of_copy(make(), part, are_own=True) for make in made)])
        unmasked, sampled, masked = (sum(column) / len(parts) for column in zip(*losses, strict=True))
        undecided = logits.undecided(self._estimator.undecided_below(1.0))
        curve = self.curve(track)
        is_enough = any(point.is_enough for point in curve) if curve else None
        density = logits.density()
        return Judgement(unmasked, sampled, masked, first_loss, density, undecided, len(parts), unseen, is_enough)

    def _judged_from(self, steps: int) -> int:
        """The index of the first part to judge on: after those of the search, and after those that a path was judged on."""
        size = self._config.size
        if isinstance(size, BehaviourKept):
            return self.steps * self._config.parts_per_step + size.parts
        return steps * self._config.parts_per_step

    def _measure_ends(self) -> None:
        """In the first step: the losses of the whole network and of the emptied one."""
        for place, is_whole in enumerate((True, False)):
            for track, (one, mine) in enumerate(zip(self._searched, self._parts.again(), strict=True)):
                kept = None if is_whole else torch.zeros_like(one.logits.flat, dtype=torch.bool)
                self._ends[track, place] = one.mean_loss(one.weights_under(kept), mine)


# A mask is judged on as many parts as a step has samples, but on at least this many.
_LEAST_PARTS = 4


def _nobody(text: str) -> None:
    """Ignores a line of text."""
