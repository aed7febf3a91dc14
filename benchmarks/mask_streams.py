"""How long masks of a billion bits take to write, read, combine and compare in their files, and in how much memory.

    python -m benchmarks.mask_streams --json mask-streams.json          some 800 MB of temporary files

Each case is a process of its own, whose peak of the resident set is that of the whole process: interpreter, torch and maskscope.
The files were just written, so that they are read from the system's memory, not from the disk.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.turns import about
from maskscope.masks import BinaryMask, MaskFile, combine_masks, dice, iou, overlaps
from maskscope.storage import write_json

_WIDE = (11008, 4096)
_LAYER = {
    **{f"self_attn.{part}_proj.weight": (4096, 4096) for part in "qkvo"},
    **{"mlp.gate_proj.weight": _WIDE, "mlp.up_proj.weight": _WIDE, "mlp.down_proj.weight": (4096, 11008)},
    **{"input_layernorm.weight": (4096,), "post_attention_layernorm.weight": (4096,)},
}
# Four layers of a Llama of 7 B weights between its embedding and a part of its output; and one tensor of as many weights.
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "layers": {
        "model.embed_tokens.weight": (32000, 4096),
        **{f"model.layers.{layer}.{name}": shape for layer in range(4) for name, shape in _LAYER.items()},
        **{"model.norm.weight": (4096,), "lm_head.weight": (14500, 4096)},
    },
    "one tensor": {"weight": (10**9,)},
}
MASKS = 4
# of one tensor, only these: they show that no tensor is in memory
OF_ONE_TENSOR = ("write", "read", "and of 2", "IoU of 2")
_PART = 10**6
_MEBI = 2**20


@dataclass(frozen=True)
class Options:
    """Seconds and peak memory of masks in streams."""

    repeats: int = 3
    """How often each case is measured."""
    share: float = 1.0
    """Of the rows of each tensor; less for a try."""
    folder: Path | None = None
    """For the temporary files; else the system's."""
    json: Path | None = None
    """A file for the numbers."""
    case: str = ""
    """Used by the program itself: one case, whose numbers it prints."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Args:
        files: how many files of a whole mask are read or written.
        work: does it, in a folder with masks 0 to 3 and shapes.
    """

    files: int
    work: Callable[[Path, dict[str, tuple[int, ...]]], object]


def _write(folder: Path, shapes: dict[str, tuple[int, ...]], name: str = "made", seed: int = 9) -> None:
    MaskFile.write(folder / name, shapes, lambda tensor: _bits(math.prod(shapes[tensor]), seed), made_by={"seed": seed})


def _bits(count: int, seed: int) -> Iterator[torch.Tensor]:
    """Bits without a pattern, of which a tenth are kept: parts of one drawn vector, so that drawing takes no time."""
    drawn = _drawn(seed)
    for start in range(0, count, _PART):
        begin = start * 7 % _PART
        yield drawn[begin : begin + min(_PART, count - start)]


@cache
def _drawn(seed: int) -> torch.Tensor:
    return torch.rand(2 * _PART, generator=torch.Generator().manual_seed(seed)) < 0.1


def _opened(folder: Path, masks: int) -> list[MaskFile]:
    return [MaskFile.open(folder / str(number)) for number in range(masks)]


# opening reads a file once; what is written is opened, too
CASES = {
    "write": Case(2, lambda folder, shapes: _write(folder, shapes)),
    "read": Case(1, lambda folder, shapes: _opened(folder, 1)),
    "and of 2": Case(6, lambda folder, shapes: combine_masks("and", _opened(folder, 2), folder / "made")),
    "minus of 4": Case(10, lambda folder, shapes: combine_masks("minus", _opened(folder, 4), folder / "made")),
    "not": Case(4, lambda folder, shapes: combine_masks("not", _opened(folder, 1), folder / "made")),
    "IoU of 2": Case(4, lambda folder, shapes: iou(*_opened(folder, 2))),
    "all 6 pairs of 4": Case(8, lambda folder, shapes: overlaps(_opened(folder, 4))),
    "in memory: read, Dice with itself": Case(
        2, lambda folder, shapes: (mask := BinaryMask.load(folder / "0"), dice(mask, mask))
    ),
}


def one(case: str, folder: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, float]:
    """Measures in this process."""
    before, began, worked = _peak(), time.perf_counter(), time.process_time()
    CASES[case].work(folder, shapes)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    return {"seconds": seconds, "processor": processor, "start": before, "peak": _peak()}


def _peak() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def _shapes(kind: str, share: float) -> dict[str, tuple[int, ...]]:
    return {name: (max(1, round(rows * share)), *more) for name, (rows, *more) in SHAPES[kind].items()}


def main() -> None:
    """Runs every case, prints, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.mask_streams")
    if options.case:
        assert options.folder is not None
        kind, _, case = options.case.partition("/")
        print(json.dumps(one(case, options.folder, _shapes(kind, options.share))))
        return
    found: dict[str, dict[str, object]] = {}
    table = Table("network", "case", "seconds", "of a processor", "MB/s", "peak, MiB", "of which before, MiB")
    load = os.getloadavg()[0]
    for kind in SHAPES:
        shapes = _shapes(kind, options.share)
        bits = sum(math.prod(shape) for shape in shapes.values())
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            for number in range(MASKS):
                _write(folder, shapes, str(number), number)
            for case in OF_ONE_TENSOR if len(shapes) == 1 else CASES:
                command = [sys.executable, "-m", "benchmarks.mask_streams", "--case", f"{kind}/{case}", "--folder", name]
                command += ["--share", str(options.share)]
                runs = [
                    json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
                    for _ in range(options.repeats)
                ]
                seconds, peak = [run["seconds"] for run in runs], max(run["peak"] for run in runs)
                files = CASES[case].files
                rate = files * bits / 8 / 1e6 / statistics.median(seconds)
                found[f"{kind}, {case}"] = {"bits": bits, "files": files, "MB_a_second": rate, "runs": runs}
                text = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
                processor = statistics.median(run["processor"] for run in runs)
                start = max(run["start"] for run in runs)
                table.add_row(
                    f"{kind}, {bits:,}",
                    case,
                    text,
                    f"{processor:.2f}",
                    f"{rate:.0f}",
                    f"{peak / _MEBI:.0f}",
                    f"{start / _MEBI:.0f}",
                )
    Console(width=150).print(table)
    if options.json:
        loads = {"before": load, "after": os.getloadavg()[0]}
        write_json(options.json, {"unit": "seconds and bytes", "cases": found, "load": loads, "about": about()})


if __name__ == "__main__":
    main()
