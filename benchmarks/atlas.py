"""How large an atlas of 20 million weights is, and how smoothly it pans and zooms.

    python -m benchmarks.atlas --json atlas.json --browser

Sizes are measured with masks without any pattern, which is the worst case, and with masks that keep weights in some rows and
columns only, as found masks do. No coding of masks without a pattern is smaller than the entropy of bits of their density; it is
given in base64. Frames are those of a headless browser on this machine: the largest tensor is dragged and zoomed by events.
"""

import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from maskscope import BinaryMask, atlas
from maskscope.storage import write_json

SHAPES = {"encoder": (4000, 4000), "decoder": (1000, 3936), "kernels": (64, 100, 3, 3), "bias": (6400,)}
FRAMES = 120

# Drags the map in a circle, or zooms in and out, an event a frame; returns the milliseconds between frames and of drawing.
DRIVE = """async ({kind, frames}) => {
  const {map} = maskscopeAtlas, canvas = map.canvas, box = canvas.getBoundingClientRect(), times = [], took = [];
  const fire = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, {
    pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true}));
  canvas.focus();
  map.fit();
  if (kind === "drag close") map.zoomBy(12);
  const middle = [box.width / 2, box.height / 2], turn = i => 2 * Math.PI * i / frames;
  if (kind !== "zoom") fire("pointerdown", middle[0] + 120, middle[1]);
  for (let i = 0; i < frames; i++) {
    if (kind === "zoom") {
      canvas.dispatchEvent(new WheelEvent("wheel", {
        deltaY: i < frames / 2 ? -30 : 30, clientX: box.left + middle[0], clientY: box.top + middle[1], cancelable: true}));
    } else fire("pointermove", middle[0] + 120 * Math.cos(turn(i)), middle[1] + 120 * Math.sin(turn(i)));
    times.push(await new Promise(requestAnimationFrame));
    took.push(map.took);
  }
  if (kind !== "zoom") fire("pointerup", 0, 0);
  return {between: times.slice(1).map((time, i) => time - times[i]), took: took.slice(1)};
}"""
CHOOSE = """() => {
  const began = performance.now(), select = document.getElementById("b");
  select.value = Number(select.value) === 1 ? 2 : 1;
  select.dispatchEvent(new Event("change"));
  maskscopeAtlas.map.drawNow();
  return performance.now() - began;
}"""


@dataclass(frozen=True)
class Options:
    """Size of an atlas, and frames a second."""

    densities: tuple[float, ...] = (0.02, 0.05, 0.08, 0.1)
    """Shares of weights that a mask keeps."""
    masks: int = 4
    """How many masks."""
    browser: bool = False
    """Whether to measure in a browser, too: with the masks without a pattern of 5 %."""
    repeats: int = 5
    """How often each movement is measured."""
    json: Path = Path("atlas.json")
    """The file of results."""


@dataclass(frozen=True)
class Size:
    """One file."""

    kind: str
    density: float
    bytes: int
    bound: int


def masks_of(kind: str, density: float, count: int) -> dict[str, BinaryMask]:
    """Masks without a pattern; or those that keep a share of the rows and of the columns, and of their weights some at random."""
    random = np.random.Generator(np.random.Philox(0))
    return {
        f"function {number}": BinaryMask({name: _bits(random, shape, kind, density) for name, shape in SHAPES.items()})
        for number in range(count)
    }


def _bits(random: np.random.Generator, shape: Sequence[int], kind: str, density: float) -> torch.Tensor:
    bits = random.random(shape, dtype=np.float32)
    if kind == "random" or len(shape) < 2:
        return torch.from_numpy(bits < density)
    share = density ** (1 / 3)  # of the rows, of the columns, and of the weights where they cross
    rows, columns = (random.random(size) < share for size in shape[:2])
    crossing = np.outer(rows, columns).reshape(*shape[:2], *[1] * (len(shape) - 2))
    return torch.from_numpy((bits < share) & crossing)


def bound_of(masks: dict[str, BinaryMask]) -> int:
    """The bytes, in base64, below which masks of these densities without a pattern cannot be written."""
    bits = 0.0
    for mask in masks.values():
        for one in mask.values():
            p = float(one.float().mean())
            bits -= one.numel() * (p * np.log2(p) + (1 - p) * np.log2(1 - p)) if 0 < p < 1 else 0.0
    return round(bits / 8 * 4 / 3)


def in_browser(file: Path, repeats: int) -> dict[str, Any]:
    """Milliseconds until an atlas is drawn, for another choice of masks, and for each frame of three movements."""
    from tests.browser import browser

    found: dict[str, Any] = {}
    with browser() as launched:
        page = launched.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.absolute().as_uri())
        page.wait_for_selector("#map[data-drawn]", timeout=120_000)
        found["loading"] = page.evaluate("performance.now()")
        found["browser"] = launched.version
        found["canvas"] = page.evaluate("[maskscopeAtlas.map.canvas.width, maskscopeAtlas.map.canvas.height]")
        found["choosing"] = [page.evaluate(CHOOSE) for _ in range(repeats)]
        for kind in ("drag far", "drag close", "zoom"):
            runs = [page.evaluate(DRIVE, {"kind": kind, "frames": FRAMES}) for _ in range(repeats)]
            found[kind] = [
                {
                    "frames_a_second": 1000 / statistics.mean(run["between"]),
                    "slowest": max(run["between"]),
                    "drawing": statistics.mean(run["took"]),
                }
                for run in runs
            ]
    return found


def main(options: Options) -> None:
    """Measures, prints and writes."""
    sizes, frames = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("random", "structured"):
            for density in options.densities:
                masks = masks_of(kind, density, options.masks)
                written = atlas(masks, Path(folder) / "atlas.html")
                sizes.append(Size(kind, density, written.bytes, bound_of(masks)))
                print(f"{kind} {density:.0%}: {written.bytes / 1e6:.2f} MB; bound {sizes[-1].bound / 1e6:.2f} MB")
                if options.browser and (kind, density) == ("random", 0.05):
                    frames = in_browser(written.path, options.repeats)
                    for name, value in frames.items():
                        print(f"  {name}: {value}")
    weights = sum(int(np.prod(shape)) for shape in SHAPES.values())
    write_json(
        options.json,
        {
            "weights": weights,
            "masks": options.masks,
            "sizes": [asdict(size) for size in sizes],
            "browser": frames,
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        },
    )


if __name__ == "__main__":
    main(tyro.cli(Options))
