"""What an experiment found: typed results, one for each network, and quantities over networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from maskscope.analysis import Floor, GradientCosine, NullTest, Sharing, Summary
from maskscope.experiments.claims import Claim, Quantity, Verdict, find_quantity
from maskscope.experiments.class_record import Filters, Kept, Owned
from maskscope.experiments.growth_record import GrowthResult
from maskscope.experiments.sequence_record import EvaluationPart, SequenceResult
from maskscope.experiments.stages import Variant
from maskscope.masks import OverlapCounts
from maskscope.storage import Json
from maskscope.tasks import Scores

# of a record's JSON; 1: verdicts were sentences, quantities had no unit, pairs no floors by tensor (`first_format.py`)
FORMAT = 2

__all__ = ["Claim", "MaskResult", "NetworkResult", "PairResult", "Quantity", "Record", "Summary", "Verdict"]


@dataclass(frozen=True)
class MaskResult:
    """One mask on one network.

    Args:
        function: what it was found for: a function's name, or ``all`` for the full mask.
        repeat: 0, or the number of the repeat.
        by_tensor: weights kept, by dotted name.
        undecided: share of logits with a keep probability between .05 and .95.
        final_loss: mean loss of the last 100 steps, under sampled masks.
        unmasked_loss: loss without masks, at the first step's data.
        sufficiency: scores under the mask.
        necessity: scores under its inverse.
        necessity_full_io: the same, but input and output tensors under the full mask (the paper's first-full-mask control).
        top_weights: scores under the weights of largest |weight x gradient|, as many in each tensor as the mask keeps.
        random_removed: scores without random weights, as many in each tensor as the mask keeps; one for each draw.
        histogram: counts of keep probabilities in equal bins of [0, 1].
        in_full: how many weights of the full mask the mask keeps, of how many, by dotted name; empty without a full mask.
    """

    function: str
    repeat: int
    by_tensor: Mapping[str, Kept]
    undecided: float
    final_loss: float
    unmasked_loss: float
    sufficiency: Scores
    necessity: Scores
    necessity_full_io: Scores | None
    top_weights: Scores
    random_removed: tuple[Scores, ...]
    histogram: tuple[int, ...]
    in_full: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The function, with the number of the repeat if it is one."""
        return self.function if self.repeat == 0 else f"{self.function}, repeat {self.repeat}"

    @property
    def density(self) -> float:
        """Share of weights kept."""
        return sum(part.kept for part in self.by_tensor.values()) / sum(part.weights for part in self.by_tensor.values())


@dataclass(frozen=True)
class PairResult:
    """The overlap of two masks on one network.

    Args:
        first: function and repeat of A.
        second: function and repeat of B.
        by_tensor: counts, by dotted name.
        floor: what the sizes alone give, over all maskable weights.
        floor_used: the same inside the union of the full mask and all masks of functions: the weights in use.
        floors: the floor in each tensor, by dotted name, and in each group of tensors of a deep network; empty until the results
            of all networks are put together (`with_floors`).
    """

    first: tuple[str, int]
    second: tuple[str, int]
    by_tensor: Mapping[str, OverlapCounts]
    floor: Floor
    floor_used: Floor
    floors: Mapping[str, Floor] = field(default_factory=dict)

    @property
    def total(self) -> OverlapCounts:
        """The sum over tensors."""
        return OverlapCounts.total(self.by_tensor.values())


@dataclass(frozen=True)
class SharingResult:
    """What two functions share on one network.

    Args:
        functions: their names.
        all_weights: normalised sharing with the floor over all maskable weights.
        used_weights: the same with the floor inside the weights in use.
        hidden_weights: without input and output tensors, which two places cannot share; None where the functions have the same.
        null: the overlap of the two masks among overlaps with arbitrary functions, on networks trained for that; None without.
        null_accuracy: how well each of those networks does its arbitrary function; the test is valid where that is like this
            network's accuracy.
    """

    functions: tuple[str, str]
    all_weights: Sharing
    used_weights: Sharing
    hidden_weights: Sharing | None
    null: NullTest | None
    null_accuracy: tuple[float, ...] = ()


@dataclass(frozen=True)
class CoreResult:
    """The stable core of a function: the weights that most of its repeats keep.

    Args:
        function: its name.
        repeats: masks of it.
        needed: masks that a weight of the core is in, at least.
        kept: size of the core.
        share: of all maskable weights.
        share_by_chance: what independent masks of those sizes would have in common so.
    """

    function: str
    repeats: int
    needed: int
    kept: int
    share: float
    share_by_chance: float


@dataclass(frozen=True)
class HalfMask:
    """The half-mask test of the full mask: accuracies over all functions, with the mask on some tensors only.

    Args:
        early: the early tensors.
        full: accuracy with the mask everywhere.
        early_masked: with the mask on the early tensors.
        late_masked: with the mask on the others.
    """

    early: tuple[str, ...]
    full: float
    early_masked: float
    late_masked: float


@dataclass(frozen=True)
class NetworkResult:
    """Everything measured on one network.

    Args:
        seed: the network's root seed.
        variant: the trained network, or which control.
        unmasked: scores without a mask.
        masks: every mask.
        pairs: every pair of masks of functions.
        sharing: of every pair of functions.
        cores: of every function with enough repeats.
        half_masks: of the full mask, for each choice of early tensors.
        owned: of every class that a mask was found without. The pairs are then pairs of what classes own.
        cosines: how a mask distorts gradients, by how many layers it is applied to.
        filters: the first convolution with what each class owns of it.
        sequences: what is measured on networks of sequences only.
    """

    seed: int
    variant: Variant
    unmasked: Scores
    masks: tuple[MaskResult, ...]
    pairs: tuple[PairResult, ...]
    sharing: tuple[SharingResult, ...]
    cores: tuple[CoreResult, ...]
    half_masks: tuple[HalfMask, ...]
    owned: tuple[Owned, ...] = ()
    cosines: tuple[GradientCosine, ...] = ()
    filters: Filters | None = None
    sequences: SequenceResult | None = None


@dataclass(frozen=True)
class DataOrigin:
    """Files that a record was made from.

    Args:
        name: of the data.
        digest: SHA-256 of their unpacked bytes.
        verified: whether these are the published bytes; if not, this is a copy nobody vouches for.
        note: what is known of them where checksums of bytes say nothing; empty where they do.
    """

    name: str
    digest: str
    verified: bool
    note: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where and with what a record was made.

    Args:
        maskscope: version.
        code: digest of the package's source files.
        versions: of Python and the packages that matter.
        machine: processor, cores, memory.
        threads: torch threads of each process.
        device: where the networks were.
        seconds: time by kind of stage, summed over networks.
    """

    maskscope: str
    code: str
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    threads: int
    device: str
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Record:
    """An experiment over several networks.

    Args:
        experiment: its name.
        preset: the preset it began from.
        spec: all settings.
        functions: names of the functions.
        seeds: of the networks.
        networks: results, trained networks first, then each control.
        quantities: over networks, with spread.
        verdicts: the claims and what became of them.
        differences: where this differs from the paper on purpose.
        provenance: where and with what it was made.
        sought: names of the masks beside the full one, where they are not those of the functions.
        growths: networks that grew from task to task; a record has either these or ``networks``.
        data: the files that it was made from; None where data are generated.
        evaluated_on: of networks of sequences, the tests, and how much of each the network was trained on.
        format: of the record's JSON.
    """

    experiment: str
    preset: str
    spec: Json
    functions: tuple[str, ...]
    seeds: tuple[int, ...]
    networks: tuple[NetworkResult, ...]
    quantities: tuple[Quantity, ...]
    verdicts: tuple[Verdict, ...]
    differences: tuple[str, ...]
    provenance: Provenance
    sought: tuple[str, ...] = ()
    growths: tuple[GrowthResult, ...] = ()
    data: DataOrigin | None = None
    evaluated_on: tuple[EvaluationPart, ...] = ()
    format: int = FORMAT

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks beside the full one."""
        return self.sought or self.functions

    def quantity(self, measure: str, mask: str = "", function: str = "", *, variant: Variant = "trained") -> Quantity | None:
        """The quantity of that address, or None."""
        return find_quantity(self.quantities, measure, mask, function, variant)
