"""What the steps of one seed do: fit the network, derive the controls, find the masks, measure."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from maskscope.analysis import score
from maskscope.engine.artefact import Artefact
from maskscope.engine.quantities import TRAINED
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import from_json, to_json
from maskscope.engine.step import Write
from maskscope.masks import BinaryMask, MaskLogits, Selection, bake, dice, select
from maskscope.procedure.controls import Control, Trial
from maskscope.procedure.mask_artefacts import logits_of, mask_writer, masks_of_others, with_held
from maskscope.procedure.masking import units_from
from maskscope.procedure.measure import NullOverlap, measure_network
from maskscope.procedure.plans import MaskPlan, NetworkPlan, full_mask_plan
from maskscope.procedure.stages import mask_role, network_role, start_role
from maskscope.procedure.starts import initial_logits, neighbours_logits
from maskscope.procedure.subject import FoundMask, MaskedNetwork, Subject
from maskscope.storage import Json, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import Task
from maskscope.training import (
    Compute,
    History,
    MaskSearch,
    Observer,
    Watchdog,
    child_seed,
    discover_many,
    fit,
    isolated_random,
    watched_together,
)


class SeedWork:
    """The work of one seed. It makes files of settings and of the files of earlier work, and holds no state of its own."""

    def __init__(self, subject: Subject[Any], spec: Any, seed: int, runtime: Runtime) -> None:
        self.subject, self.spec, self.seed, self.runtime = subject, spec, seed, runtime
        self.task = subject.seed_task(spec, seed, runtime.device, runtime.data_dir)

    def initial_network(self) -> nn.Module:
        """The network as it is initialised; made on the CPU, so that the device does not matter."""
        return make_network(self.subject, self.spec, self.seed, self.task)

    def selection(self, network: nn.Module, held: Sequence[str] = ()) -> Selection:
        """The weights that masks are over, without the tensors that are held."""
        return select(network, exclude=(*self.subject.excluded(self.spec), *held), units=units_from(self.spec.mask.units))

    def fit(self, plan: NetworkPlan, name: str, checkpoint: Path) -> list[Write]:
        """Trains a network, or only initialises it."""
        network = self.subject.given_network(self.spec, self.seed, plan.checkpoint) if plan.is_of_series else None
        record: Json = {"kind": "network", "seconds": 0.0}
        if network is None:
            network = self.initial_network()
            if plan.is_fitted:
                task, companion = self._task_of(plan), plan.companion
                went = fit(
                    network,
                    task.loss,
                    task.batches(
                        companion.trained_on if companion else task.whole,
                        self.spec.fit.batch_size,
                        child_seed(self.seed, "data", "network"),
                    ),
                    config=self.spec.fit.config(),
                    seed=child_seed(self.seed, "fit"),
                    observers=self.runtime.watch(name),
                    checkpoint=checkpoint,
                )
                record |= {"seconds": went.seconds, "history": to_json(went.histories[0])}
        return [self._network_writer(network, record)]

    def derive(self, plan: NetworkPlan, trained: Artefact) -> list[Write]:
        """Makes a control from the trained network."""
        control = plan.control
        assert control is not None, "only controls are derived"
        assert control.derive is not None, "this one is not"
        network = control.derive(self._network(trained), self.spec, self.task, child_seed(self.seed, plan.name))
        return [self._network_writer(network, {"kind": "network", "seconds": 0.0})]

    def find(
        self,
        group: Sequence[MaskPlan],
        names: Sequence[str],
        network: NetworkPlan,
        inputs: Mapping[str, Artefact],
        checkpoint: Path,
    ) -> list[Write]:
        """Finds the masks of a group, all in one call.

        Args:
            group: the masks.
            names: of their artefacts.
            network: that they are masks of.
            inputs: the network; where the masks keep a part of the full mask, that mask; where they start from those of another
                network, these.
            checkpoint: where the state is kept.
        """
        guest, full, held = self._network(inputs["network"]), None, tuple[str, ...]()
        if group[0].search.keeps:
            full = self._load(full_mask_plan(group[0].network), inputs["full mask"], guest)
            free = self.selection(guest, group[0].search.keeps).names
            held = tuple(name for name in self.selection(guest).names if name not in free)
            # the held tensors are as they will be, and no mask is sought over them
            guest = bake(guest, full.mask.only(*held))
        selection = self.selection(guest, held)
        task = self._task_of(network)
        watched = zip(group, watched_together(names, self.runtime.watch), strict=True)
        found = discover_many(
            guest,
            self.task.loss,
            [self._mask_search(plan, observers, guest, task, selection, inputs) for plan, observers in watched],
            selection=selection,
            config=self.spec.mask.config(),
            checkpoint=checkpoint,
            compute=compute_of(self.subject, self.spec, self.runtime),
            check=self.subject.check,
            judge=False,  # every mask is scored on the task's own evaluation data
            watch=False,
            score=task.part_score,
            off=self.subject.off_values(self.spec, self.seed),
        )
        if full is not None:
            found = [with_held(one, full, held, self.selection(guest)) for one in found]
        return [mask_writer(one, len(group)) for one in found]

    def measure(
        self, plan: NetworkPlan, networks: Sequence[NetworkPlan], masks: Sequence[MaskPlan], inputs: Mapping[str, Artefact]
    ) -> list[Write]:
        """Measures a network and its masks.

        Args:
            plan: the network.
            networks: it, and the companions that it is measured with.
            masks: of all of these.
            inputs: their artefacts, by role.
        """
        began = time.perf_counter()
        guest = self._network(inputs[network_role(plan, plan.name)])
        found = [self._load(one, inputs[mask_role(one, plan.name)], guest) for one in masks if one.network == plan.name]
        companions = [one for one in networks if one.companion is not None]
        masked = MaskedNetwork(
            spec=self.spec,
            seed=self.seed,
            variant=plan.name,
            network=guest,
            task=self._task_of(plan),
            found=found,
            companions={one.name: self._network(inputs[network_role(one, plan.name)]) for one in companions},
            random_seed=child_seed(self.seed, "analysis", plan.name),
            of_others=masks_of_others(plan, networks, masks, inputs),
        )
        null = [self._null_overlap(plan, one, masks, masked, inputs) for one in companions if one.is_null]
        # in the network's order; a mask's file has them sorted
        result = measure_network(self.subject, masked, self.selection(guest).names, null)

        def write(folder: Path) -> None:
            write_json(folder / "result.json", to_json(result))
            write_json(folder / "record.json", {"kind": "analysis", "seconds": time.perf_counter() - began})

        return [write]

    def experiment(
        self,
        control: Control,
        piece: str,
        masks: Sequence[MaskPlan],
        name: str,
        inputs: Mapping[str, Artefact],
        checkpoint: Path,
    ) -> list[Write]:
        """Does one piece of an experiment on the trained network.

        Args:
            control: whose experiment it is.
            piece: its name.
            masks: that it needs.
            name: of its artefact.
            inputs: the artefacts of network and masks, by role.
            checkpoint: where the state of its first search may be kept.
        """
        assert control.experiment is not None, "only some controls have one"
        began, guest = time.perf_counter(), self._network(inputs["network"])
        found = [self._load(plan, inputs[mask_role(plan, TRAINED)], guest) for plan in masks]
        trial = Trial(self, piece, guest, found, child_seed(self.seed, control.name, piece), name, checkpoint)
        result = control.experiment.run(trial)

        def write(folder: Path) -> None:
            write_json(folder / "result.json", to_json(result))
            write_json(folder / "record.json", {"kind": control.name, "seconds": time.perf_counter() - began})

        return [write]

    def _mask_search(
        self,
        plan: MaskPlan,
        observers: Sequence[Observer],
        guest: nn.Module,
        task: Task,
        selection: Selection,
        inputs: Mapping[str, Artefact],
    ) -> MaskSearch:
        search, spec, neighbour = plan.search, self.spec.mask, inputs.get(start_role(plan))
        data = child_seed(self.seed, "data", plan.network, search.name, plan.repeat)
        initial = neighbours_logits(logits_of(neighbour), selection, task.device) if neighbour else None
        if initial is None:
            off = self.subject.off_values(self.spec, self.seed)
            initial = initial_logits(guest, task, search.function, selection, spec, data, off)
        is_watched = plan.network == TRAINED and not spec.config().size.shrinks_until_it_fails
        watchdog = [Watchdog()] if is_watched else []
        return MaskSearch(
            search.name,
            task.batches(search.function, spec.part_size, data),
            child_seed(self.seed, "masks", plan.network),
            plan.repeat,
            (*watchdog, *observers),
            initial,
            task.held_out(search.function),
        )

    def _null_overlap(
        self,
        plan: NetworkPlan,
        companion: NetworkPlan,
        masks: Sequence[MaskPlan],
        masked: MaskedNetwork[Any],
        inputs: Mapping[str, Artefact],
    ) -> NullOverlap:
        """The overlap of the masks of the first and of the arbitrary function, both on one network of the null."""
        guest, task = masked.companions[companion.name], self._task_of(companion)
        first, *_, last = (
            BinaryMask.load(inputs[mask_role(one, plan.name)].path / "mask.safetensors", guest)
            for one in masks
            if one.network == companion.name
        )
        return NullOverlap(dice(first, last), score(guest, task).accuracy[task.functions[-1]])

    def _task_of(self, plan: NetworkPlan) -> Task:
        """The task of a network: the answers of some functions, or of all, shuffled among their inputs, or of none."""
        functions = plan.companion.relabelled if plan.companion else self.task.functions if plan.uses_trained else ()
        if not functions:
            return self.task
        relabelled = dict.fromkeys(functions, child_seed(self.seed, "labels", plan.name))
        return self.subject.seed_task(self.spec, self.seed, self.runtime.device, self.runtime.data_dir, relabelled)

    def _load(self, plan: MaskPlan, artefact: Artefact, network: nn.Module) -> FoundMask:
        record = read_json(artefact.path / "record.json")
        mask = BinaryMask.load(artefact.path / "mask.safetensors", network)
        if mask.off.kind == "other":  # a file has only the digests of these values
            mask = mask.with_off(self.subject.off_values(self.spec, self.seed).only(mask))
        logits = MaskLogits.from_units(self.selection(network), logits_of(artefact))
        return FoundMask(plan, mask, logits, from_json(History, record["history"]), record["unmasked_loss"])

    def _network(self, artefact: Artefact) -> nn.Module:
        network = self.initial_network()
        tensors, _ = read_tensors(artefact.path / "weights.safetensors", kind="weights")
        network.load_state_dict(tensors)
        return network

    def _network_writer(self, network: nn.Module, record: Json) -> Write:
        def write(folder: Path) -> None:
            write_tensors(folder / "weights.safetensors", network.state_dict(), kind="weights", metadata={"seed": self.seed})
            write_json(folder / "record.json", record)

        return write


def make_network(subject: Subject[Any], spec: Any, seed: int, task: Task) -> nn.Module:
    """The network of a study as it is initialised under a seed; torch's generator is as it was afterwards."""
    with isolated_random(child_seed(seed, "weights")):
        return subject.network(spec, task)


def compute_of(subject: Subject[Any], spec: Any, runtime: Runtime) -> Compute:
    """How the masks of a study are computed.

    Where the samples of a step are slower in one call (convolutions would become grouped ones, and the parts of sequences have
    lengths of their own), they go in threads on a processor, unless another executor is asked for.
    """
    apart = subject.samples_apart and runtime.device.type == "cpu" and runtime.executor == "auto"
    return Compute("threads" if apart else runtime.executor, runtime.kernels, spec.mask.compute_dtype)
