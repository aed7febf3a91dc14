"""One large network on one machine: what a mask step of a GPT-2 of 124 million weights costs, and what memory it takes.

    python -m benchmarks.large                          a quarter of an hour on two busy cores; writes large.json and large.md

The network has random weights and is made from a configuration; nothing is downloaded. *Plain* is forward and backward of the
same S parts, with the gradients of all weights and without an optimizer. *Mask* is a step of a search, with its optimizer. They
take turns. Each search runs in a process of its own, whose peak of the resident set, above what it held with the network, is
compared with the forecast of `maskscope.training.needs` and `measure_part`.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from benchmarks.turns import about, busy_cores, timing
from maskscope.masks import Selection, evaluation_mode, select
from maskscope.storage import write_bytes, write_json
from maskscope.training import Compute, MaskConfig, MaskObjective, MaskSearch, discover, measure_part, needs

SAMPLES = 4
NO_EMBEDDINGS = ("*wte*", "*wpe*")
# tokens of a part, what is left out, dtype of the copies, state
CASES = {
    "256 tokens, all weights": (256, (), "weight", "full"),
    "256 tokens, all weights, lean": (256, (), "weight", "lean"),
    "512 tokens, no embeddings, bfloat16": (512, NO_EMBEDDINGS, "bfloat16", "full"),
}


@dataclass(frozen=True)
class Options:
    """Cost of a mask step of GPT-2, and its memory."""

    cases: tuple[str, ...] = tuple(CASES)
    """Which searches."""
    turns: int = 3
    """Steps of each kind that are counted; their median is reported."""
    layers: int = 12
    """Of the network; fewer for a trial."""
    out: Path = Path("large.json")
    """The file of results; a table of the same name is written beside it."""
    case: str = ""
    """Used by the program itself: one case, whose numbers it prints."""


def gpt2(layers: int, **changes: int) -> nn.Module:
    """GPT-2 without dropout, with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    off: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "use_cache": False}
    none: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None}
    torch.manual_seed(0)
    network: nn.Module = GPT2LMHeadModel(GPT2Config(n_layer=layers, **off, **none, **changes)).eval()
    return network


def language_loss(network: Callable[..., Any], tokens: Tensor) -> Tensor:
    """Mean cross-entropy of the next token."""
    scores = network(input_ids=tokens).logits[:, :-1]
    return nn.functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())


def tokens(length: int, symbols: int = 50_257) -> Callable[[int], Tensor]:
    """Parts of one text of random tokens."""
    return lambda index: torch.randint(symbols, (1, length), generator=torch.Generator().manual_seed(index))


def one(options: Options) -> dict[str, float]:
    """Measures one case in this process: first the peak of a search, then steps in turns."""
    length, exclude, dtype, state = CASES[options.case]
    compute = Compute(executor="sequential", dtype=dtype, state=state)  # type: ignore[arg-type]
    config = MaskConfig(steps=2, samples_per_step=SAMPLES)
    tiny = gpt2(1, n_embd=16, n_head=2, vocab_size=64)
    discover(tiny, language_loss, tokens(16, 64), config=config, compute=compute, watch=False)  # compilers and libraries
    network, part = gpt2(options.layers), tokens(length)
    selection = select(network, exclude=exclude)
    before = _resident()
    discover(network, language_loss, part, selection=selection, config=config, compute=compute, watch=False)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
    measured = measure_part(network, language_loss, part(0), selection, compute, None)
    assert measured is not None, "the loss can be computed"
    rows = needs(network, selection, compute, torch.device("cpu"), samples=SAMPLES, masks=1)
    forecast = sum(need.bytes for need in rows) + measured.bytes
    return {"masked": selection.count, "peak": peak, "forecast": forecast, **_times(network, selection, part, compute, options)}


def _times(
    network: nn.Module, selection: Selection, part: Callable[[int], Tensor], compute: Compute, options: Options
) -> dict[str, float]:
    objective = MaskObjective(network, language_loss, [MaskSearch("large", part)], selection, MaskConfig(), compute, check=False)
    optimizer = objective.optimizer("adam", {"lr": 1e-9, "betas": (0.9, 0.999), "eps": 1e-8})
    reduced = compute.dtype == "bfloat16"

    def plain(step: int) -> None:
        for sample in range(SAMPLES):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=reduced):
                value = language_loss(network, part(SAMPLES * step + sample))
            torch.autograd.backward(value)
        network.zero_grad()

    kinds: dict[str, Callable[[int], object]] = {
        "plain": plain,
        "gradient": objective.accumulate,
        "optimizer": lambda _step: optimizer.step(),
    }
    wall: dict[str, list[float]] = {kind: [] for kind in kinds}
    processor: dict[str, list[float]] = {kind: [] for kind in kinds}
    with evaluation_mode(network), closing(objective):
        for step in range(options.turns + 1):
            for kind, run in kinds.items():
                began = time.perf_counter(), time.process_time()
                run(step)
                if step:  # the first has the reference loss, and warms up
                    wall[kind].append(time.perf_counter() - began[0])
                    processor[kind].append(time.process_time() - began[1])
    found = {f"{kind}_s": timing(values).median for kind, values in wall.items()}
    return found | {f"{kind}_processor_s": timing(values).median for kind, values in processor.items()}


def _resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def table(found: dict[str, dict[str, float]], result: dict[str, Any]) -> str:
    """The results as Markdown."""
    machine, busy = result["about"]["machine"], [result[f"busy_cores_{when}"] for when in ("before", "after")]
    seconds = ("plain, s", "mask: gradients, s", "optimizer, s", "over plain", "with optimizer", "by processor time")
    columns = ("search", *seconds, "forecast, MiB", "peak, MiB")
    lines = [
        "# One large network on one machine\n\n    python -m benchmarks.large\n",
        f"GPT-2 of {result['layers']} layers with random weights (124 million with 12), S = {SAMPLES} parts of one text a step,",
        f"executor `sequential`; medians of {result['turns']} in turns. The peak is above what the process held with the",
        "network, over a search of two steps with its check and its judgement.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']};",
        f"{result['threads']} threads; other programs kept {busy[0]:.2f} cores busy before and {busy[1]:.2f} after.",
        "[Numbers](large.json).\n",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for case, row in found.items():
        step = row["gradient_s"] + row["optimizer_s"]
        own = (row["gradient_processor_s"] + row["optimizer_processor_s"]) / row["plain_processor_s"]
        ratios = f"{row['gradient_s'] / row['plain_s']:.2f} | {step / row['plain_s']:.2f} | {own:.2f}"
        times = f"{row['plain_s']:.2f} | {row['gradient_s']:.2f} | {row['optimizer_s']:.2f}"
        lines.append(f"| {case} | {times} | {ratios} | {row['forecast'] / 2**20:,.0f} | {row['peak'] / 2**20:,.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs every case, writes."""
    options = tyro.cli(Options, prog="python -m benchmarks.large")
    if options.case:
        warnings.simplefilter("ignore")  # two steps make a weak mask
        print(json.dumps(one(options)))
        return
    result: dict[str, Any] = {"turns": options.turns, "layers": options.layers, "threads": torch.get_num_threads()}
    result["busy_cores_before"] = busy_cores()
    found = {}
    for case in options.cases:
        own = ["--case", case, "--turns", str(options.turns), "--layers", str(options.layers)]
        command = [sys.executable, "-m", "benchmarks.large", *own]
        environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        found[case] = json.loads(printed.splitlines()[-1])
        print(case, found[case], flush=True)
    result |= {"busy_cores_after": busy_cores(), "about": about(), "cases": found}
    write_json(options.out, result)
    write_bytes(options.out.with_suffix(".md"), table(found, result).encode())


if __name__ == "__main__":
    main()
