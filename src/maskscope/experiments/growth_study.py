"""One seed of the study of permuted images: one network for each start of new logits, grown from task to task, and measured.

Source: Csordás et al. 2021, permuted MNIST (their `tasks/permuted_mnist.py`).
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.experiments.artefact import Artefact, Stage, make
from maskscope.experiments.growth_record import GrownTask, GrowthResult, Reused
from maskscope.experiments.image_networks import grown_network, make_permuted_task
from maskscope.experiments.image_spec import FIRST_TASK, LATER_TASKS, PermutedImagesSpec
from maskscope.experiments.job import Place
from maskscope.experiments.spec import from_json, settings_at, to_json
from maskscope.masks import BinaryMask, MaskLogits, Selection, call_masked, evaluation_mode, select
from maskscope.storage import read_json, read_tensors, write_json, write_tensors
from maskscope.training import History, Watchdog, child_seed, grow, isolated_random

GROWTH_VERSION = 1
FIRST_LAYER = "layers.0."
_LAST = 100


def growth_stage(spec: PermutedImagesSpec, seed: int, new_logit: float, number: int) -> Stage:
    """Task ``number`` (from 0) of the network whose new logits start there; the first task is the same for all of them."""
    settings = settings_at(spec, LATER_TASKS if number else FIRST_TASK) | {"seed": seed, "task": number}
    if number:
        settings["new_logit"] = new_logit
    start = f"-new-{new_logit:g}" if number else ""
    return Stage(f"seed-{seed}-task-{number + 1:02}{start}", "grown task", GROWTH_VERSION, settings)


class GrowthStudy:
    """All stages of one seed. What exists is not made again."""

    def __init__(self, spec: PermutedImagesSpec, seed: int, place: Place) -> None:
        self.spec, self.seed, self.place = spec, seed, place
        self.task = make_permuted_task(spec, place.device, place.data_dir)
        self.seconds: dict[tuple[str, str], float] = {}

    def results(self) -> list[GrowthResult]:
        """A result for each start of new logits."""
        return [self._result(new_logit) for new_logit in self.spec.new_logits]

    def chain(self, new_logit: float, tasks: int | None = None) -> list[Artefact]:
        """The artefacts of a network's tasks, in order; each is made from the one before."""
        made: list[Artefact] = []
        for number in range(self.spec.tasks if tasks is None else tasks):
            stage = growth_stage(self.spec, self.seed, new_logit, number)
            inputs = {"before": made[-1]} if made else {}
            work = partial(self._grow, new_logit, number, stage.name, tuple(made))
            made.append(make(stage, self.place.run, inputs, work, self.place.announce))
        return made

    def time_steps(self, steps: int) -> float:
        """Seconds of some steps of the first task, of a network that is thrown away."""
        network = self._initial(0)
        selection = select(network)
        config = replace(self.spec.mask.config(), steps=steps)
        batches = self.task.batches(self.task.functions[0], self.spec.mask.part_size, 0)
        initial = MaskLogits.full(selection, config.initial_logit, self.place.device)
        return grow(
            network, self.task.loss, batches, selection=selection, used=None, initial=initial, config=config, check=False
        ).seconds

    @property
    def weights(self) -> int:
        """Of the network."""
        return select(self._initial(0)).count

    def _result(self, new_logit: float) -> GrowthResult:
        tasks = []
        for artefact in self.chain(new_logit):
            how = read_json(artefact.path / "record.json")
            self.seconds[how["kind"], artefact.path.name] = how["seconds"]
            tasks.append(from_json(GrownTask, read_json(artefact.path / "result.json")))
        return GrowthResult(self.seed, new_logit, tuple(tasks))

    def _grow(
        self, new_logit: float, number: int, name: str, before: tuple[Artefact, ...], folder: Path, checkpoint: Path
    ) -> None:
        function, spec = self.task.functions[number], self.spec.mask
        masks = [BinaryMask.load(artefact.path / "mask.safetensors") for artefact in before]
        network = self._initial(number)
        selection = select(network)
        used_before = union(masks, selection)
        used = self._held(used_before)
        if before:
            tensors, _ = read_tensors(before[-1].path / "weights.safetensors", kind="weights")
            restore(network, used, tensors)
        start = initial_logits(selection, used, spec.initial_logit, new_logit if number else spec.initial_logit)
        grown = grow(
            network,
            self.task.loss,
            self.task.batches(function, spec.part_size, child_seed(self.seed, "data", number)),
            selection=selection,
            used=used,
            initial=MaskLogits(selection, start.flat.to(self.place.device)),
            config=spec.config(),
            seed=child_seed(self.seed, "masks"),
            name=function,
            observers=(Watchdog(), *self.place.watch(name)),
            checkpoint=checkpoint,
            executor=self.place.executor,
            kernels=self.place.kernels,
        )
        write_tensors(folder / "weights.safetensors", network.state_dict(), kind="weights", metadata={"seed": self.seed})
        # later tasks move what this mask does not keep: it is a mask on no particular values of these weights
        mask = BinaryMask(dict(grown.mask), {}, grown.mask.made_by)
        mask.save(folder / "mask.safetensors")
        write_tensors(folder / "logits.safetensors", grown.logits.by_tensor(), kind="logits", metadata=asdict(spec))
        result = self._measure(network, function, masks, mask, grown.logits, grown.history, used_before)
        write_json(folder / "result.json", to_json(result))
        write_json(folder / "record.json", {"kind": "grown task", "seconds": grown.seconds, "history": to_json(grown.history)})

    def _measure(
        self,
        network: nn.Module,
        function: str,
        earlier: list[BinaryMask],
        mask: BinaryMask,
        logits: MaskLogits,
        history: History,
        used: BinaryMask,
    ) -> GrownTask:
        masks = dict(zip(self.task.functions, [*earlier, mask], strict=False))
        accuracy = {name: self._accuracy(network, name, own) for name, own in masks.items()}
        last = history.loss[-_LAST:]
        return GrownTask(
            function=function,
            accuracy=accuracy.pop(function),
            sampled_loss=sum(last) / len(last) if last else float("nan"),
            undecided=logits.undecided(),
            density=mask.density,
            earlier=accuracy,
            by_tensor={name: _reused(mask[name], used[name]) for name, _ in network.named_parameters()},
        )

    def _accuracy(self, network: nn.Module, function: str, mask: BinaryMask) -> float:
        with evaluation_mode(network), torch.no_grad():
            return self.task.accuracy(function, lambda inputs: call_masked(network, mask, inputs))

    def _initial(self, number: int) -> nn.Module:
        """The network with fresh weights: others for each task, the same for each start of new logits."""
        with isolated_random(child_seed(self.seed, "weights", number)):
            return grown_network(self.spec, self.task)

    def _held(self, used: BinaryMask) -> BinaryMask:
        """Of the weights that earlier tasks use, those that must not change."""
        if not self.spec.reset_first_layer:
            return used
        return BinaryMask({name: torch.zeros_like(bits) if name.startswith(FIRST_LAYER) else bits for name, bits in used.items()})


def union(masks: list[BinaryMask], selection: Selection) -> BinaryMask:
    """The weights that any of the masks keeps; none, if there is no mask."""
    tensors = {weight.name: torch.zeros(weight.shape, dtype=torch.bool) for weight in selection.weights}
    for mask in masks:
        tensors = {name: bits | mask[name].cpu() for name, bits in tensors.items()}
    return BinaryMask(tensors)


def restore(network: nn.Module, used: BinaryMask, tensors: Mapping[str, Tensor]) -> None:
    """Puts the values of used weights back, in place."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            bits = used[name].to(weight.device)
            weight.copy_(torch.where(bits, tensors[name].to(weight.device), weight))


def initial_logits(selection: Selection, used: BinaryMask, of_used: float, of_new: float) -> MaskLogits:
    """Logits that start at one value where a weight is used already, and at another elsewhere."""
    tensors = {
        name: torch.where(used[name], torch.tensor(of_used), torch.tensor(of_new)).to(torch.float32) for name in selection.names
    }
    return MaskLogits.from_tensors(selection, tensors)


def _reused(mask: Tensor, used: Tensor) -> Reused:
    mask, used = mask.cpu(), used.cpu()
    return Reused(int(mask.sum()), int((mask & used).sum()), int(used.sum()), mask.numel())
