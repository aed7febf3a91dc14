"""The steps of one seed: each network, the masks that are found together on it, and its analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskscope.engine.artefact import Artefact, Stage
from maskscope.engine.quantities import TRAINED
from maskscope.engine.step import Effort, JointWork, Step, Together, Write
from maskscope.procedure.controls import Control
from maskscope.procedure.measure import SCORING_ITEMS, SCORING_PARTS
from maskscope.procedure.plans import (
    MaskPlan,
    NetworkPlan,
    experiment_words,
    full_mask_plan,
    measuring_words,
    network_words,
    search_words,
)
from maskscope.procedure.stages import (
    analysis_stage,
    experiment_stage,
    mask_role,
    mask_stage,
    network_role,
    network_stage,
    start_role,
)
from maskscope.procedure.timing import FIT, MASK, SCORE
from maskscope.procedure.together import (
    MasksToFind,
    NetworkToFit,
    find_masks,
    fit_networks,
    go_together,
    masks_go_together,
    share_of_mask,
    share_of_network,
)
from maskscope.procedure.work import SeedWork
from maskscope.storage import canonical_json


@dataclass(frozen=True)
class SeedSteps:
    """Makes the steps of one seed.

    Args:
        study: its name, which is part of every identity.
        work: what the steps do, with settings and seed.
        weights: of a network that can be masked.
    """

    study: str
    work: SeedWork
    weights: int

    def network(self, plan: NetworkPlan) -> Step:
        """The network is given, trained, only initialised, or made from the trained one."""
        work, stage = self.work, self._network_stage(plan)
        if plan.is_derived:
            trained = self._network_stage(NetworkPlan(TRAINED))
            words = network_words(plan, given=False)
            return Step((stage,), {"network": trained.name}, lambda inputs, _: work.derive(plan, inputs["network"]), words=words)
        given = plan.is_of_series and work.subject.brings_networks()
        words = network_words(plan, given=bool(given))
        if given or not plan.is_fitted:
            return Step((stage,), {}, lambda inputs, _: work.begin(plan), words=words)
        wanted, effort = NetworkToFit(work, plan, stage.name), Effort(FIT, work.spec.fit.steps)
        together = None
        if go_together(work.subject, work.spec, self.weights, work.runtime):
            together = Together("fit", wanted, fit_networks, share_of_network(self.weights))
        return Step((stage,), {}, partial(_alone, fit_networks, wanted), effort=effort, words=words, together=together)

    def masks(self, network: NetworkPlan, group: tuple[MaskPlan, ...]) -> Step:
        """Masks of one network are found together."""
        stages = tuple(self._mask_stage(plan, group) for plan in group)
        inputs = {"network": self._network_made(network)}
        if group[0].search.keeps:
            full = full_mask_plan(network.name)
            inputs["full mask"] = self._mask_stage(full, (full,)).name
        if network.starts_from:
            starts = {start_role(plan): replace(plan, network=network.starts_from) for plan in group}
            inputs |= {role: self._mask_stage(plan, ()).name for role, plan in starts.items()}
        work, mask = self.work, self.work.spec.mask
        wanted = MasksToFind(work, network, group, [stage.name for stage in stages])
        together = None
        if masks_go_together(work.spec) and go_together(work.subject, work.spec, self.weights, work.runtime):
            # masks of the networks of the null, too, of all of them
            of = "companion" if network.companion else network.name
            key = canonical_json(["masks", of, group[0].repeat, [asdict(plan.search) for plan in group]])
            share = len(group) * share_of_mask(self.weights, mask.samples_per_step)
            together = Together(key, wanted, find_masks, share)
        words, effort = search_words(group, network, work.task.functions), Effort(MASK, mask.config().most_steps)
        return Step(stages, inputs, partial(_alone, find_masks, wanted), effort=effort, words=words, together=together)

    def analysis(self, plan: NetworkPlan, networks: Sequence[NetworkPlan], masks: Sequence[MaskPlan]) -> Step:
        """A network is measured with its masks.

        Args:
            plan: the network.
            networks: it, and the companions that it is measured with.
            masks: of all of these, and those of other states of the network that they are compared with.
        """
        work = self.work
        inputs = {network_role(one, plan.name): self._network_made(one) for one in networks}
        # a mask's name does not depend on its company
        inputs |= {mask_role(one, plan.name): self._mask_stage(one, ()).name for one in masks}
        stage = analysis_stage(self.study, work.subject, work.spec, work.seed, plan.name)
        scored = [one for one in masks if one.network in [network.name for network in networks]]
        # top weights are found by a backward pass over some items, as long as two more forward; and the network itself
        items = SCORING_PARTS * (work.spec.mask.part_size if work.subject.brings_networks() else SCORING_ITEMS)
        found = 3 * items / max(1, work.task.evaluation_items) * len(scored)
        passes = work.subject.passes(work.spec, len(scored)) + round(found) + 1
        effort, words = Effort(SCORE, passes), measuring_words(plan)
        return Step((stage,), inputs, lambda made, _: work.measure(plan, networks, masks, made), effort=effort, words=words)

    def experiment(self, control: Control, piece: str, masks: Sequence[MaskPlan]) -> Step:
        """One piece of an experiment.

        Args:
            control: whose experiment it is.
            piece: its name.
            masks: of the trained network; it reads those that it needs.
        """
        experiment, work = control.experiment, self.work
        assert experiment is not None, "only some controls have one"
        needed = [plan for plan in masks if experiment.needs(plan, piece)]
        trained = self._network_stage(NetworkPlan(TRAINED)).name
        inputs = {"network": trained} | {mask_role(plan, TRAINED): self._mask_stage(plan, ()).name for plan in needed}
        stage = experiment_stage(self.study, work.spec, work.seed, control.name, piece)
        run = partial(work.experiment, control, piece, needed, stage.name)
        effort = Effort(MASK, experiment.searches * work.spec.mask.config().most_steps)
        return Step((stage,), inputs, run, effort=effort, words=experiment_words(control.name, piece))

    def _network_stage(self, plan: NetworkPlan) -> Stage:
        return network_stage(self.study, self.work.subject, self.work.spec, self.work.seed, plan)

    def _mask_stage(self, plan: MaskPlan, group: Sequence[MaskPlan]) -> Stage:
        return mask_stage(self.study, self.work.subject, self.work.spec, self.work.seed, plan, group)

    def _network_made(self, plan: NetworkPlan) -> str:
        """The name of a network's artefact: of the trained one, where that is searched itself."""
        return self._network_stage(NetworkPlan(TRAINED) if plan.uses_trained else plan).name


def _alone(work: JointWork, wanted: Any, inputs: Mapping[str, Artefact], checkpoint: Path) -> Sequence[Write]:
    """The joint work of one step."""
    (writers,) = work([(wanted, inputs)], checkpoint)
    return writers
