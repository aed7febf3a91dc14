"""Spike-in: a rule is planted in known weights of a copy of the network; does a search with the same settings find them?

What a user can conclude: of weights that are known to be needed for a function of this network, these settings find this share
(recall). Precision is a lower bound: the rule also needs the weights that bring the input to the planted ones and their effect to
the answer, and these were there before. So it is also given among the weights that no mask of the user's own functions keeps.
"""

from maskscope.analysis import score
from maskscope.analysis.recovery import recovery
from maskscope.errors import MaskscopeError
from maskscope.masks import BinaryMask
from maskscope.procedure.controls import Control, Experiment, Trial
from maskscope.procedure.plans import MaskPlan
from maskscope.procedure.work import compute_of
from maskscope.studies.own.controls.planting import plant
from maskscope.studies.own.controls.rule import RULE
from maskscope.studies.own.controls.teaching import NotPlanted, Planted
from maskscope.studies.own.result import SpikeIn
from maskscope.training import MaskSearch, child_seed, discover_many

_NAME = "spike-in"


def spike_in(trial: Trial) -> SpikeIn:
    """Plants, searches, compares. Where nothing can be planted, the result says why."""
    work = trial.work
    spec, selection = work.spec, work.selection(trial.network)
    off = work.subject.off_values(spec, work.seed)
    try:
        planted = plant(trial.network, work.task, selection, off, spec.mask.part_size, trial.seed)
    except NotPlanted as failure:
        return SpikeIn(failed=str(failure))
    except MaskscopeError as error:  # answers that cannot be read are no fault of the study
        return SpikeIn(failed=str(error))
    wanted = MaskSearch(
        RULE,
        planted.rule.batches(RULE, spec.mask.part_size, trial.seed),
        child_seed(work.seed, "masks", _NAME),
        0,
        work.runtime.watch(trial.name),
        held_out=planted.rule.held_out(RULE),
    )
    (found,) = discover_many(
        planted.network,
        planted.rule.loss,
        [wanted],
        selection=selection,
        config=spec.mask.config(),
        checkpoint=trial.checkpoint,
        compute=compute_of(work.subject, spec, work.runtime),
        check=work.subject.check,
        judge=False,
        watch=False,
        score=planted.rule.part_score,
        off=off,
    )
    return _compared(trial, planted, found.mask.to("cpu"))


def _compared(trial: Trial, planted: Planted, mask: BinaryMask) -> SpikeIn:
    truth, rule, task = planted.truth, planted.rule, trial.work.task
    against = recovery(mask, truth)
    own = [one.mask.to("cpu") for one in trial.found]
    beyond = mask
    for one in own:
        beyond = beyond - one
    true, kept = truth.by_unit(), mask.by_unit()
    by_chance = sum(int(bits.sum()) * float(kept[name].double().mean()) for name, bits in true.items() if bits.any())
    return SpikeIn(
        planted=against.true,
        by_tensor={name: int(bits.sum()) for name, bits in true.items() if bits.any()},
        kept=against.kept,
        units=mask.count,
        found=against.both,
        by_chance=by_chance,
        beyond=beyond.kept,
        found_beyond=(beyond & truth).kept,
        told_before=planted.told_before,
        told=score(planted.network, rule).accuracy[RULE],
        told_masked=score(planted.network, rule, mask).accuracy[RULE],
        told_without=score(planted.network, rule, ~truth).accuracy[RULE],
        scores_before=score(trial.network, task),
        scores=score(planted.network, task),
    )


def _needs(plan: MaskPlan, _piece: str) -> bool:
    return plan.repeat == 0 and plan.search.compared and not plan.is_whole


SPIKE_IN = Control(
    _NAME,
    "A rule planted in known weights of a copy",
    "spike-in",
    null=False,
    experiment=Experiment(lambda spec, task: ("",), spike_in, _needs, 1),
)
