"""Which filters of a small CNN, and which heads of a small Transformer, does each function of the network need?

One bit of a mask need not stand for one weight: here it stands for a filter, a head or a neuron. Each network learns two
functions; then we look for the smallest set of units that keeps .95 of a function's score. Nothing is downloaded.

    pip install 'maskscope[all]'
    python units.py             # about a minute: prints what it finds and draws units.png
    python units.py --quick     # a few seconds: shows that everything runs, not that anything is found
"""

import random
import sys
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits
from torch import Tensor, nn

import maskscope as ms

Part = tuple[Tensor, Tensor]  # some inputs with their right answers
Functions = dict[str, tuple[list[Part], Part]]  # for each function: parts to train and search with, and a part to test on
Masks = dict[str, list[ms.BinaryMask]]
SHADES = ("#e3e6ea", "#8fc3e4", "#0072b2"), ("#e3e6ea", "#f2b58a", "#d55e00")  # by function, and by how many searches keep it


def loss(network: nn.Module, part: Part) -> Tensor:
    """What training and searches make small."""
    return nn.functional.cross_entropy(network(part[0]), part[1])


def score(network: nn.Module, part: Part) -> Tensor:
    """Which answers are right; a mask has to keep .95 of their share."""
    return torch.eq(network(part[0]).argmax(-1), part[1])


def cut(inputs: Tensor, answers: Tensor, size: int) -> tuple[list[Part], Part]:
    """Seventy parts of some items each, and the rest to test on."""
    used = 70 * size
    parts = zip(inputs[:used].split(size), answers[:used].split(size), strict=True)
    return list(parts), (inputs[used:], answers[used:])


def digits() -> Functions:
    """The functions of the CNN: to name the digits from 0 to 4, and those from 5 to 9, in images of 8x8 pixels."""
    pixels, labels = map(torch.tensor, load_digits(return_X_y=True))
    order = torch.randperm(len(labels))
    images, labels = pixels[order].float().view(-1, 1, 8, 8) / 16, labels[order]
    low = labels < 5
    return {"digits 0 to 4": cut(images[low], labels[low], 10), "digits 5 to 9": cut(images[~low], labels[~low], 10)}


def sequences() -> Functions:
    """The functions of the Transformer, on five symbols from 0 to 7: does the first one come again, and which is the largest?

    A token before the symbols says which is asked: 8 or 9. These two are also the answers no and yes.
    """
    symbols = torch.randint(8, (6_000, 5))
    again = 8 + (symbols[:, 1:] == symbols[:, :1]).any(1).long()
    asked = [nn.functional.pad(symbols, (1, 0), value=token) for token in (8, 9)]
    return {"first again?": cut(asked[0], again, 75), "largest?": cut(asked[1], symbols.amax(1), 75)}


class Transformer(nn.Module):
    """Two layers of four heads; the answer is read off the first place."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(10, width), nn.Parameter(0.1 * torch.randn(6, width))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, width, dropout=0.0, batch_first=True), 2)
        self.answer = nn.Linear(width, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the ten answers."""
        logits: Tensor = self.answer(self.encoder(self.embedding(tokens) + self.places)[:, 0])
        return logits


def train(network: nn.Module, functions: Functions, steps: int) -> None:
    """Teaches a network its functions, all of them in each step."""
    together = zip(*(parts for parts, _ in functions.values()), strict=True)
    batches = [tuple(map(torch.cat, zip(*parts, strict=True))) for parts in together]
    ms.fit(network, loss, batches, config=ms.FitConfig(steps=steps, learning_rate=0.005), seed=0)


def find(network: nn.Module, functions: Functions, selection: ms.Selection, steps: int) -> Masks:
    """Two masks for each function, with the data in another order: no two functions can be expected to share more than these."""
    size = ms.BehaviourKept(0.95, of="score")  # judged on the last fifth of the parts, which are not searched with
    config = ms.MaskConfig.recommended(steps=steps, size=size)
    wanted = [
        ms.MaskSearch(name, random.Random(repeat).sample(parts, min(len(parts), 10 * steps)), repeat=repeat)
        for name, (parts, _) in functions.items()
        for repeat in (0, 1)
    ]
    found = ms.discover_many(network, loss, wanted, selection=selection, config=config, score=score, watch=False)
    return {name: [one.mask for one in found[2 * place : 2 * place + 2]] for place, name in enumerate(functions)}


def tell(title: str, network: nn.Module, functions: Functions, masks: Masks) -> None:
    """Prints the size of each mask, the score with its units and without them, and the overlaps."""
    print(title)
    for name, (mask, repeat) in masks.items():
        inputs, answers = functions[name][1]
        given = [ms.call_masked(network, units, inputs) for units in (mask, mask | ~mask, ~mask)]
        right = [(logits.argmax(-1) == answers).float().mean() for logits in given]
        print(f"  {name:13} keeps {mask.kept} of {mask.count} units (a second search: {repeat.kept}). Right answers:", end=" ")
        print("{:.2f} with these alone, {:.2f} with all, {:.2f} without these.".format(*right))
    (first, again), (second, anew) = masks.values()
    print(f"  Overlap (IoU) of the two functions: {ms.iou(first, second):.2f};", end=" ")
    print(f"of two searches for one function: {ms.iou(first, again):.2f} and {ms.iou(second, anew):.2f}.\n")


def draw(axes: Axes, title: str, masks: Masks, layers: list[str], kernels: Any = None) -> None:
    """A row of units for each function, layer beside layer; inside each unit its kernel, if there are any."""
    for row, pair in enumerate(masks.values()):
        left = 0.0
        for layer in layers:
            first, second = (mask.by_unit()[layer].int() for mask in pair)
            for place, kept in enumerate((first + second).tolist()):
                axes.add_patch(Rectangle((left + place, row), 0.9, 0.9, color=SHADES[row][kept]))
                if kernels is not None:
                    axes.imshow(kernels[place, 0], "gray", extent=(place + 0.15, place + 0.75, row + 0.75, row + 0.15), zorder=2)
            left += len(first) + 0.5
    axes.set(xlim=(0, 24), ylim=(2, 0), aspect="equal", xticks=[], yticks=[0.45, 1.45], yticklabels=masks)
    axes.set_title(title, loc="left", fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def main(picture: str = "units.png", quick: bool = False) -> None:
    """Trains both networks, finds the masks, prints and draws them."""
    training, steps = (10, 2) if quick else (500, 200)
    torch.manual_seed(0)

    functions = digits()
    first, second = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 24, 3, padding=1)
    cnn = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10))
    train(cnn, functions, training)
    filters = find(cnn, functions, ms.select(cnn, ["0.*", "3.*"], units="filter"), steps)
    tell("A CNN; units are filters", cnn, functions, filters)
    weights = find(cnn, functions, ms.select(cnn, ["0.*", "3.*"]), steps)
    tell("The same CNN; units are single weights", cnn, functions, weights)

    functions, transformer = sequences(), Transformer()
    train(transformer, functions, training)
    inside = ms.select(transformer, ["encoder*weight"], exclude=["*norm*"], units={"*attn*": "head", "*": "row"})
    heads = find(transformer, functions, inside, steps)
    tell("A Transformer; units are heads, and neurons of the other layers", transformer, functions, heads)

    figure = Figure((8, 3.8), layout="constrained")
    top, middle, bottom = figure.subplots(3)
    draw(top, "CNN: filters of the first layer, with their kernels", filters, ["0.weight"], first.weight.detach().numpy())
    draw(middle, "CNN: filters of the second layer", filters, ["3.weight"])
    layers = ["encoder.layers.0.self_attn", "encoder.layers.1.self_attn"]
    draw(bottom, "Transformer: heads of the first and of the second layer", heads, layers)
    figure.supxlabel("Dark: both searches for the function keep the unit; pale: one of them does; grey: neither.", fontsize=9)
    figure.savefig(picture, dpi=150)
    print(f"picture: {picture}")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
