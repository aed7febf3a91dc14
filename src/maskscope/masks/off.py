"""What stands in place of a weight whose gate is closed: zero, or another value that carries no function.

To add a kind, write a function from an `Off`, the name of a tensor and its values, and add one row to the table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from maskscope.errors import FileFormatError, MaskMismatchError, UnknownNameError
from maskscope.masks.kernels.counter import stream_key
from maskscope.storage import Json, tensor_digest


@dataclass(frozen=True)
class Off:
    """The values of weights that are off.

    Args:
        kind: ``zero`` (the default); ``mean``, the mean of the tensor; ``drawn``, a value drawn from the tensor: those of a
            random permutation of it; ``other``, the value in another state dict (made by `Off.other`).
        seed: of the permutation, for ``drawn``.
        digests: for ``other``, the digest of each of the other tensors, by dotted name.
        values: for ``other``, these tensors; None if a mask was loaded from a file, which has only their digests.

    Examples:
        >>> import torch, maskscope as ms
        >>> network = torch.nn.Linear(2, 1, bias=False)
        >>> nothing = ms.BinaryMask({"weight": torch.zeros(1, 2, dtype=torch.bool)}, off=ms.Off("mean"))
        >>> bool(torch.allclose(ms.bake(network, nothing).weight, network.weight.mean()))
        True
    """

    kind: str = "zero"
    seed: int = 0
    digests: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, Tensor] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in OFF:
            raise UnknownNameError("off-value", self.kind, OFF)

    @classmethod
    def other(cls, values: Mapping[str, Tensor]) -> "Off":
        """The values in another state dict: a mask on the difference that fine-tuning made, for example.

        Args:
            values: by dotted name; those of other tensors than the masked ones are not used.
        """
        values = {name: tensor.detach() for name, tensor in values.items()}
        return cls("other", 0, tuple((name, tensor_digest(values[name])) for name in sorted(values)), values)

    @property
    def is_zero(self) -> bool:
        """Whether weights that are off are zero."""
        return self.kind == "zero"

    def only(self, names: Iterable[str]) -> "Off":
        """The same for some tensors; only for them does it have digests and values."""
        wanted = set(names)
        values = None if self.values is None else {name: value for name, value in self.values.items() if name in wanted}
        return replace(self, digests=tuple(pair for pair in self.digests if pair[0] in wanted), values=values)

    def of(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The off-values of some weights, by dotted name, in their shapes and dtypes; empty if they are zero.

        Raises:
            MaskMismatchError: the other state dict is not there, or lacks a tensor, or has one of another shape.
        """
        if self.is_zero:
            return {}
        if self.kind == "other":
            self._require(weights)
        with torch.no_grad():
            return {name: OFF[self.kind](self, name, weight).contiguous() for name, weight in weights.items()}

    def shared_with(self, other: "Off") -> "Off":
        """The off-values of two masks that are combined.

        Raises:
            MaskMismatchError: they differ.
        """
        if self != other:
            raise MaskMismatchError(
                f"The two masks have different values for weights that are off: {self.kind} and {other.kind}. Give both the "
                "same: mask.with_off(ms.Off(...))."
            )
        return other if self.values is None else self

    def require_same_state(self, other: "Off") -> None:
        """Raises `MaskMismatchError` if both are of another state dict, and these are not the same."""
        known, found = dict(self.digests), dict(other.digests)
        differ = [name for name in known | found if known.get(name) != found.get(name)]
        if self.kind == other.kind == "other" and differ:
            raise MaskMismatchError(f"Not the state dict that the mask was found with; these differ: {', '.join(differ)}.")

    def as_json(self) -> Json:
        """What is stored in a file."""
        return {"kind": self.kind, "seed": self.seed, "sha256": dict(self.digests)}

    @classmethod
    def from_json(cls, found: object) -> "Off":
        """Reads what `as_json` wrote.

        Raises:
            FileFormatError: it is not of that form.
        """
        match found:
            case {"kind": str(kind), "seed": int(seed), "sha256": dict(digests), **more}:
                texts = all(isinstance(digest, str) for digest in digests.values())
                if kind in OFF and texts and not more and type(seed) is int and bool(digests) == (kind == "other"):
                    return cls(kind, seed, tuple(sorted(digests.items())))
        raise FileFormatError(f"{repr(found)[:80]} does not say what stands in place of weights that are off.")

    def _require(self, weights: Mapping[str, Tensor]) -> None:
        if self.values is None:
            raise MaskMismatchError(
                "Where this mask is closed stand the values of another state dict, which its file does not hold. Give them: "
                "mask = mask.with_off(ms.Off.other(state_dict))."
            )
        faults = [f"{name}: not there" for name in weights if name not in self.values]
        faults += [
            f"{name}: expected shape {list(weight.shape)}, found {list(self.values[name].shape)}"
            for name, weight in weights.items()
            if name in self.values and self.values[name].shape != weight.shape
        ]
        if faults:
            raise MaskMismatchError("The other state dict does not fit the masked weights:\n  " + "\n  ".join(faults))


def _mean(off: Off, name: str, weight: Tensor) -> Tensor:
    # in double precision, so that it hardly depends on the order of the sum
    return weight.to(torch.float64).mean().to(weight.dtype).expand(weight.shape)


def _other(off: Off, name: str, weight: Tensor) -> Tensor:
    assert off.values is not None
    return off.values[name].to(weight.device, weight.dtype)


def _drawn(off: Off, name: str, weight: Tensor) -> Tensor:
    low, high = stream_key(off.seed, "off-value", name)
    random = torch.Generator().manual_seed(low | high << 32)  # on the CPU, so that all devices draw the same
    order = torch.randperm(weight.numel(), generator=random).to(weight.device)
    return weight.reshape(-1)[order].view(weight.shape)


OFF: dict[str, Callable[[Off, str, Tensor], Tensor]] = {
    "drawn": _drawn,
    "mean": _mean,
    "other": _other,
    "zero": lambda off, name, weight: torch.zeros_like(weight),
}
ZERO = Off()
