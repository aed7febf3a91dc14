"""Forecasts memory and time of searches on networks of 1, 7 and 70 billion weights, for docs/scale.md; nothing is run.

    python -m benchmarks.scale > table.md

Bytes for each weight are those of `maskscope.training.needs`. Shapes are those of usual decoders; what is assumed is in the page.
"""

from dataclasses import dataclass

import torch

from maskscope.masks import select
from maskscope.training import Compute, needs
from maskscope.zoo import MLP

GPUS, GPU_BYTES = (1, 8, 64), 80e9
SAMPLES, TOKENS, STEPS = 4, 2048, 1_000
VOCABULARY = 32_000
# published peak of an H100 (SXM) for dense bfloat16 products, and the share of it that is assumed
PEAK, SHARE = 989e12, 0.4


@dataclass(frozen=True)
class Decoder:
    """A transformer: its weights in billions, its layers and its width."""

    billions: int
    layers: int
    width: int


SIZES = (Decoder(1, 16, 2048), Decoder(7, 32, 4096), Decoder(70, 80, 8192))


def bytes_each(state: str) -> dict[str, float]:
    """Bytes for each masked weight, by part, as the code counts them on a network of linear layers in bfloat16."""
    network = MLP([64, 64, 64]).to(torch.bfloat16)
    selection = select(network, exclude=["*bias"])
    compute = Compute(executor="sequential", state=state)  # type: ignore[arg-type]
    rows = needs(network, selection, compute, torch.device("cpu"), samples=SAMPLES, masks=1, checks=False)
    kept = {need.what: need.bytes / selection.count for need in rows[:4]}
    return {"weights": 2.0, **kept, "masked copy": 2.0, "weight gradient": 2.0}


def activations(size: Decoder) -> float:
    """Bytes of one part of `TOKENS` tokens: with checkpoints at every layer, one layer in full, and the scores of the last."""
    edges = size.layers * TOKENS * size.width * 2
    inside = 34 * TOKENS * size.width
    return edges + inside + 3 * TOKENS * VOCABULARY * 4


def rows() -> list[str]:
    """The rows of the table."""
    found = []
    for size in SIZES:
        for state in ("full", "lean"):
            each = bytes_each(state)
            # a search by several processes has the full state only (docs/sharded.md)
            for gpus in GPUS if state == "full" else GPUS[:1]:
                weights = size.billions * 1e9
                mine = sum(each.values()) * weights / gpus
                layer = 0.0 if gpus == 1 else 2 * 2 * weights / size.layers  # a layer gathered, and its gradient
                needed = mine + layer + activations(size)
                # forward, forward again for the checkpoints, backward: 8 operations a weight and token; a part for each GPU
                seconds = 8 * weights * TOKENS * SAMPLES * max(1, gpus / SAMPLES) / (gpus * PEAK * SHARE)
                fits = "yes" if needed < 0.9 * GPU_BYTES else "no"
                time = f"{seconds:.2g} | {STEPS * seconds / 3600:.1f}" if fits == "yes" else " | "
                found.append(
                    f"| {size.billions} B | {state} | {gpus} | {mine / 1e9:,.1f} | {layer / 1e9:.1f} | "
                    f"{activations(size) / 1e9:.1f} | {needed / 1e9:,.1f} | {fits} | {time} |"
                )
    return found


def main() -> None:
    """Prints the tables."""
    full, lean = bytes_each("full"), bytes_each("lean")
    print("| bytes for each masked weight | full | lean |\n|---|---|---|")
    for (what, one), other in zip(full.items(), lean.values(), strict=True):
        print(f"| {what.replace('two moments of Adam', 'moments')} | {one:g} | {other:g} |")
    print(f"| together | {sum(full.values()):g} | {sum(lean.values()):g} |\n")
    print("| weights | state | GPUs | kept on each, GB | layer | activations | together | fits | s a step | hours |")
    print("|---" * 10 + "|")
    print("\n".join(rows()))


if __name__ == "__main__":
    main()
