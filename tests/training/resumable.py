"""A run in a process of its own, to be killed: ``main(folder, "die-at-step", "N")``, or ``"die-in-write", "N"``; or observed."""

import os
import signal
from pathlib import Path

import torch

import maskscope as ms
from maskscope.storage import write_json, write_tensors

STEPS = 40


class Killer(ms.Observer):
    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, report) -> None:
        if report.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, *how: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 30), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(30, 4))
    observers: list[ms.Observer] = []
    if how[:1] == ("die-at-step",):
        observers = [Killer(int(how[1]))]
    if how[:1] == ("observed",):
        log = (folder / "log").open("w")
        observers = [ms.ProgressBar("observed", stream=log, seconds=0.0), ms.History(), ms.Watchdog()]
    if how[:1] == ("die-in-write",):
        left, sync = int(how[1]), os.fsync

        def dying(handle: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(handle)

        os.fsync = dying  # the temporary file is written, the old checkpoint still stands

    def part(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(index)
        return torch.randn(8, 6, generator=generator), torch.randint(4, (8,), generator=generator)

    def loss(net, batch):
        noise = torch.rand(())  # a loss that draws from the global generator must resume too
        return torch.nn.functional.cross_entropy(net(batch[0]), batch[1]) * (1 + 0.1 * noise)

    found = ms.discover(
        network,
        loss,
        part,
        config=ms.MaskConfig(steps=STEPS, learning_rate=0.05, size=ms.Penalty(1e-3)),
        seed=5,
        name="f",
        observers=observers,
        checkpoint=ms.Checkpoint(folder / "checkpoint.safetensors", every_seconds=0.0),
    )
    write_tensors(folder / "logits.safetensors", found.logits.by_tensor(), kind="logits", metadata={})
    found.mask.save(folder / "mask.safetensors")
    history = {"loss": found.history.loss, "at": found.history.measured_at, "measures": found.history.measures}
    write_json(folder / "record.json", {"history": history, "reference": found.reference_loss})
