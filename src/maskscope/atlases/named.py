"""Masks of one network with the names that a reader sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from torch import Tensor, nn

from maskscope.analysis import require_one_network
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.masks import BinaryMask, check_mask
from maskscope.masks.off import ZERO

# 60 MB of bits once unpacked, which a browser holds beside the counts that it draws from
MOST_BITS = 500_000_000
# what a browser makes of the tensor in view takes eight bytes a weight
MOST_IN_A_TENSOR = 100_000_000


@dataclass(frozen=True)
class NamedMask:
    """A mask and what it is called.

    Args:
        function: what it was found for.
        repeat: 0 for the first mask of a function, then the number of the repeat.
        mask: the bits.
    """

    function: str
    repeat: int
    mask: BinaryMask

    @property
    def title(self) -> str:
        """The name of the function, and which repeat it is."""
        return f"{self.function}, repeat {self.repeat}" if self.repeat else self.function


@dataclass(frozen=True)
class AtlasMasks:
    """What an atlas shows.

    Args:
        title: what the masks are of.
        about: sentences for the reader: which network of a run this is, what one bit stands for.
        masks: at least one, all over the same weights.
        weights: the values of the network's weights, by dotted name; empty if they are not known.
        page: the name of a page beside the atlas that tells more; empty if there is none.
    """

    title: str
    about: tuple[str, ...]
    masks: tuple[NamedMask, ...]
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    page: str = ""

    def __post_init__(self) -> None:
        if not self.masks:
            raise ConfigError("An atlas shows at least one mask; none was given.")
        titles = [one.title for one in self.masks]
        if twice := sorted({title for title in titles if titles.count(title) > 1}):
            raise ConfigError(f"An atlas tells masks apart by their names; found more than once: {', '.join(twice)}.")
        # single weights are shown, and nothing is measured: units, off-values and faults may differ
        plain = {one.title: replace(one.mask.by_weight(), off=ZERO, made_by={}) for one in self.masks}
        require_one_network(plain, "atlas")

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors, by dotted name."""
        return {name: tuple(bits.shape) for name, bits in self.masks[0].mask.items() if bits.numel()}

    def only(self, patterns: Sequence[str]) -> "AtlasMasks":
        """The part over the tensors whose dotted names match a pattern; everything if there are no patterns.

        Raises:
            UnknownNameError: a pattern matches no tensor.
        """
        if not patterns:
            return self
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.shapes):
                raise UnknownNameError("masked tensor like", pattern, self.shapes)
        names = [name for name in self.shapes if any(fnmatchcase(name, pattern) for pattern in patterns)]
        left_out = len(self.shapes) - len(names)
        about = (*self.about, f"{left_out} of {len(self.shapes)} tensors were left out.") if left_out else self.about
        masks = tuple(replace(one, mask=one.mask.by_weight().only(*names)) for one in self.masks)
        return replace(self, about=about, masks=masks, weights={k: v for k, v in self.weights.items() if k in names})

    def require_shown(self) -> None:
        """Raises `ConfigError` if it is more than a browser can show."""
        sizes = {name: bits.numel() for name, bits in self.masks[0].mask.items()}
        most, total = max(sizes, key=sizes.__getitem__), sum(sizes.values())
        if total * len(self.masks) > MOST_BITS:
            found = f"{len(self.masks)} masks over {total:,} weights are {total * len(self.masks):,} bits, and {MOST_BITS:,}"
        elif sizes[most] > MOST_IN_A_TENSOR:
            found = f"{most} has {sizes[most]:,} weights, and a tensor of {MOST_IN_A_TENSOR:,}"
        else:
            return
        raise ConfigError(
            f"Too large for a browser: {found} are the most that an atlas shows. Name the tensors to be shown by patterns: "
            f"--only '{most.split('.')[0]}.*', or only=[...]; or give fewer masks. The largest tensor is {most}."
        )


def named_masks(
    masks: Mapping[str, BinaryMask | Sequence[BinaryMask]],
    *,
    title: str = "Masks of a network",
    about: Sequence[str] = (),
    network: nn.Module | None = None,
) -> AtlasMasks:
    """Masks by the name of their function, as `maskscope.masks_of_run` has them, and the weights of their network if it is given.

    Args:
        masks: a mask, or the mask and its repeats, by the name of the function.
        title: what they are of.
        about: sentences for the reader.
        network: that they were found on.

    Raises:
        ConfigError: there is no mask.
        MaskMismatchError: the masks are of different networks, or the network is another one.
    """
    several = {name: (one,) if isinstance(one, BinaryMask) else tuple(one) for name, one in masks.items()}
    named = tuple(NamedMask(name, place, mask) for name, repeats in several.items() for place, mask in enumerate(repeats))
    made = AtlasMasks(title, (*about, *words_on_units([one.mask for one in named])), named)
    if network is None:
        return made
    for one in named:
        check_mask(network, one.mask)
    return replace(made, weights={name: one.detach() for name, one in network.named_parameters() if name in made.shapes})


def words_on_units(masks: Sequence[BinaryMask]) -> tuple[str, ...]:
    """What one bit of the masks stands for, if it is not a single weight."""
    kinds = dict.fromkeys(group.kind for mask in masks for group in mask.units if not group.is_single)
    if not kinds:
        return ()
    sentence = f"These masks keep or remove whole units ({', '.join(kinds)}); here, single weights are counted."
    return (sentence,)
