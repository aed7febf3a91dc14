"""Masks of a small network that has a tensor of every kind, and the folder of a run that holds masks."""

import torch

from maskscope.atlases import AtlasMasks, NamedMask
from maskscope.masks import BinaryMask
from maskscope.storage import write_json, write_tensors

SHAPES = {
    "layer.weight": (40, 60),
    "conv.weight": (6, 4, 3, 3),
    "bias": (150,),
    "far.weight": (600, 900),
    "last.weight": (4, 900),
}


def random_mask(seed, density, shapes=SHAPES, **made_by):
    generator = torch.Generator().manual_seed(seed)
    bits = {name: torch.rand(shape, generator=generator) < density for name, shape in shapes.items()}
    # a corner that is full, so that shading is not the same everywhere
    for one in bits.values():
        one[:2] = True
    return BinaryMask(bits, made_by=made_by)


def atlas_masks(**more):
    masks = [
        ("add", 0, random_mask(0, 0.2)),
        ("mul", 0, random_mask(1, 0.4)),
        ("add", 1, random_mask(2, 0.3)),
        ("add", 2, random_mask(3, 0.25)),
        ("all", 0, random_mask(4, 0.6)),
    ]
    named = tuple(NamedMask(function, repeat, mask) for function, repeat, mask in masks)
    return AtlasMasks("A </script> of <b>masks</b>", ("One network.",), named, **more)


def run_folder(folder, seeds=(0, 2), shapes=None):
    """What a run leaves of its masks: of each network, one for each of two functions, a repeat of the first, one for both."""
    shapes = shapes or {"layer.weight": (4, 6)}
    for seed in seeds:
        network = f"seed-{seed}-network-0123456789ab"
        _artefact(folder, network, {}, seed)
        weights = {name: torch.full(shape, float(seed)) for name, shape in shapes.items()}
        path = folder / "artefacts" / network / "weights.safetensors"
        write_tensors(path, weights | {"bias": torch.ones(3)}, kind="weights", metadata={})
        made_from = {"network": network}
        for place, role in enumerate(["all/0", "add/0", "mul/0", "add/1"]):
            name = f"seed-{seed}-mask-{role.replace('/', '-')}-0123456789ab"
            _artefact(folder, name, {"network": network}, seed)
            random_mask(10 * seed + place, 0.5, shapes).save(folder / "artefacts" / name / "mask.safetensors")
            made_from[role] = name
        other = f"seed-{seed}-mask-add-0-other-0123456789ab"
        _artefact(folder, other, {"network": "another"}, seed)
        _artefact(folder, f"seed-{seed}-analysis-0123456789ab", made_from | {"other/add/0": other}, seed)
        _artefact(folder, f"seed-{seed}-analysis-untrained-0123456789ab", {}, seed)
    return folder


def _artefact(folder, name, made_from, seed):
    path = folder / "artefacts" / name / "made.json"
    path.parent.mkdir(parents=True)
    write_json(path, {"settings": {"study": "a study", "seed": seed}, "from": made_from, "made_at_ns": 1})
