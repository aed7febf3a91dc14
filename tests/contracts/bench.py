"""Masks in work over a guest, and what the definition says of a step of theirs."""

import torch

import maskscope as ms
from maskscope.masks import (
    LearnedMask,
    MaskLogits,
    Noise,
    evaluation_mode,
    gate,
    loss_and_gradient,
    make_estimator,
    make_executor,
    make_kernels,
)
from maskscope.masks.kernels.counter import draw_words


class Bench:
    """Masks in work over a guest, and what the definition says of a step of theirs."""

    def __init__(self, network, loss, names=("f",), samples=4, estimator="rao-blackwell", kernels="auto", initial=0.5):
        self.network, self.loss, self.samples, self.estimator = network, loss, samples, estimator
        self.selection = ms.select(network)
        self.weights = {name: weight.contiguous() for name, weight in self.selection.of(network).items()}
        random = torch.Generator().manual_seed(1)
        count = self.selection.count
        self.masks = []
        for name in names:
            logits = MaskLogits(self.selection, torch.randn(count, generator=random) + initial)
            self.masks.append(LearnedMask(logits, torch.zeros(count), Noise(3, name)))
        self.share = 0.3
        law = make_estimator(estimator).law(self.share)
        self.units = gate(self.weights, self.weights, self.masks, make_kernels(torch.device("cpu"), kernels), law)

    def run(self, executor, step, parts):
        for mask in self.masks:
            mask.gradient.zero_()
        with evaluation_mode(self.network):
            losses = make_executor(executor, self.network, self.loss, self.units).add_gradients(step, parts, self.samples)
        return losses, [mask.gradient.clone() for mask in self.masks]

    def definition(self, step, parts):
        """Sample by sample: w * g * slope, with values and slopes from the draws themselves."""
        losses, gradients = [], []
        for mask, mine in zip(self.masks, parts, strict=True):
            turns = len(mine) // self.samples
            total, gradient = 0.0, {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
            for index, part in enumerate(mine):
                sample = index // turns
                gates = {name: self.gates(mask, name, step, sample) for name in self.weights}
                masked = {name: (weight * gates[name].value.view(weight.shape)) for name, weight in self.weights.items()}
                with evaluation_mode(self.network):
                    value, of_masked = loss_and_gradient(self.network, self.loss, part, masked)
                for name, weight in self.weights.items():
                    gradient[name] += weight * of_masked[name] * gates[name].slope.view(weight.shape) / len(mine)
                total += float(value) / len(mine)
            losses.append(total)
            gradients.append(torch.cat([one.flatten() for one in gradient.values()]))
        return torch.tensor(losses), gradients

    def gates(self, mask, name, step, sample):
        logits = mask.logits.by_tensor()[name].flatten()
        words = draw_words(mask.noise.key(name), step=step, block=sample // 4, first=0, count=logits.numel())
        return make_estimator(self.estimator).gates(logits, words[sample % 4 : sample % 4 + 1], self.share)


def assert_same_step(found, wanted):
    torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(found[1], wanted[1], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6 * float(theirs.abs().max()) + 1e-8)
        assert float(theirs.abs().max()) > 0
