"""Writes smoke.json: run ``python -m tests.goldens.make`` where numbers may change, and say in the commit why they did."""

import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.goldens.extract import digests, kinds, record_of

FILE = Path(__file__).with_name("smoke.json")
_PACKAGES = ("torch", "numpy", "scipy", "numba")
_ARITHMETIC = {"digits": 1, "train_items": 200, "fit": {"steps": 8}, "mask": {"steps": 5}, "repeats": 1, "random_draws": 1}
_IMAGES = {"fit": {"steps": 3, "batch_size": 8}, "mask": {"steps": 2, "batch_size": 8, "samples_per_step": 2}}
_SEQUENCES = {"fit": {"steps": 3, "batch_size": 8}, "mask": {"steps": 2, "batch_size": 8, "samples_per_step": 2}}
_MATHEMATICS = {**_SEQUENCES, "train_items": 40, "held_out": 4, "width": 8, "feedforward": 8}
# where the preset smoke takes longer than a second, it is made smaller; where it leaves a measurement out, that is switched on
CHANGES = {
    ("addition-multiplication", "mlp"): {**_ARITHMETIC, "repeats": 4, "controls": [], "unrelated": 2},
    ("addition-multiplication", "lstm"): _ARITHMETIC,
    ("addition-multiplication", "transformer"): {**_ARITHMETIC, "repeats": 0},
    ("double-addition", "mlp"): {
        **_ARITHMETIC,
        "controls": ["untrained", "shuffled-weights", "shuffled-labels", "copied-io"],
        "unrelated": 1,
    },
    ("double-addition", "lstm"): {**_ARITHMETIC, "mode": "only_one_io"},
    ("double-addition", "transformer"): {**_ARITHMETIC, "controls": []},
    ("permuted-mnist", "mlp"): {"tasks": 3},
    ("cifar10-class-removal", "cnn"): {**_IMAGES, "classes": ["cat"], "repeats": 1},
    ("cifar10-class-removal", "cnn-no-dropout"): {
        **_IMAGES,
        "gradient_cosine": "airplane",
    },
    ("cifar10-class-removal", "resnet20"): {**_IMAGES, "classes": ["cat"], "augment": True},
    # its code is that of resnet20, and it takes a minute: its settings alone are kept
    ("cifar10-class-removal", "resnet110"): None,
    ("cifar10-mask-stability", "cnn-no-dropout"): _IMAGES,
    ("cifar10-mask-stability", "cnn"): {**_IMAGES, "pairs": 1, "controls": ["shuffled-weights"]},
    ("scan", "lstm"): {
        **_SEQUENCES,
        "width": 8,
        "test_items": 6,
        "splits": ["jump", "turn_left"],
        "decoder_drops": True,
    },
    ("scan", "transformer"): {**_SEQUENCES, "test_items": 6, "baselines": False, "repeats": 1, "controls": ["untrained"]},
    ("mathematics", "add_or_sub"): {**_MATHEMATICS, "masks_on": ["easy", "medium"]},
    ("mathematics", "linear_1d"): _MATHEMATICS,
    ("mathematics", "differentiate"): _MATHEMATICS,
    ("mathematics", "sort"): _MATHEMATICS,
    ("mathematics", "collect"): _MATHEMATICS,
}
# |weight x gradient| is over 2,048 items here, as in every record; for the others over 32, as it is most of what they take
AS_MANY_ITEMS = {("addition-multiplication", "mlp")}


def machine():
    """What the last bits of numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"processor": (names or [platform.processor()])[0], **{name: version(name) for name in _PACKAGES}}


def changed(spec, changes):
    """The JSON of settings with others in place."""
    return {
        name: changed(value, changes[name]) if isinstance(changes.get(name), dict) else changes.get(name, value)
        for name, value in spec.items()
    }


def main():
    goldens = []
    for (study, kind), preset in kinds().items():
        changes = CHANGES[study, kind]
        golden = {"study": study, "kind": kind, "preset": preset}
        if changes is not None:
            golden["spec"] = changed(preset, changes)
            golden["scoring"] = "all items" if (study, kind) in AS_MANY_ITEMS else "few items"
            with tempfile.TemporaryDirectory() as folder:
                golden["digests"] = digests(record_of(golden, folder))
        goldens.append(golden)
    FILE.write_text(json.dumps({"machine": machine(), "goldens": goldens}, indent=1) + "\n")


if __name__ == "__main__":
    main()
