"""What the steps of one seed do, but for fitting networks and finding masks: derive the controls, measure, try."""

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
from maskscope.masks import BinaryMask, MaskLogits, Selection, dice, select
from maskscope.procedure.controls import Control, Trial
from maskscope.procedure.mask_artefacts import logits_of, masks_of_others
from maskscope.procedure.masking import units_from
from maskscope.procedure.measure import NullOverlap, measure_network
from maskscope.procedure.plans import MaskPlan, NetworkPlan
from maskscope.procedure.stages import mask_role, network_role
from maskscope.procedure.subject import FoundMask, MaskedNetwork, Subject
from maskscope.storage import Json, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import Task
from maskscope.training import Batches, Compute, History, child_seed, isolated_random


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

    def training_batches(self, plan: NetworkPlan) -> Batches:
        """The parts that a network is trained with."""
        trained_on = plan.companion.trained_on if plan.companion else self.task.whole
        return self.task_of(plan).batches(trained_on, self.spec.fit.batch_size, child_seed(self.seed, "data", "network"))

    def begin(self, plan: NetworkPlan) -> list[Write]:
        """Takes over a given network, or only initialises one."""
        given = self.subject.given_network(self.spec, self.seed, plan.checkpoint) if plan.is_of_series else None
        return [self.network_writer(self.initial_network() if given is None else given)]

    def derive(self, plan: NetworkPlan, trained: Artefact) -> list[Write]:
        """Makes a control from the trained network."""
        control = plan.control
        assert control is not None, "only controls are derived"
        assert control.derive is not None, "this one is not"
        network = control.derive(self.network_from(trained), self.spec, self.task, child_seed(self.seed, plan.name))
        return [self.network_writer(network)]

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
        guest = self.network_from(inputs[network_role(plan, plan.name)])
        found = [self.load(one, inputs[mask_role(one, plan.name)], guest) for one in masks if one.network == plan.name]
        companions = [one for one in networks if one.companion is not None]
        masked = MaskedNetwork(
            spec=self.spec,
            seed=self.seed,
            variant=plan.name,
            network=guest,
            task=self.task_of(plan),
            found=found,
            companions={one.name: self.network_from(inputs[network_role(one, plan.name)]) for one in companions},
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
        began, guest = time.perf_counter(), self.network_from(inputs["network"])
        found = [self.load(plan, inputs[mask_role(plan, TRAINED)], guest) for plan in masks]
        trial = Trial(self, piece, guest, found, child_seed(self.seed, control.name, piece), name, checkpoint)
        result = control.experiment.run(trial)

        def write(folder: Path) -> None:
            write_json(folder / "result.json", to_json(result))
            write_json(folder / "record.json", {"kind": control.name, "seconds": time.perf_counter() - began})

        return [write]

    def _null_overlap(
        self,
        plan: NetworkPlan,
        companion: NetworkPlan,
        masks: Sequence[MaskPlan],
        masked: MaskedNetwork[Any],
        inputs: Mapping[str, Artefact],
    ) -> NullOverlap:
        """The overlap of the masks of the first and of the arbitrary function, both on one network of the null."""
        guest, task = masked.companions[companion.name], self.task_of(companion)
        first, *_, last = (
            BinaryMask.load(inputs[mask_role(one, plan.name)].path / "mask.safetensors", guest)
            for one in masks
            if one.network == companion.name
        )
        return NullOverlap(dice(first, last), score(guest, task).accuracy[task.functions[-1]])

    def task_of(self, plan: NetworkPlan) -> Task:
        """The task of a network: the answers of some functions, or of all, shuffled among their inputs, or of none."""
        functions = plan.companion.relabelled if plan.companion else self.task.functions if plan.uses_trained else ()
        if not functions:
            return self.task
        relabelled = dict.fromkeys(functions, child_seed(self.seed, "labels", plan.name))
        return self.subject.seed_task(self.spec, self.seed, self.runtime.device, self.runtime.data_dir, relabelled)

    def load(self, plan: MaskPlan, artefact: Artefact, network: nn.Module) -> FoundMask:
        """A mask that was found on a network."""
        record = read_json(artefact.path / "record.json")
        mask = BinaryMask.load(artefact.path / "mask.safetensors", network)
        if mask.off.kind == "other":  # a file has only the digests of these values
            mask = mask.with_off(self.subject.off_values(self.spec, self.seed).only(mask))
        logits = MaskLogits.from_units(self.selection(network), logits_of(artefact))
        return FoundMask(plan, mask, logits, from_json(History, record["history"]), record["unmasked_loss"])

    def network_from(self, artefact: Artefact) -> nn.Module:
        """A network that was made before."""
        network = self.initial_network()
        tensors, _ = read_tensors(artefact.path / "weights.safetensors", kind="weights")
        network.load_state_dict(tensors)
        return network

    def network_writer(self, network: nn.Module, seconds: float = 0.0, history: Json | None = None) -> Write:
        """Writes a network, and how its training went.

        Args:
            network: what to write.
            seconds: its share of the time that was taken.
            history: of its training; None: it was not trained.
        """
        record: Json = {"kind": "network", "seconds": seconds} | ({} if history is None else {"history": history})

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
