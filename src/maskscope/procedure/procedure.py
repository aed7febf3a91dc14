"""The procedure that most studies share: a network, its masks, their measures; the same on its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from maskscope.analysis import SelectionTable, selection_table
from maskscope.engine.artefact import Artefact
from maskscope.engine.claims import Claim, Lack
from maskscope.engine.quantities import TRAINED, Unit
from maskscope.engine.records.record import DataOrigin, Record
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import from_json
from maskscope.engine.step import Step
from maskscope.engine.study import BASE_BYTES, Findings, Needs, Procedure
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import BehaviourKept, Selection
from maskscope.procedure.controls import Control
from maskscope.procedure.memory import search_memory
from maskscope.procedure.numbers import quantities
from maskscope.procedure.plans import MaskPlan, NetworkPlan, mask_groups, mask_plans, network_plans
from maskscope.procedure.record import ControlNote, MaskRecord, with_floors
from maskscope.procedure.result import NetworkResult
from maskscope.procedure.stages import analysis_stage, experiment_stage
from maskscope.procedure.steps import SeedSteps
from maskscope.procedure.subject import Subject
from maskscope.procedure.timing import seconds_of_steps
from maskscope.procedure.together import go_together, masks_go_together, share_of_mask, share_of_network
from maskscope.procedure.units import UNITS
from maskscope.procedure.work import SeedWork, compute_of
from maskscope.storage import Json, read_json
from maskscope.tasks import Task
from maskscope.training import available_bytes

Spec = TypeVar("Spec", bound=Any)
# bytes for each weight while the network is fitted: weight, gradient, two moments
_FIT_BYTES = 4 * 4


@dataclass(frozen=True)
class Plans:
    """Everything that one seed has.

    Args:
        networks: all of them.
        groups: the masks, by those that are found together on one network.
        weights: of a network that can be masked.
    """

    networks: Sequence[NetworkPlan]
    groups: Sequence[tuple[MaskPlan, ...]]
    weights: int

    def searched(self, network: NetworkPlan) -> list[tuple[MaskPlan, ...]]:
        """The groups of masks of one network."""
        return [group for group in self.groups if group[0].network == network.name]

    def compared_with(self, network: NetworkPlan) -> list[MaskPlan]:
        """Of a series, the masks of functions on the state before the network and on the last one; elsewhere none."""
        series = [plan.name for plan in self.networks if plan.is_of_series]
        if network.name not in series:
            return []
        place = series.index(network.name)
        others = {*series[max(0, place - 1) : place], series[-1]} - {network.name}
        masks = (mask for group in self.groups for mask in group)
        return [mask for mask in masks if mask.network in others and mask.search.compared and not mask.is_whole]

    def of(self, network: NetworkPlan) -> list[MaskPlan]:
        """The masks of one network."""
        return [mask for group in self.searched(network) for mask in group]


class MaskProcedure(Procedure[Spec]):
    """Trains a network, finds masks on it and on its controls, measures them."""

    def __init__(self, subject: Subject[Spec]) -> None:
        self.subject = subject
        self.record: type[Record] = MaskRecord[subject.more]  # type: ignore[misc,name-defined]

    @property
    def units(self) -> Mapping[str, Unit]:
        """The unit of every measure."""
        return {**UNITS, **self.subject.units}

    def plans(self, spec: Spec, work: SeedWork) -> Plans:
        """The networks and masks of one seed."""
        subject = self.subject
        companions = subject.companions(spec, work.task)
        series, warm = subject.checkpoints(spec), subject.starts_warm(spec)
        networks = network_plans(self._controls(spec), companions, series, warm=warm)
        searches = subject.searches(spec, work.task)
        masks = mask_plans(networks, searches, repeats=spec.repeats, full_mask=subject.has_full_mask(spec))
        weights = work.selection(work.initial_network()).count
        return Plans(networks, mask_groups(masks, together=subject.found_together(spec, weights)), weights)

    def steps(self, study: str, spec: Spec, seed: int, runtime: Runtime) -> list[Step]:
        """See `Procedure.steps`: the trained network and its companions, their masks, its analysis; then each control.

        Of a series, each earlier state of the network comes before it with its masks; their analyses come behind all masks.
        """
        work = SeedWork(self.subject, spec, seed, runtime)
        plans = self.plans(spec, work)
        of_seed = SeedSteps(study, work, plans.weights)
        companions = [plan for plan in plans.networks if plan.companion is not None]
        steps: list[Step] = []
        analyses: list[Step] = []
        for plan in (plan for plan in plans.networks if plan.companion is None):
            here = [plan, *(companions if plan.name == TRAINED else ())]
            mine = [of_seed.network(network) for network in here if not network.uses_trained]
            groups = [(network, group) for network in here for group in plans.searched(network)]
            mine += [of_seed.masks(network, group) for network, group in groups]
            masks = [mask for _, group in groups for mask in group]
            analyses.append(of_seed.analysis(plan, here, [*masks, *plans.compared_with(plan)]))
            if plan.checkpoint is None:
                mine += analyses
                analyses = []
            steps += [replace(step, control=plan.name) for step in mine] if plan.control else mine
            if plan.name == TRAINED:
                experiments = self._experiments(spec, work.task)
                tried = [(control, of_seed.experiment(control, piece, plans.of(plan))) for control, piece in experiments]
                steps += [replace(step, control=control.name) for control, step in tried]
        return steps

    def findings(self, spec: Spec, made: Mapping[int, Mapping[str, Artefact]], runtime: Runtime) -> Findings:
        """See `Procedure.findings`."""
        subject = self.subject
        task = subject.task(spec, runtime.device, runtime.data_dir)
        controls = self._controls(spec)
        checkpoints = subject.checkpoints(spec)
        # the trained network first, which a series ends with
        variants = sorted(network_plans(controls, [], checkpoints), key=lambda plan: plan.name != TRAINED)
        stages = [(seed, analysis_stage("", subject, spec, seed, plan.name)) for plan in variants for seed in made]
        results = [self._result(made[seed][stage.name]) for seed, stage in stages]
        experiments = self._experiments(spec, task)
        if experiments:
            results = [self._with_outcomes(one, spec, experiments, made) for one in results]
        searches = subject.searches(spec, task)
        named = [search.name for search in searches]
        functions = task.functions
        return Findings(
            quantities(results, functions, subject.numbers, self.units),
            {
                "functions": functions,
                "networks": with_floors(results),
                "mask_targets": tuple(named) if set(named) != set(functions) else (),
                "evaluated_on": subject.evaluated_on(task),
                "controls": tuple(map(_note, controls)),
                "checkpoints": tuple(one.label for one in checkpoints),
            },
        )

    def step_seconds(self, spec: Spec, runtime: Runtime) -> Mapping[str, float]:
        """See `Procedure.step_seconds`."""
        work = SeedWork(self.subject, spec, 0, runtime)
        return seconds_of_steps(self.subject, spec, runtime, self.plans(spec, work).groups[0])

    def selected(self, spec: Spec, runtime: Runtime) -> SelectionTable:
        """See `Procedure.selected`."""
        work = SeedWork(self.subject, spec, 0, runtime)
        network = work.initial_network()
        return selection_table(network, work.selection(network))

    def needs(self, spec: Spec, seeds: int, runtime: Runtime) -> Needs:
        """See `Procedure.needs`."""
        work = SeedWork(self.subject, spec, 0, runtime)
        plans, network = self.plans(spec, work), work.initial_network()
        selection: Selection = work.selection(network)
        weights = sum(parameter.numel() for parameter in network.parameters())
        compute, (fitted, most) = compute_of(self.subject, spec, runtime), self._at_once(spec, seeds, runtime, plans)
        search = search_memory(network, work.task, spec.mask, compute, selection, most)
        maskable, masks = selection.count, sum(map(len, plans.groups))
        disk = seeds * (4 * weights * (1 + len(plans.networks)) + masks * (4 * maskable + maskable // 8)) + 12 * maskable
        fitting = 0 if self.subject.brings_networks() else _FIT_BYTES * weights * fitted
        more, free = max(fitting, 4 * weights + search.bytes), available_bytes(runtime.device)
        cures = search.cures(free - 4 * weights) if free is not None and more > free else []
        return Needs(BASE_BYTES + more, disk, more, free, search.part, search.at_once, tuple(cures))

    def require(self, spec: Spec, runtime: Runtime) -> None:
        """See `Procedure.require`; also that there is a score, if masks are to keep one."""
        self.subject.require(spec, runtime)
        size = spec.mask.config().size
        needs_score = isinstance(size, BehaviourKept) and size.of == "score"
        if needs_score and self.subject.task(spec, runtime.device, runtime.data_dir).part_score is None:
            raise ConfigError(
                "mask.size is behaviour-kept of a score, and this study scores all its data at once, not part by part. Take "
                "--mask.behaviour loss or --mask.behaviour kl."
            )

    def pinned(self, spec: Spec, data_dir: Path | None) -> Spec:
        """See `Procedure.pinned`."""
        return self.subject.pinned(spec, data_dir)

    def origin(self, spec: Spec, data_dir: Path | None) -> DataOrigin | None:
        """See `Procedure.origin`."""
        return self.subject.origin(spec, data_dir)

    def for_timing(self, spec: Spec) -> Spec:
        """See `Procedure.for_timing`."""
        return self.subject.for_timing(spec)

    def lacks(self, claim: Claim, spec: Spec) -> tuple[Lack, ...]:
        """See `Procedure.lacks`: repeats, what the study knows of, controls."""
        found = []
        if spec.repeats < claim.repeats:
            missing = f"needs {claim.repeats} repeat(s) for the ceiling, has {spec.repeats}"
            found.append(Lack(missing, f"with --repeats {claim.repeats}"))
        found += self.subject.lacks(claim, spec)
        found += [self.subject.lacks_control(control, spec) for control in claim.controls if control not in spec.controls]
        return tuple(found)

    def from_second_format(self, body: Json) -> Json:
        """See `Procedure.from_second_format`."""
        networks, settings = body.get("networks"), body.get("spec")
        if not isinstance(networks, list) or not isinstance(settings, dict):
            return body
        named = settings.get("controls")
        known_names = [name for name in named if name in [*self.subject.controls]] if isinstance(named, list) else []
        notes = [vars(_note(self.subject.controls[name])) for name in known_names]
        known = {key: value for key, value in body.items() if key not in ("growths", "sought")}
        of_networks = [self.subject.from_second_format(one) if isinstance(one, dict) else one for one in networks]
        return known | {"networks": of_networks, "controls": notes, "mask_targets": body.get("sought", ())}

    def _at_once(self, spec: Spec, seeds: int, runtime: Runtime, plans: Plans) -> tuple[int, int]:
        """How many networks are fitted in one call, and how many masks found; with workers it is fewer."""
        networks, masks = 1, max(map(len, plans.groups))
        if not go_together(self.subject, spec, plans.weights, runtime):
            return networks, masks
        networks = min(seeds * sum(plan.is_fitted for plan in plans.networks), int(1 / share_of_network(plans.weights)))
        if masks_go_together(spec):
            null = [plan.name for plan in plans.networks if plan.is_null]
            asked = max(seeds * len(group) * (len(null) if group[0].network in null else 1) for group in plans.groups)
            masks = max(masks, min(asked, int(1 / share_of_mask(plans.weights, spec.mask.samples_per_step))))
        return networks, masks

    def _controls(self, spec: Spec) -> list[Control]:
        """Those that are networks."""
        return [control for control in self._all_controls(spec) if control.experiment is None]

    def _experiments(self, spec: Spec, task: Task) -> list[tuple[Control, str]]:
        """The others, piece by piece."""
        controls = [control for control in self._all_controls(spec) if control.experiment is not None]
        return [(one, piece) for one in controls if one.experiment for piece in one.experiment.pieces(spec, task)]

    def _all_controls(self, spec: Spec) -> list[Control]:
        for name in spec.controls:
            if name not in self.subject.controls:
                raise UnknownNameError("control of this study", name, self.subject.controls)
        return [self.subject.controls[name] for name in spec.controls]

    def _with_outcomes(
        self,
        result: NetworkResult[Any],
        spec: Spec,
        experiments: Sequence[tuple[Control, str]],
        made: Mapping[int, Mapping[str, Artefact]],
    ) -> NetworkResult[Any]:
        if result.variant != TRAINED:
            return result
        outcomes: dict[str, dict[str, Json]] = {}
        for control, piece in experiments:
            artefact = made[result.seed][experiment_stage("", spec, result.seed, control.name, piece).name]
            outcomes.setdefault(control.name, {})[piece] = read_json(artefact.path / "result.json")
        return self.subject.with_outcomes(result, outcomes)

    def _result(self, artefact: Artefact) -> NetworkResult[Any]:
        kind: Any = NetworkResult[self.subject.more]  # type: ignore[name-defined]
        found: NetworkResult[Any] = from_json(kind, read_json(artefact.path / "result.json"))
        return found


def _note(control: Control) -> ControlNote:
    return ControlNote(control.name, control.words, control.short, control.null, control.whole_procedure)
