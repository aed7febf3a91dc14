"""One seed of a study of single networks: fit the network, find the masks, measure; then the same on each control."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from maskscope.analysis import score, shuffled_weights, warm_start
from maskscope.errors import RunFolderError
from maskscope.experiments.artefact import Artefact, Stage, checkpoint_path, existing, make, remove_checkpoint
from maskscope.experiments.job import Place, compute_of
from maskscope.experiments.measure import Found, Measured, NullOverlap, gradient_scores, measure_network
from maskscope.experiments.networks import (
    copy_io,
    distorting_mask,
    early_subsets,
    held_tensors,
    io_tensors,
    make_network,
    make_task,
    removed_classes,
    unmasked,
)
from maskscope.experiments.record import NetworkResult
from maskscope.experiments.sequence_spec import ScanSpec, SequenceSpec
from maskscope.experiments.settings import MaskSpec
from maskscope.experiments.spec import NetworkSpec, from_json, to_json
from maskscope.experiments.stages import (
    BASELINE,
    UNRELATED,
    MaskPlan,
    Variant,
    analysis_inputs,
    analysis_stage,
    baseline_networks,
    beside,
    derived,
    mask_groups,
    mask_stage,
    network_stage,
    null_networks,
    plan_masks,
    variants,
)
from maskscope.masks import BinaryMask, MaskLogits, Selection, bake, dice, select
from maskscope.storage import Json, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import Task
from maskscope.training import Discovery, History, Wanted, Watchdog, child_seed, discover_many, fit


class Study:
    """All stages of one seed. What exists is not made again."""

    def __init__(self, spec: NetworkSpec, seed: int, place: Place) -> None:
        self.spec, self.seed, self.place = spec, seed, place
        self.task = make_task(spec, place.device, data_dir=place.data_dir)
        self.seconds: dict[tuple[str, str], float] = {}

    def results(self) -> list[NetworkResult]:
        """The trained network's result, then those of the controls."""
        return [self._result(variant) for variant in variants(self.spec)]

    def network(self, variant: str) -> Artefact:
        """The fitted network, a control, or a network of the null."""
        stage = network_stage(self.spec, self.seed, variant)
        inputs = {"network": self.network("trained")} if derived(variant) else {}
        work = partial(self._derive, variant, inputs["network"]) if inputs else partial(self._fit, variant, stage.name)
        return make(stage, self.place.run, inputs, work, self.place.announce)

    def groups(self) -> list[tuple[MaskPlan, ...]]:
        """All masks of this seed, by those that are found together."""
        weights = self._selection(make_network(self.spec, self.seed, self.task)).count
        whole = self.task.whole
        return mask_groups(self.spec, plan_masks(self.spec, self.task.sought, whole), whole, weights)

    def masks(self, group: Sequence[MaskPlan]) -> dict[MaskPlan, Artefact]:
        """The masks of a group. If one is missing the whole group is sought, for its bits, and what is missing is written."""
        network = self.network(group[0].variant)
        inputs = {"network": network}
        if self._held(self._network(network), group[0].function):
            full = MaskPlan(self.task.whole, 0, group[0].variant)
            inputs |= {"full mask": self.masks((full,))[full]}
        stages = {plan: mask_stage(self.spec, self.seed, plan, group) for plan in group}
        missing = [stage for stage in stages.values() if existing(stage, self.place.run, inputs) is None]
        checkpoint = checkpoint_path(stages[group[0]], self.place.run, inputs)
        found: dict[MaskPlan, Discovery] = {}
        if missing:
            for stage in missing:
                self.place.announce(stage.name)
            found = self._find(stages, inputs, checkpoint)
        made = {}
        for plan, stage in stages.items():
            work = partial(self._write_mask, found.get(plan), len(group))
            made[plan] = make(stage, self.place.run, inputs, work, lambda name: None)
        remove_checkpoint(checkpoint)
        return made

    def _result(self, variant: Variant) -> NetworkResult:
        network = self.network(variant)
        with_null = [variant, *beside(self.spec, variant)]
        others = {other: self.network(other) for other in with_null[1:]}
        masks: dict[MaskPlan, Artefact] = {}
        for group in self.groups():
            if group[0].variant in with_null:
                masks |= self.masks(group)
        stage = analysis_stage(self.spec, self.seed, variant)
        inputs = analysis_inputs(variant, {variant: network, **others}, masks)
        work = partial(self._measure, variant, network, others, masks)
        made = make(stage, self.place.run, inputs, work, self.place.announce)
        for artefact in (*inputs.values(), made):
            how = read_json(artefact.path / "record.json")
            self.seconds[how["kind"], artefact.path.name] = how["seconds"]
        return from_json(NetworkResult, read_json(made.path / "result.json"))

    def _fit(self, variant: str, name: str, folder: Path, checkpoint: Path) -> None:
        network = make_network(self.spec, self.seed, self.task)
        record: Json = {"kind": "network", "seconds": 0.0}
        if variant != "untrained":
            task = self._task_of(variant)
            on = variant.removeprefix(BASELINE) if variant.startswith(BASELINE) else task.whole
            went = fit(
                network,
                task.loss,
                task.batches(on, self.spec.fit.batch_size, child_seed(self.seed, "data", "network")),
                config=self.spec.fit.config(),
                seed=child_seed(self.seed, "fit"),
                observers=self.place.watch(name),
                checkpoint=checkpoint,
            )
            record |= {"seconds": went.seconds, "history": to_json(went.histories[0])}
        self._write_network(folder, network, record)

    def _derive(self, variant: str, trained: Artefact, folder: Path, _checkpoint: Path) -> None:
        network = self._network(trained)
        if variant == "copied-io":
            copy_io(network, self.spec, self.task)
        else:
            random = torch.Generator().manual_seed(child_seed(self.seed, variant))
            network = shuffled_weights(network, random)
        self._write_network(folder, network, {"kind": "network", "seconds": 0.0})

    def _write_network(self, folder: Path, network: nn.Module, record: Json) -> None:
        write_tensors(folder / "weights.safetensors", network.state_dict(), kind="weights", metadata={"seed": self.seed})
        write_json(folder / "record.json", record)

    def _find(
        self, stages: Mapping[MaskPlan, Stage], inputs: Mapping[str, Artefact], checkpoint: Path
    ) -> dict[MaskPlan, Discovery]:
        guest = self._network(inputs["network"])
        spec = self.spec.mask
        held = self._held(guest, next(iter(stages)).function)
        full = self._load(self.task.whole, 0, inputs["full mask"], guest) if held else None
        if full is not None:
            # the held tensors are as they will be, and no mask is sought over them
            guest = bake(guest, full.mask.only(*held))
        selection = self._selection(guest, held)
        wanted, more = [], f" and {len(stages) - 1} more" if len(stages) > 1 else ""
        for place, (plan, stage) in enumerate(stages.items()):
            task, function = self._task_of(plan.variant), plan.function
            data = child_seed(self.seed, "data", plan.variant, plan.function, plan.repeat)
            watchers = [Watchdog()] if plan.variant == "trained" else []
            wanted.append(
                Wanted(
                    plan.function,
                    task.batches(function, spec.part_size, data),
                    child_seed(self.seed, "masks", plan.variant),
                    plan.repeat,
                    (*watchers, *(self.place.watch(f"{stage.name}{more}") if place == 0 else ())),
                    initial_logits(guest, task, function, selection, spec, data),
                )
            )
        found = discover_many(
            guest,
            self.task.loss,
            wanted,
            selection=selection,
            config=spec.config(),
            checkpoint=checkpoint,
            compute=compute_of(self.spec, self.place),
        )
        if full is not None:
            found = [with_held(one, full, held, self._selection(guest)) for one in found]
        return dict(zip(stages, found, strict=True))

    def _write_mask(self, found: Discovery | None, of: int, folder: Path, _checkpoint: Path) -> None:
        if found is None:
            raise RunFolderError(f"{folder} vanished while the run went on. Run the same command again.")
        found.mask.save(folder / "mask.safetensors")
        write_tensors(folder / "logits.safetensors", found.logits.by_tensor(), kind="logits", metadata=found.mask.made_by)
        record = {"kind": "mask", "seconds": found.seconds / of, "unmasked_loss": found.reference_loss}
        write_json(folder / "record.json", record | {"history": to_json(found.history)})

    def _measure(
        self,
        variant: Variant,
        network: Artefact,
        others: Mapping[str, Artefact],
        masks: Mapping[MaskPlan, Artefact],
        folder: Path,
        _checkpoint: Path,
    ) -> None:
        began = time.perf_counter()
        guest = self._network(network)
        found = [
            self._load(plan.function, plan.repeat, artefact, guest) for plan, artefact in masks.items() if plan.variant == variant
        ]
        # in the network's order; a mask's file has them sorted
        names = [weight.name for weight in self._selection(guest).weights]
        seed = child_seed(self.seed, "analysis", variant)
        measured = Measured(
            number=self.seed,
            variant=variant,
            seed=seed,
            random_draws=self.spec.random_draws,
            io=io_tensors(self.spec, names),
            early=early_subsets(self.spec, names, seed),
            removed=removed_classes(self.spec, self.task),
            distorting=distorting_mask(self.spec),
            null=tuple(self._null_overlap(other, others[other], masks) for other in null_networks(self.spec) if other in others),
            baselines={
                other.removeprefix(BASELINE): self._network(others[other])
                for other in baseline_networks(self.spec)
                if other in others
            },
            examples=self.spec.examples if isinstance(self.spec, SequenceSpec) else 0,
            decoder_drops=isinstance(self.spec, ScanSpec) and self.spec.decoder_drops,
        )
        task = self._task_of(variant)
        write_json(folder / "result.json", to_json(measure_network(guest, task, found, measured)))
        write_json(folder / "record.json", {"kind": "analysis", "seconds": time.perf_counter() - began})

    def _null_overlap(self, variant: str, network: Artefact, masks: Mapping[MaskPlan, Artefact]) -> NullOverlap:
        """Of the first function's mask and the arbitrary function's, both on one network of the null."""
        guest, task = self._network(network), self._task_of(variant)
        first, *_, last = (
            BinaryMask.load(artefact.path / "mask.safetensors", guest)
            for plan, artefact in masks.items()
            if plan.variant == variant
        )
        return NullOverlap(dice(first, last), score(guest, task).accuracy[task.functions[-1]])

    def _task_of(self, variant: str) -> Task:
        """The task of a network: all labels shuffled, those of the last function on networks of the null, or none."""
        null = variant.startswith(UNRELATED)
        if not null and variant != "shuffled-labels":
            return self.task
        functions = self.task.functions[-1:] if null else self.task.functions
        return make_task(self.spec, self.place.device, dict.fromkeys(functions, child_seed(self.seed, "labels", variant)))

    def _selection(self, network: nn.Module, held: Sequence[str] = ()) -> Selection:
        return select(network, exclude=(*unmasked(self.spec), *held))

    def _held(self, network: nn.Module, function: str) -> tuple[str, ...]:
        names = [weight.name for weight in self._selection(network).weights]
        return held_tensors(self.spec, names, function, self.task.whole)

    def _load(self, function: str, repeat: int, artefact: Artefact, network: nn.Module) -> Found:
        record = read_json(artefact.path / "record.json")
        mask = BinaryMask.load(artefact.path / "mask.safetensors", network)
        tensors, _ = read_tensors(artefact.path / "logits.safetensors", kind="logits")
        logits = MaskLogits.from_tensors(self._selection(network), tensors)
        return Found(function, repeat, mask, logits, from_json(History, record["history"]), record["unmasked_loss"])

    def _network(self, artefact: Artefact) -> nn.Module:
        network = make_network(self.spec, self.seed, self.task)
        tensors, _ = read_tensors(artefact.path / "weights.safetensors", kind="weights")
        network.load_state_dict(tensors)
        return network


def with_held(found: Discovery, full: Found, held: Sequence[str], selection: Selection) -> Discovery:
    """A mask and its logits, completed by the tensors that it holds of the full mask."""
    mask = BinaryMask({**found.mask, **full.mask.only(*held)}, {**found.mask.weights, **full.mask.weights}, found.mask.made_by)
    tensors = found.logits.by_tensor() | {name: full.logits.by_tensor()[name].to(found.logits.flat.device) for name in held}
    return replace(found, mask=mask, logits=MaskLogits.from_tensors(selection, tensors))


def initial_logits(
    network: nn.Module, task: Task, function: str, selection: Selection, spec: MaskSpec, seed: int
) -> MaskLogits | None:
    """Where the logits of a function's mask start, if not all at one value."""
    if not spec.warm_start:
        return None
    scores = gradient_scores(network, task, function, selection, child_seed(seed, "warm start"))
    return warm_start(scores, selection, spec.initial_logit, spec.warm_start)
