"""One seed of an arithmetic study: fit the network, find the masks, measure; then the same on the untrained control."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from maskscope.analysis import warm_start, weight_times_gradient
from maskscope.experiments.artefact import Artefact, make
from maskscope.experiments.measure import Found, measure_network
from maskscope.experiments.record import NetworkResult
from maskscope.experiments.spec import AdditionMultiplicationSpec, MaskSpec, from_json, to_json
from maskscope.experiments.stages import MaskPlan, analysis_stage, mask_stage, network_stage, plan_masks
from maskscope.masks import BinaryMask, MaskLogits, Selection, select
from maskscope.storage import Json, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import AdditionMultiplication, Task
from maskscope.training import Compute, History, Observer, Watchdog, child_seed, discover, fit, isolated_random
from maskscope.zoo import MLP

UNMASKED = ("*bias",)
# |weight x gradient| for a warm start is averaged over this many items of the function
_SCORING_PARTS, _SCORING_ITEMS = 16, 128


@dataclass(frozen=True)
class Place:
    """Where a study happens; no part of any identity.

    Args:
        run: the run folder.
        device: of the network and the masks.
        watch: makes the observers of a long stage from its name.
        announce: is told what happens.
        executor: who runs the samples of a mask step.
        kernels: who draws the gates.
    """

    run: Path
    device: torch.device
    watch: Callable[[str], Sequence[Observer]]
    announce: Callable[[str], None]
    executor: str = "auto"
    kernels: str = "auto"


class Study:
    """All stages of one seed. What exists is not made again."""

    def __init__(self, spec: AdditionMultiplicationSpec, seed: int, place: Place) -> None:
        self.spec, self.seed, self.place = spec, seed, place
        self.task = make_task(spec, place.device)
        self.seconds: dict[str, float] = {}

    def results(self) -> list[NetworkResult]:
        """The trained network's result, then the untrained control's if it is asked for."""
        return [self._result(trained) for trained in ((True, False) if self.spec.untrained else (True,))]

    def network(self, trained: bool) -> Artefact:
        """The fitted network, or the untrained one."""
        stage = network_stage(self.spec, self.seed, trained=trained)
        return make(stage, self.place.run, {}, partial(self._fit, trained, stage.name), self.place.announce)

    def mask(self, plan: MaskPlan) -> Artefact:
        """One mask of it."""
        network = self.network(plan.trained)
        stage = mask_stage(self.spec, self.seed, plan)
        work = partial(self._find, plan, stage.name, network)
        return make(stage, self.place.run, {"network": network}, work, self.place.announce)

    def plans(self) -> list[MaskPlan]:
        """All masks of this seed."""
        return plan_masks(self.spec, self.task.functions, self.task.whole)

    def _result(self, trained: bool) -> NetworkResult:
        network = self.network(trained)
        masks = {plan: self.mask(plan) for plan in self.plans() if plan.trained == trained}
        stage = analysis_stage(self.spec, self.seed, trained=trained)
        inputs = {"network": network} | {f"{plan.function}/{plan.repeat}": mask for plan, mask in masks.items()}
        made = make(stage, self.place.run, inputs, partial(self._measure, trained, network, masks), self.place.announce)
        for artefact in (*inputs.values(), made):
            how = read_json(artefact.path / "record.json")
            self.seconds[how["kind"]] = self.seconds.get(how["kind"], 0.0) + how["seconds"]
        return from_json(NetworkResult, read_json(made.path / "result.json"))

    def _fit(self, trained: bool, name: str, folder: Path, checkpoint: Path) -> None:
        network = make_network(self.spec, self.seed, self.task)
        record: Json = {"kind": "network", "seconds": 0.0}
        if trained:
            went = fit(
                network,
                self.task.loss,
                self.task.batches(self.task.whole, self.spec.fit.batch_size, child_seed(self.seed, "data", "network")),
                config=self.spec.fit.config(),
                seed=child_seed(self.seed, "fit"),
                observers=self.place.watch(name),
                checkpoint=checkpoint,
            )
            record |= {"seconds": went.seconds, "history": to_json(went.histories[0])}
        write_tensors(folder / "weights.safetensors", network.state_dict(), kind="weights", metadata={"seed": self.seed})
        write_json(folder / "record.json", record)

    def _find(self, plan: MaskPlan, name: str, network: Artefact, folder: Path, checkpoint: Path) -> None:
        guest = self._network(network)
        spec = self.spec.mask
        purpose = "trained" if plan.trained else "untrained"
        data = child_seed(self.seed, "data", purpose, plan.function, plan.repeat)
        selection = select(guest, exclude=UNMASKED)
        found = discover(
            guest,
            self.task.loss,
            self.task.batches(plan.function, spec.part_size, data),
            selection=selection,
            config=spec.config(),
            seed=child_seed(self.seed, "masks", purpose),
            name=plan.function,
            repeat=plan.repeat,
            observers=(Watchdog(), *self.place.watch(name)) if plan.trained else self.place.watch(name),
            checkpoint=checkpoint,
            compute=Compute(self.place.executor, self.place.kernels, spec.compute_dtype),
            initial=initial_logits(guest, self.task, plan.function, selection, spec, data),
        )
        found.mask.save(folder / "mask.safetensors")
        write_tensors(folder / "logits.safetensors", found.logits.by_tensor(), kind="logits", metadata=found.mask.made_by)
        record = {"kind": "mask", "seconds": found.seconds, "unmasked_loss": found.reference_loss}
        write_json(folder / "record.json", record | {"history": to_json(found.history)})

    def _measure(
        self, trained: bool, network: Artefact, masks: dict[MaskPlan, Artefact], folder: Path, _checkpoint: Path
    ) -> None:
        began = time.perf_counter()
        guest = self._network(network)
        found = [self._load(plan, artefact, guest) for plan, artefact in masks.items()]
        seed = child_seed(self.seed, "analysis", "trained" if trained else "untrained")
        result = measure_network(
            guest, self.task, found, seed=seed, number=self.seed, trained=trained, random_draws=self.spec.random_draws
        )
        write_json(folder / "result.json", to_json(result))
        write_json(folder / "record.json", {"kind": "analysis", "seconds": time.perf_counter() - began})

    def _load(self, plan: MaskPlan, artefact: Artefact, network: nn.Module) -> Found:
        record = read_json(artefact.path / "record.json")
        mask = BinaryMask.load(artefact.path / "mask.safetensors", network)
        tensors, _ = read_tensors(artefact.path / "logits.safetensors", kind="logits")
        logits = MaskLogits.from_tensors(select(network, exclude=UNMASKED), tensors)
        return Found(plan.function, plan.repeat, mask, logits, from_json(History, record["history"]), record["unmasked_loss"])

    def _network(self, artefact: Artefact) -> nn.Module:
        network = make_network(self.spec, self.seed, self.task)
        tensors, _ = read_tensors(artefact.path / "weights.safetensors", kind="weights")
        network.load_state_dict(tensors)
        return network


def initial_logits(
    network: nn.Module, task: Task, function: str, selection: Selection, spec: MaskSpec, seed: int
) -> MaskLogits | None:
    """Where the logits of a function's mask start, if not all at one value."""
    if not spec.warm_start:
        return None
    batches = task.batches(function, _SCORING_ITEMS, child_seed(seed, "warm start"))
    scores = weight_times_gradient(network, task.loss, [batches(index) for index in range(_SCORING_PARTS)], selection)
    return warm_start(scores, selection, spec.initial_logit, spec.warm_start)


def make_task(spec: AdditionMultiplicationSpec, device: torch.device) -> AdditionMultiplication:
    """The task of a spec."""
    return AdditionMultiplication(spec.digits, spec.train_items, device, spec.torch_dtype)


def make_network(spec: AdditionMultiplicationSpec, seed: int, task: AdditionMultiplication) -> nn.Module:
    """The network as it is initialised under a seed; made on the CPU, so that the device does not matter."""
    inputs, outputs = task.sizes
    with isolated_random(child_seed(seed, "weights")):
        network = MLP([inputs, *spec.hidden, outputs])
    return network.to(task.device, spec.torch_dtype)
