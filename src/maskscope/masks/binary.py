"""The result of a search: one bit for each unit, with set operations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from maskscope.errors import MaskMismatchError, suggestion
from maskscope.masks.file import MaskContent, read_mask, write_mask
from maskscope.masks.logits import MaskLogits
from maskscope.masks.notebook_cells import mask_cell
from maskscope.masks.off import ZERO, Off
from maskscope.masks.selection import aliases, dtype_name
from maskscope.masks.units import UnitGroup, collapsed, expanded, faults_of_groups, faults_of_values, single_weights, torn
from maskscope.storage import Json, tensor_digest, user_path


@dataclass(frozen=True)
class MaskedWeight:
    """The weight tensor that a mask was found on: its dtype and the digest of its values; None where they are not known."""

    dtype: str | None = None
    digest: str | None = None


class WeakMaskWarning(UserWarning):
    """A mask that may not be the mask of its function: the search for it failed or was not finished."""


@final
@dataclass(frozen=True, eq=False)
class BinaryMask(Mapping[str, Tensor]):
    """A mapping from dotted parameter name to a bool tensor in the weight's shape: True keeps the weight.

    A mask is a set of units, with the operations ``a & b``, ``a | b``, ``a - b`` and ``~a``; ``~a`` has all maskable units that
    are not in ``a``. Applying a mask does not change parameters that it does not name. Units are single weights unless ``units``
    says otherwise; sizes, overlaps and floors are counted in them. Two masks over different units are combined weight by weight.

    Args:
        tensors: the bits by name.
        weights: the dtype and digest of the weights that the mask was found on, by name.
        made_by: how the mask was made: estimator, seed, selection.
        units: the units of which all weights are kept or none, if these are not single weights in every tensor; else empty.
        off: what stands in place of the weights that are not kept; by default, zero.
    """

    tensors: Mapping[str, Tensor]
    weights: Mapping[str, MaskedWeight] = field(default_factory=dict)
    made_by: Json = field(default_factory=dict)
    units: tuple[UnitGroup, ...] = ()
    off: Off = ZERO

    def __post_init__(self) -> None:
        faults = [
            f"{name}: expected a bool tensor, found {getattr(bits, 'dtype', type(bits).__name__)}"
            for name, bits in self.tensors.items()
            if getattr(bits, "dtype", None) != torch.bool
        ]
        if faults:
            raise MaskMismatchError("A mask is made of bool tensors (for logits: logits > 0):\n  " + "\n  ".join(faults))
        if self.units:
            faults = faults_of_groups(self.units, {name: bits.numel() for name, bits in self.items()}) or torn(self.units, self)
        if faults:
            raise MaskMismatchError("The units do not fit the mask:\n  " + "\n  ".join(faults))

    @classmethod
    def from_logits(
        cls, logits: MaskLogits, weights: Mapping[str, Tensor] | None = None, made_by: Json | None = None, off: Off = ZERO
    ) -> "BinaryMask":
        """Thresholds logits: a unit is kept if its logit is above 0, that is, if its keep probability is above 1/2.

        Source: Csordás et al. 2021, section 2. Their code has >= 0 in one place and > 0 in another; here, never >= 0.
        """
        known = {name: MaskedWeight(dtype_name(weight), tensor_digest(weight)) for name, weight in (weights or {}).items()}
        bits = {name: tensor.cpu() > 0 for name, tensor in logits.by_unit().items()}
        return cls.from_units(logits.selection.groups, bits, logits.selection.shapes, known, made_by, off)

    @classmethod
    def from_units(
        cls,
        groups: Sequence[UnitGroup],
        bits: Mapping[str, Tensor],
        shapes: Mapping[str, Sequence[int]],
        weights: Mapping[str, MaskedWeight] | None = None,
        made_by: Json | None = None,
        off: Off = ZERO,
    ) -> "BinaryMask":
        """A mask from one bool tensor for each group of units.

        Args:
            groups: the units: `Selection.groups`.
            bits: the bits of each group, in the order of its units.
            shapes: the shapes of the weights, by dotted name: `Selection.shapes`.
            weights: see `BinaryMask`.
            made_by: see `BinaryMask`.
            off: see `BinaryMask`.

        Raises:
            MaskMismatchError: the bits or the shapes are those of other units.
        """
        faults = faults_of_groups(groups, {name: torch.Size(shape).numel() for name, shape in shapes.items()})
        if faults := faults + faults_of_values(groups, bits):
            raise MaskMismatchError("The bits do not fit the units:\n  " + "\n  ".join(faults))
        units = () if all(group.is_single for group in groups) else tuple(groups)
        return cls(expanded(groups, bits, shapes), weights or {}, made_by or {}, units, off.only(shapes))

    def by_unit(self) -> dict[str, Tensor]:
        """The bits by group of units: of single weights in the shape of their tensor, of other units a vector."""
        return collapsed(self.groups, self.tensors)

    @property
    def groups(self) -> tuple[UnitGroup, ...]:
        """The units, in groups; for single weights, a group for each tensor."""
        return self.units or single_weights({name: bits.numel() for name, bits in self.items()})

    def by_weight(self) -> "BinaryMask":
        """The same mask over single weights."""
        return replace(self, units=())

    def __getitem__(self, name: str) -> Bool[Tensor, "*shape"]:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BinaryMask):
            return NotImplemented
        return set(self) == set(other) and all(torch.equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]  # equality is by value and tensors are mutable
    _repr_html_ = mask_cell

    def __invert__(self) -> "BinaryMask":
        return replace(self, tensors={name: ~bits for name, bits in self.items()}, made_by={"not": self.made_by})

    def __and__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "and", torch.logical_and)

    def __or__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "or", torch.logical_or)

    def __sub__(self, other: "BinaryMask") -> "BinaryMask":
        return self._combine(other, "minus", lambda mine, theirs: mine & ~theirs)

    def __repr__(self) -> str:
        what = "weights" if not self.units else f"units ({', '.join(dict.fromkeys(group.kind for group in self.units))})"
        return f"BinaryMask({self.kept:,} of {self.count:,} {what} in {len(self)} tensors, density {self.density:.3%})"

    @property
    def count(self) -> int:
        """The number of units that the mask covers, kept or not."""
        return sum(bits.numel() for bits in self.by_unit().values())

    @property
    def kept(self) -> int:
        """The number of units kept."""
        return sum(int(bits.sum()) for bits in self.by_unit().values())

    @property
    def weights_kept(self) -> int:
        """The number of single weights kept."""
        return self.by_weight().kept

    @property
    def density(self) -> float:
        """The share of units kept, over all groups; NaN if the mask covers no weights."""
        return self.kept / self.count if self.count else float("nan")

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that the search found in the mask (`maskscope.Judgement`); empty if the mask was not judged."""
        judgement = self.made_by.get("judgement")
        found = judgement.get("faults") if isinstance(judgement, dict) else None
        return tuple(str(fault) for fault in found) if isinstance(found, list) else ()

    @property
    def density_by_tensor(self) -> dict[str, float]:
        """The share of units kept in each group: for single weights, in each tensor."""
        return {name: float(bits.float().mean()) for name, bits in self.by_unit().items()}

    def only(self, *names: str) -> "BinaryMask":
        """The part of the mask on some tensors; the other tensors are then not masked. Units lose their weights in those."""
        if missing := [name for name in names if name not in self]:
            raise MaskMismatchError(f"The mask has no tensor {', '.join(missing)}; it has {', '.join(self)}.")
        parts = tuple(part for group in self.units if (part := group.only(names)).members)
        units = () if all(part.is_single for part in parts) else parts
        return replace(self, tensors={name: self[name] for name in names}, units=units, off=self.off.only(names))

    def to(self, device: torch.device | str) -> "BinaryMask":
        """The mask on another device."""
        return replace(self, tensors={name: bits.to(device) for name, bits in self.items()})

    def with_off(self, off: Off) -> "BinaryMask":
        """The same mask with another value in place of the weights that are not kept.

        Raises:
            MaskMismatchError: the mask was found with another state dict than this one.
        """
        off = off.only(self)
        self.off.require_same_state(off)
        return replace(self, off=off)

    def save(self, path: str | Path) -> None:
        """Writes the mask to a file with one bit for each unit, whole or not at all (docs/mask-files.md).

        Args:
            path: the file; ``~`` is the home folder. Missing folders are created.

        Raises:
            RunFolderError: the folder cannot be written, the path is a folder, or the disk is full.
            ConfigError: the path is not valid, or ``made_by`` cannot be written as JSON.
        """
        file = user_path(path, argument="The path to save the mask to")
        known = {name: self.weights.get(name, MaskedWeight()) for name in self}
        stated: dict[str, Json] = {
            name: {"shape": list(self[name].shape), "dtype": one.dtype, "weights_sha256": one.digest}
            for name, one in known.items()
        }
        write_mask(file, MaskContent(self.by_unit(), stated, self.made_by, self.units, self.off))

    @classmethod
    def load(cls, path: str | Path, network: nn.Module | None = None) -> "BinaryMask":
        """Reads a mask.

        Args:
            path: the file; ``~`` is the home folder.
            network: if given, the mask must have been found on it: names, shapes, dtypes and values of its weights are compared.

        Raises:
            FileFormatError: missing, truncated, altered, not a mask file, or written by a later version.
            ConfigError: the path is not valid.
            MaskMismatchError: the mask was made for another network; the message lists every difference.
        """
        found = read_mask(user_path(path, argument="The path of the mask"))
        known = {name: MaskedWeight(entry["dtype"], entry["weights_sha256"]) for name, entry in found.tensors.items()}
        weights = {name: weight for name, weight in known.items() if weight != MaskedWeight()}
        mask = cls.from_units(found.groups, found.bits, found.shapes, weights, found.made_by, found.off)
        if network is not None:
            check_mask(network, mask)
        return mask

    def _combine(self, other: "BinaryMask", word: str, rule: Callable[[Tensor, Tensor], Tensor]) -> "BinaryMask":
        require_same_weights(self, other)
        off = self.off.shared_with(other.off)
        weights = {name: known for name, known in self.weights.items() if other.weights.get(name) == known}
        # a chain of the same operation is one list, so that combining hundreds of masks does not nest hundreds deep
        before = self.made_by.get(word) if len(self.made_by) == 1 else None
        made_by = {word: [*(before if isinstance(before, list) else [self.made_by]), other.made_by]}
        units = self.units if self.units == other.units else ()
        return BinaryMask({name: rule(self[name], other[name]) for name in self}, weights, made_by, units, off)


def require_same_weights(first: BinaryMask, second: BinaryMask) -> None:
    """Raises `MaskMismatchError`, which lists every difference, unless both masks cover the same tensors."""
    faults = [f"{name}: only in the first mask" for name in first if name not in second]
    faults += [f"{name}: only in the second mask" for name in second if name not in first]
    faults += [
        f"{name}: shape {list(first[name].shape)} in the first, {list(second[name].shape)} in the second"
        for name in first
        if name in second and first[name].shape != second[name].shape
    ]
    if faults:
        raise MaskMismatchError("The two masks do not cover the same weights:\n  " + "\n  ".join(faults))


def check_mask(network: nn.Module, mask: BinaryMask, *, values: bool = True) -> None:
    """Checks that a mask fits a network.

    Args:
        network: the network that the mask will be used on.
        mask: the mask.
        values: whether to check dtypes and values too: they must be those of the weights that the mask was found on, if known.

    Raises:
        MaskMismatchError: the mask does not fit; the message lists every difference.
    """
    parameters = dict(network.named_parameters())
    tied = {alias: name for name, group in aliases(network).items() for alias in group if alias != name}
    faults = []
    for name, bits in mask.items():
        found, known = parameters.get(name), mask.weights.get(name)
        if found is None:
            hint = f" It is tied to {tied[name]}." if name in tied else suggestion(name, parameters)
            faults.append(f"{name}: the network has no such parameter.{hint}")
        elif found.shape != bits.shape:
            faults.append(f"{name}: the mask has shape {list(bits.shape)}, the network {list(found.shape)}")
        elif values and known is not None and known.dtype not in (None, dtype_name(found)):
            faults.append(f"{name}: the mask was found on {known.dtype}, the network has {dtype_name(found)}")
        elif values and known is not None and known.digest is not None and known.digest != tensor_digest(found):
            faults.append(f"{name}: same shape, but the weights have other values than those the mask was found on")
    if faults:
        raise MaskMismatchError("The mask does not fit this network:\n  " + "\n  ".join(faults))
