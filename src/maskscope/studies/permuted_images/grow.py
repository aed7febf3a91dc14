"""Growing one network from task to task, and measuring it.

Source: Csordás et al. 2021, permuted MNIST (their `tasks/permuted_mnist.py`).
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from maskscope.engine.artefact import Artefact
from maskscope.engine.runtime import Runtime
from maskscope.engine.spec import to_json
from maskscope.engine.step import Write
from maskscope.masks import BinaryMask, MaskLogits, Selection, call_masked, evaluation_mode, select
from maskscope.storage import read_tensors, write_json, write_tensors
from maskscope.studies.images.networks import pinned_images
from maskscope.studies.permuted_images.result import FIRST_LAYER, GrownTask, Reused
from maskscope.studies.permuted_images.spec import PermutedImagesSpec
from maskscope.tasks import PermutedImages
from maskscope.training import History, Watchdog, child_seed, grow, isolated_random
from maskscope.zoo import MLP

_LAST = 100


class GrowthWork:
    """The work of one seed. It makes files of settings and of the files of earlier tasks, and holds no state of its own."""

    def __init__(self, spec: PermutedImagesSpec, seed: int, runtime: Runtime) -> None:
        self.spec, self.seed, self.runtime = spec, seed, runtime
        self.task = PermutedImages(pinned_images(spec, runtime.data_dir), spec.tasks, runtime.device)

    def time_steps(self, steps: int) -> float:
        """Seconds of some steps of the first task, of a network that is thrown away."""
        network = self._initial(0)
        selection = select(network)
        config = replace(self.spec.mask.config(), steps=steps)
        batches = self.task.batches(self.task.functions[0], self.spec.mask.part_size, 0)
        initial = MaskLogits.full(selection, config.initial_logit, self.runtime.device)
        return grow(
            network, self.task.loss, batches, selection=selection, used=None, initial=initial, config=config, check=False
        ).seconds

    @property
    def weights(self) -> int:
        """Of the network."""
        return select(self._initial(0)).count

    def grow(self, new_logit: float, number: int, name: str, inputs: Mapping[str, Artefact], checkpoint: Path) -> list[Write]:
        """Finds the mask of a task and its free weights, and measures them.

        Args:
            new_logit: where the logits of weights start that no earlier task uses.
            number: of the task, from 0.
            name: of the artefact.
            inputs: the earlier tasks, by their numbers.
            checkpoint: where the state is kept.
        """
        before = [inputs[str(place)] for place in range(number)]
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
            initial=MaskLogits(selection, start.flat.to(self.runtime.device)),
            config=spec.config(),
            seed=child_seed(self.seed, "masks"),
            name=function,
            observers=(Watchdog(), *self.runtime.watch(name)),
            checkpoint=checkpoint,
            executor=self.runtime.executor,
            kernels=self.runtime.kernels,
        )
        # later tasks move what this mask does not keep: it is a mask on no particular values of these weights
        mask = BinaryMask(dict(grown.mask), {}, grown.mask.made_by)
        result = self._measure(network, function, masks, mask, grown.logits, grown.history, used_before)

        def write(folder: Path) -> None:
            write_tensors(folder / "weights.safetensors", network.state_dict(), kind="weights", metadata={"seed": self.seed})
            mask.save(folder / "mask.safetensors")
            write_tensors(folder / "logits.safetensors", grown.logits.by_tensor(), kind="logits", metadata=asdict(spec))
            write_json(folder / "result.json", to_json(result))
            how = {"kind": "grown task", "seconds": grown.seconds, "history": to_json(grown.history)}
            write_json(folder / "record.json", how)

        return [write]

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
            undecided=logits.undecided(self.spec.mask.config().made_estimator.undecided_below(1.0)),
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


def grown_network(spec: PermutedImagesSpec, task: PermutedImages) -> nn.Module:
    """The network, initialised as the authors do, from torch's generator.

    Source: the authors' code (`models/feedforward.py`): Xavier normal with the gain of ReLU, 1 for the last layer; biases 0.
    """
    inputs, outputs = task.sizes
    network = MLP([inputs, *spec.hidden, outputs])
    for place, layer in enumerate(network.layers):
        assert isinstance(layer, nn.Linear)
        gain = 1.0 if place == len(network.layers) - 1 else nn.init.calculate_gain("relu")
        nn.init.xavier_normal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return network.to(task.device)


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
    return MaskLogits.from_units(selection, tensors)


def _reused(mask: Tensor, used: Tensor) -> Reused:
    mask, used = mask.cpu(), used.cpu()
    return Reused(int(mask.sum()), int((mask & used).sum()), int(used.sum()), mask.numel())
