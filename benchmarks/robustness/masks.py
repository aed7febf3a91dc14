"""Mask files with something changed: the same mask comes out of each, or an error of ours, and never another mask."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn

from benchmarks.robustness.study import Outcome
from maskscope.errors import FileFormatError, MaskMismatchError
from maskscope.masks import BinaryMask, MaskLogits, select
from maskscope.storage import Json, pack_tensors, unpack_tensors

Mutation = Callable[[Random, bytes, bytes], bytes]
_NUMBERS: tuple[Any, ...] = (-1, 0, 1, 9, 2**31, 2**63, 10**30, 0.5)
_ODD = (*_NUMBERS, None, True, "", "U8", "F32", "\x00", [], [0], [-1, -1], [2**62, 4], {})


def masks(folder: Path, count: int, seed: int) -> list[Outcome]:
    """Loads ``count`` mutated files for the network of the mask, a line for each way of changing them."""
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(seed)
    network, pair = example()
    written = [_bytes(mask, folder / "whole") for mask in pair]
    return [_outcome(name, -(-count // len(MUTATIONS)), random, network, pair, written, folder) for name in MUTATIONS]


def _outcome(
    name: str, count: int, random: Random, network: nn.Module, pair: list[BinaryMask], written: list[bytes], folder: Path
) -> Outcome:
    found, faults = Counter[str](), list[str]()
    for _ in range(count):
        content = mutated(name, random, written)
        what = outcome_of(content, folder / "mutated", network, pair[0])
        found[what] += 1
        if what not in ("refused", "another network's", "same mask"):
            kept = folder / f"fault-{len(faults)}-{name.replace(' ', '-')}"
            kept.write_bytes(content)
            faults.append(f"{what} from {kept}")
    return Outcome(
        f"masks, {name}", count, ", ".join(f"{number:,} {what}" for what, number in sorted(found.items())), tuple(faults)
    )


def mutated(name: str, random: Random, written: list[bytes]) -> bytes:
    """The first of two files, changed in a way; a splice can also give back one of them whole, which is no change."""
    while (content := MUTATIONS[name](random, *written)) in written:
        pass
    return content


def outcome_of(content: bytes, file: Path, network: nn.Module, mask: BinaryMask) -> str:
    """What comes of loading some bytes as a mask of a network."""
    file.write_bytes(content)
    try:
        found = BinaryMask.load(file, network)
    except FileFormatError:
        return "refused"
    except MaskMismatchError:
        return "another network's"
    except Exception as error:  # that it could be anything is what is asked
        return f"{type(error).__name__} ({error})"
    return "same mask" if found == mask and found.weights.keys() == mask.weights.keys() else "ANOTHER MASK"


def example() -> tuple[nn.Module, list[BinaryMask]]:
    """A network, and two masks of it."""
    network = nn.Sequential(nn.Linear(3, 5), nn.Conv1d(1, 2, 3), nn.Linear(11, 1))
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape, generator=random))
    selection = select(network)
    flat = [torch.randn(selection.count, generator=random) for _ in range(2)]
    found = [MaskLogits(selection, logits) for logits in flat]
    made_by: list[Json] = [{"config": {"estimator": "rao-blackwell"}, "noise": {"seed": seed}} for seed in range(2)]
    weights_of = selection.of(network)
    return network, [BinaryMask.from_logits(logits, weights_of, how) for logits, how in zip(found, made_by, strict=True)]


def _bytes(mask: BinaryMask, file: Path) -> bytes:
    mask.save(file)
    return file.read_bytes()


def _flipped(random: Random, content: bytes, _: bytes) -> bytes:
    changed = bytearray(content)
    for _bit in range(random.randint(1, 8)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(random: Random, content: bytes, _: bytes) -> bytes:
    if random.random() < 0.2:
        return content + random.randbytes(random.randint(1, 64))
    return content[: random.randrange(len(content))]


def _spliced(random: Random, content: bytes, other: bytes) -> bytes:
    """A part of this file or of another mask's takes the place of a part."""
    source = random.choice((content, other))
    begin, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    first, last = sorted(random.randrange(len(source) + 1) for _ in range(2))
    if random.random() < 0.5:  # the same place, so that lengths and offsets go on being right
        source, first, last = other, begin, end
    return content[:begin] + source[first:last] + content[end:]


def _edited_header(random: Random, content: bytes, _: bytes) -> bytes:
    """A value of safetensors' header, or of what we note in it, is another; the checksum is as it was."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    noted = json.loads(header["__metadata__"]["maskscope"])
    if random.random() < 0.5:
        _edit(random, header)
    else:
        _edit(random, noted)
        header["__metadata__"]["maskscope"] = json.dumps(noted, sort_keys=True, separators=(",", ":"))
    text = json.dumps(header, separators=random.choice(((",", ":"), (", ", ": ")))).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _signed_again(random: Random, content: bytes, _: bytes) -> bytes:
    """What describes the bits is another, and the checksum is right: as if a program had written it so."""
    tensors, metadata = unpack_tensors(content, kind="mask", source="a mask")
    changed = copy.deepcopy(metadata)
    _edit(random, changed)
    return pack_tensors(tensors, kind="mask", metadata=changed)


def _edit(random: Random, value: Any) -> None:
    """Changes, removes, renames or adds one thing somewhere in a JSON value."""
    places = [(holder, key) for holder, key in _places(value)]
    holder, key = random.choice(places)
    deed = random.choice(("change", "change", "remove", "rename", "swap"))
    if deed == "remove":
        del holder[key]
    elif deed == "rename" and isinstance(holder, dict):
        holder[random.choice(("", "w", "0.weight", "made_by", "shape", "__metadata__"))] = holder.pop(key)
    elif deed == "swap":
        other, place = random.choice(places)
        holder[key], other[place] = copy.deepcopy(other[place]), copy.deepcopy(holder[key])
    else:
        holder[key] = copy.deepcopy(random.choice(_ODD))


def _places(value: Any) -> list[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in list(inside) for place in ((value, key), *_places(item))]


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": _flipped,
    "cut or longer": _cut,
    "spliced": _spliced,
    "header edited": _edited_header,
    "edited and signed again": _signed_again,
}
