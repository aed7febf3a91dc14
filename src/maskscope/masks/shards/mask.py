"""The mask of a network that processes share: each process has the bits of its own parts of the weights."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError
from maskscope.masks.binary import BinaryMask
from maskscope.masks.bits import MaskedWeight, check_mask
from maskscope.masks.selection import dtype_name
from maskscope.masks.shards.files import MaskHeader, Range, read_ranges, read_shards, write_shards
from maskscope.masks.shards.processes import Processes
from maskscope.masks.shards.shard import Shard, is_shard, parameters_of, processes_of, shards_of
from maskscope.storage import Json, tensor_digest, user_path


@final
@dataclass(frozen=True, eq=False)
class ShardedMask:
    """The bits of this process's parts of the weights; together, those of all processes are one mask.

    Its operations are those of `BinaryMask`: ``a & b``, ``a | b``, ``a - b``, ``~a``. They need no other process. Whatever counts
    or saves (`kept`, `density`, `whole`, `save`) has to be called in every process, because it waits for all of them.

    Args:
        bits: by dotted name, in the shapes of the parts.
        shards: which part of each weight this process has, by dotted name.
        processes: the processes that share the weights.
        weights: the dtype and digest of the *whole* weights that the mask was found on, by name.
        made_by: how the mask was made.

    Examples:
        >>> import torch, maskscope as ms
        >>> from maskscope.masks.shards import Processes, Shard
        >>> second = Processes(rank=1, size=2, device=torch.device("cpu"))
        >>> rows = {"weight": Shard("weight", shape=(3, 2), begin=4, local_shape=(1, 2))}
        >>> mask = ms.ShardedMask({"weight": torch.tensor([[True, False]])}, rows, second)
        >>> mask, (~mask).bits["weight"]
        (ShardedMask(6 weights in 1 tensors over 2 processes), tensor([[False,  True]]))
    """

    bits: Mapping[str, Tensor]
    shards: Mapping[str, Shard]
    processes: Processes
    weights: Mapping[str, MaskedWeight] = field(default_factory=dict)
    made_by: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [
            f"{name}: expected bool bits of shape {list(shard.local_shape)}"
            for name, shard in self.shards.items()
            if (one := self.bits.get(name)) is None or one.dtype != torch.bool or tuple(one.shape) != shard.local_shape
        ]
        if faults or set(self.bits) != set(self.shards):
            raise MaskMismatchError("The bits are not those of this process's parts:\n  " + "\n  ".join(faults or self.bits))

    def __invert__(self) -> "ShardedMask":
        return replace(self, bits={name: ~bits for name, bits in self.bits.items()}, made_by={"not": self.made_by})

    def __and__(self, other: "ShardedMask") -> "ShardedMask":
        return self._combine(other, "and", torch.logical_and)

    def __or__(self, other: "ShardedMask") -> "ShardedMask":
        return self._combine(other, "or", torch.logical_or)

    def __sub__(self, other: "ShardedMask") -> "ShardedMask":
        return self._combine(other, "minus", lambda mine, theirs: mine & ~theirs)

    def __repr__(self) -> str:
        return f"ShardedMask({self.count:,} weights in {len(self.shards)} tensors over {self.processes.size} processes)"

    @property
    def count(self) -> int:
        """The number of weights that the whole mask covers, kept or not."""
        return sum(torch.Size(shard.shape).numel() for shard in self.shards.values())

    @property
    def kept(self) -> int:
        """The number of weights kept in all processes together."""
        return int(self.processes.totals(sum(int(torch.count_nonzero(bits)) for bits in self.bits.values()))[0])

    @property
    def density(self) -> float:
        """The share of weights kept in all processes together."""
        return self.kept / self.count

    def whole(self) -> BinaryMask:
        """The whole mask, in every process: for networks whose masks fit into one (a byte a weight).

        It is gathered tensor by tensor.
        """
        tensors = {name: self._whole(bits, self.shards[name]) for name, bits in self.bits.items()}
        return BinaryMask(tensors, self.weights, self.made_by)

    def save(self, folder: str | Path) -> None:
        """Writes the mask into a new folder that all processes see, whole or not at all: one file for each process.

        It can be loaded by another number of processes (`load`), or by one that has no network (`whole_mask`).

        Args:
            folder: must not exist yet; ``~`` is the home folder.

        Raises:
            RunFolderError: it exists, cannot be written, or is not the same folder for all processes.
        """
        ranges = {name: Range(shard.begin, shard.count) for name, shard in self.shards.items()}
        stated: dict[str, Json] = {}
        for name, shard in self.shards.items():
            known = self.weights.get(name, MaskedWeight())
            stated[name] = {"shape": list(shard.shape), "dtype": known.dtype, "weights_sha256": known.digest}
        header = MaskHeader(stated, self.made_by)
        write_shards(user_path(folder, argument="The folder to save the mask to"), self.bits, ranges, header, self.processes)

    @classmethod
    def load(cls, folder: str | Path, network: nn.Module) -> "ShardedMask":
        """Reads what `save` wrote, for the parts that this process has of a network; any number of processes may have saved it.

        Raises:
            FileFormatError: a file is missing, damaged, or of another mask.
            MaskMismatchError: the mask was made for a network with other weights.
        """
        path = user_path(folder, argument="The folder of the mask")
        header = read_shards(path)
        shapes = {name: tuple(entry["shape"]) for name, entry in header.tensors.items()}
        nothing = torch.zeros((), dtype=torch.bool)  # expanded, it takes no memory
        check_mask(network, BinaryMask({name: nothing.expand(shape) for name, shape in shapes.items()}), values=False)
        processes = processes_of(network, shapes)
        now = whole_digests(network, shapes, processes)
        if changed := [name for name, one in header.known.items() if one != MaskedWeight() and one != now[name]]:
            raise MaskMismatchError(f"The weights have other values than those the mask was found on: {', '.join(changed)}.")
        shards = shards_of(network, shapes)
        bits = read_ranges(path, {name: Range(shard.begin, shard.count) for name, shard in shards.items()})
        live = parameters_of(network)
        return cls(
            {name: one.view(shards[name].local_shape).to(live[name].device) for name, one in bits.items()},
            shards,
            processes,
            header.known,
            header.made_by,
        )

    @classmethod
    def of(cls, network: nn.Module, mask: BinaryMask) -> "ShardedMask":
        """This process's parts of a whole mask of single weights.

        Raises:
            MaskMismatchError: the mask does not fit the network, or its weights that are off are not zero.
        """
        check_mask(network, mask, values=False)
        if not mask.off.is_zero:
            raise MaskMismatchError(
                f"Weights that this mask does not keep are {mask.off.kind}; in a sharded network they can only be zero."
            )
        shards = shards_of(network, mask)
        live = parameters_of(network)
        bits = {
            name: mask[name].reshape(-1)[shard.begin : shard.begin + shard.count].view(shard.local_shape).to(live[name].device)
            for name, shard in shards.items()
        }
        return cls(bits, shards, processes_of(network, shards), mask.weights, mask.made_by)

    def _combine(self, other: "ShardedMask", word: str, rule: Callable[[Tensor, Tensor], Tensor]) -> "ShardedMask":
        if self.shards != other.shards:
            raise MaskMismatchError("The two masks do not cover the same weights, or are over other processes.")
        bits = {name: rule(mine, other.bits[name]) for name, mine in self.bits.items()}
        known = {name: one for name, one in self.weights.items() if other.weights.get(name) == one}
        return replace(self, bits=bits, weights=known, made_by={word: [self.made_by, other.made_by]})

    def _whole(self, bits: Tensor, shard: Shard) -> Tensor:
        """All rows of one tensor, in the order of the processes; each sends as many as the first, which has the most."""
        rows = -(-shard.shape[0] // self.processes.size)
        mine = torch.zeros((rows, *shard.shape[1:]), dtype=torch.uint8, device=self.processes.device)
        mine[: bits.shape[0]] = bits
        gathered = self.processes.joined(mine)
        return gathered[: shard.shape[0]].to("cpu", torch.bool)


def whole_digests(network: nn.Module, names: Iterable[str], processes: Processes) -> dict[str, MaskedWeight]:
    """The dtype and digest of some weights of a sharded network, as of the same weights in one process.

    They are gathered tensor by tensor, and the first process makes the digests.
    """
    parameters = parameters_of(network)
    found: dict[str, MaskedWeight] = {}
    for name in names:
        whole = parameters[name].detach().full_tensor() if is_shard(parameters[name]) else parameters[name]
        if processes.is_first:
            found[name] = MaskedWeight(dtype_name(whole), tensor_digest(whole))
    first: dict[str, MaskedWeight] = processes.gathered(found)[0]
    return first


def whole_mask(folder: str | Path) -> BinaryMask:
    """The whole mask from a folder that `ShardedMask.save` wrote, in one process that needs no network.

    Raises:
        FileFormatError: a file is missing, damaged, or of another mask.
    """
    path = user_path(folder, argument="The folder of the mask")
    header = read_shards(path)
    shapes = {name: tuple(entry["shape"]) for name, entry in header.tensors.items()}
    bits = read_ranges(path, {name: Range(0, torch.Size(shape).numel()) for name, shape in shapes.items()})
    known = {name: one for name, one in header.known.items() if one != MaskedWeight()}
    return BinaryMask({name: one.view(shapes[name]) for name, one in bits.items()}, known, header.made_by)
