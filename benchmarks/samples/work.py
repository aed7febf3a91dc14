"""The searches: each is written as it ends, and what is there is not done again."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from benchmarks.cases import CASES
from benchmarks.kinds import mask_steps
from benchmarks.samples.rule import FUNCTIONS, Candidate, Quality, Row, candidates, step_name
from benchmarks.schedules import QUICK, SUBJECT, fitted
from benchmarks.turns import Runner, about, take_turns
from maskscope.analysis import score
from maskscope.masks import BinaryMask, Selection, dice, select
from maskscope.procedure.starts import initial_logits
from maskscope.procedure.work import make_network
from maskscope.storage import Json, read_json, read_tensors, write_json, write_tensors
from maskscope.tasks import Task
from maskscope.training import Compute, Discovery, MaskSearch, child_seed, discover_many

# of each kind of step
_COUNTED, _TURNS = 120, 12
# enough for every search that is timed to find its kernels compiled
_WARM = 2


class Work:
    """What is done so far, and the networks that it is done on.

    Args:
        out: the record.
        cells: the folder of networks and masks.
    """

    def __init__(self, out: Path, cells: Path) -> None:
        self._out, self._cells = out, cells
        self.task: Task = SUBJECT.task(QUICK, torch.device("cpu"))
        cells.mkdir(parents=True, exist_ok=True)
        stored = read_json(out) if out.exists() else {}
        self.rows = [_row(one) for one in stored.get("rows", [])]
        self._steps: Json = stored.get("steps", {})

    def costs(self) -> dict[str, float]:
        """The processor's seconds of each kind of step, for one of two masks: the lower quartile."""
        if not self._steps:
            case = CASES["small"]
            network, kinds = case.make(), dict[str, Runner]()
            for one in candidates():
                searched, config = replace(case, samples=one.samples), one.spec.config()
                made = mask_steps(searched, network, config, Compute(), masks=len(FUNCTIONS), clock=time.process_time)
                kinds.setdefault(step_name(one), made)
            self._steps = {name: asdict(found) for name, found in take_turns(kinds, _COUNTED, _TURNS).items()}
            say(f"steps: {self._steps}")
            self.write({})
        return {name: float(found["lower"]) for name, found in self._steps.items()}

    def network(self, seed: int) -> nn.Module:
        """The trained network of a seed."""
        file = self._cells / f"network-{seed}.safetensors"
        if not file.exists():
            say(f"network {seed} is fitted")
            write_tensors(file, fitted(seed).state_dict(), kind="weights", metadata={"seed": seed})
        network = make_network(SUBJECT, QUICK, seed, self.task)
        network.load_state_dict(read_tensors(file, kind="weights")[0])
        return network

    def mask(self, candidate: Candidate, seed: int, repeat: int, function: str) -> Path:
        """The file of a mask."""
        return self._cells / f"{candidate.kind}-{candidate.samples}-{candidate.steps}-{seed}-{repeat}-{function}.mask"

    def search(self, candidate: Candidate, seed: int, repeat: int, functions: Sequence[str]) -> None:
        """Finds the masks of one network together, unless that was done."""
        if any((row.candidate, row.seed, row.repeat) == (candidate, seed, repeat) for row in self.rows):
            return
        network = self.network(seed)
        selection = select(network, exclude=SUBJECT.excluded(QUICK))
        config, wanted = candidate.spec.config(), self._wanted(network, selection, candidate, seed, repeat, functions)

        def found_in(steps: int) -> list[Discovery]:
            asked = replace(config, steps=steps)
            return discover_many(network, self.task.loss, wanted, selection=selection, config=asked, judge=False, watch=False)

        found_in(_WARM)
        began = time.process_time()
        found = found_in(config.steps)
        cpu_seconds = time.process_time() - began
        masks, edge = {}, config.made_estimator.undecided_below(1.0)
        for function, one in zip(functions, found, strict=True):
            accuracy = dict(score(network, self.task, one.mask).accuracy)
            masks[function] = Quality(accuracy, one.mask.density, one.logits.undecided(edge))
            one.mask.save(self.mask(candidate, seed, repeat, function))
        self.rows.append(Row(candidate, seed, repeat, masks, cpu_seconds))
        say(f"{candidate}, network {seed}, repeat {repeat}: {cpu_seconds:.1f} s, {masks}")
        self.write({})

    def _wanted(
        self, network: nn.Module, selection: Selection, candidate: Candidate, seed: int, repeat: int, functions: Sequence[str]
    ) -> list[MaskSearch]:
        spec, task = candidate.spec, self.task
        return [
            MaskSearch(
                name,
                task.batches(name, spec.part_size, child_seed(seed, "data", "samples", name, repeat)),
                child_seed(seed, "samples"),
                repeat,
                initial=initial_logits(network, task, name, selection, spec, seed),
            )
            for name in functions
        ]

    def forget_without_masks(self, candidate: Candidate, seed: int) -> None:
        """Forgets searches of a candidate on a network whose masks are not in the folder: they are to be compared."""

        def is_kept(row: Row) -> bool:
            return all(self.mask(candidate, seed, row.repeat, name).exists() for name in row.masks)

        self.rows = [row for row in self.rows if (row.candidate, row.seed) != (candidate, seed) or is_kept(row)]

    def alike(self, candidate: Candidate, seed: int) -> list[float]:
        """Dice of the two masks for each function."""
        masks = [[BinaryMask.load(self.mask(candidate, seed, repeat, name)) for repeat in (0, 1)] for name in FUNCTIONS]
        return [dice(*pair) for pair in masks]

    def write(self, summary: Json) -> None:
        """The record, as far as it is."""
        rows = [asdict(row) for row in self.rows]
        write_json(self._out, {"steps": self._steps, "rows": rows, "summary": summary, "about": about()})


def _row(stored: Json) -> Row:
    masks = {name: Quality(**mask) for name, mask in stored["masks"].items()}
    stored.pop("seconds", None)
    return Row(**{**stored, "candidate": Candidate(**stored["candidate"]), "masks": masks})


def say(text: str) -> None:
    """A line of the log."""
    print(time.strftime("%H:%M:%S"), text, flush=True)
