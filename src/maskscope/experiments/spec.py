"""What an experiment is: frozen values that check themselves, with JSON both ways and one canonical spelling."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

import cattrs
import torch
from cattrs.strategies import configure_tagged_union

from maskscope.errors import ConfigError, suggestion
from maskscope.masks import make_estimator
from maskscope.storage import Json
from maskscope.tasks.digits import require_digits
from maskscope.tasks.double_addition import Mode
from maskscope.training import FitConfig, MaskConfig

Value = TypeVar("Value")
Network = Literal["mlp", "lstm", "transformer"]
Control = Literal["untrained", "shuffled-weights", "shuffled-labels", "copied-io"]
TRANSFORMER_HEADS = 4
DOUBLE_ADDITION_MODES: Mapping[Network, tuple[Mode, ...]] = {
    "mlp": ("two_runs",),
    "lstm": ("together", "only_one_io"),
    "transformer": ("together",),
}


@dataclass(frozen=True)
class FitSpec:
    """How the network is trained."""

    steps: int = 20_000
    """Optimisation steps of the network. Paper: 20,000."""
    batch_size: int = 128
    """Items a step. Paper: 128."""
    learning_rate: float = 1e-3
    """Adam's learning rate. Paper: 1e-3."""
    clip_norm: float = 1.0
    """Largest gradient norm; 0 for no clipping. Paper: 1."""

    def __post_init__(self) -> None:
        _at_least(self, steps=0, batch_size=1)
        self.config()

    def config(self) -> FitConfig:
        """The settings of `maskscope.fit`."""
        return FitConfig(self.steps, self.learning_rate, self.clip_norm)


@dataclass(frozen=True)
class MaskSpec:
    """How each mask is found."""

    steps: int = 20_000
    """Optimisation steps of each mask. Paper: 20,000."""
    batch_size: int = 128
    """Items a step, divided evenly among the samples. Paper: 128."""
    samples_per_step: int = 4
    """Independent mask samples a step. Paper: 4."""
    learning_rate: float = 1e-2
    """Adam's learning rate for the logits. Paper: 1e-2."""
    beta: float = 1e-4
    """Penalty: the factor of the sum of logits is beta / reference_batch. Paper: 1e-4; double addition, mlp: 4e-4."""
    reference_batch: int = 128
    """What beta is divided by. Paper: the batch size of the network's training, 128."""
    initial_logit: float = 2.0
    """Where every logit starts: 2 is a keep probability of .88. Paper: 2."""
    estimator: str = "rao-blackwell"
    """Gradient estimator (see `maskscope list`). Paper: straight-through; rao-blackwell has the same mean, less variance."""
    temperature: float = 1.0
    """Temperature of the estimator's slope. Paper: 1."""
    clip_norm: float = 1.0
    """Largest norm of the logits' gradient; 0 for no clipping. Paper: 1, but over accumulated gradients of the weights too."""
    accumulation: int = field(default=1, metadata={"added": "0.1.0"})
    """Parts that each sample sees before the logits move: a larger batch in the memory of a smaller. Paper: 1."""
    schedule: Literal["constant", "linear", "cosine"] = field(default="constant", metadata={"added": "0.1.0"})
    """Of the learning rate; linear and cosine end at 0. Paper: constant."""
    stop_when_settled: bool = field(default=False, metadata={"added": "0.1.0"})
    """Whether a mask whose logits are decided and whose density is flat ends before its steps do. Paper: no."""
    warm_start: float = field(default=0.0, metadata={"added": "0.1.0"})
    """Spread of the initial logits: in each tensor by the rank of |weight x gradient|, around initial_logit. Paper: 0."""
    compute_dtype: Literal["weight", "bfloat16"] = field(default="weight", metadata={"added": "0.1.0"})
    """Of the masked copies; bfloat16 pays where there are instructions for it. Paper: float32."""

    def __post_init__(self) -> None:
        _at_least(self, steps=0, batch_size=1, samples_per_step=1, reference_batch=1)
        if not self.warm_start >= 0:
            raise ConfigError(f"warm_start is {self.warm_start}; a number of at least 0 was expected (0: all start equal).")
        if self.batch_size % self.samples_per_step:
            raise ConfigError(
                f"batch_size {self.batch_size} does not divide by samples_per_step {self.samples_per_step}: each sample gets its "
                f"own equal part. Take a multiple of {self.samples_per_step}."
            )
        make_estimator(self.estimator, self.temperature)
        self.config()

    @property
    def part_size(self) -> int:
        """Items of one sample's part."""
        return self.batch_size // self.samples_per_step

    def config(self) -> MaskConfig:
        """The settings of `maskscope.discover`."""
        return MaskConfig(
            steps=self.steps,
            samples_per_step=self.samples_per_step,
            learning_rate=self.learning_rate,
            penalty_weight=self.beta / self.reference_batch,
            initial_logit=self.initial_logit,
            estimator=self.estimator,
            temperature=self.temperature,
            clip_norm=self.clip_norm,
            accumulation=self.accumulation,
            schedule=self.schedule,
            stop_when_settled=self.stop_when_settled,
        )


@dataclass(frozen=True)
class ArithmeticSpec:
    """What the arithmetic studies have in common: a network, its training, its masks, and what they are compared with."""

    network: Network = "mlp"
    """Kind of network: the feed-forward network and the LSTM of the paper, or (ours) a small Transformer."""
    hidden: tuple[int, ...] = (2000, 2000, 2000, 2000)
    """Units of each hidden layer; one width for all of lstm and transformer. Paper: 400 400 200, 800 x 4, 2000 x 4 (main), 4000 x
    4; 256 256 for the LSTM."""
    digits: int = 2
    """Digits of each number; results are modulo 10^digits. Paper: 2."""
    train_items: int = 1_000_000
    """Size of the training set, made by the paper's generator. Paper: 1,000,000."""
    fit: FitSpec = field(default_factory=FitSpec)
    """How the network is trained."""
    mask: MaskSpec = field(default_factory=MaskSpec)
    """How each mask is found."""
    repeats: int = 1
    """Further masks for each function, with other noise and data order: the ceiling of overlap; 4 or more give the stable core.
    Paper: 0."""
    controls: tuple[Control, ...] = ("untrained",)
    """Where the same procedure should find nothing: untrained, shuffled-weights (within each tensor), shuffled-labels; and for
    double addition copied-io, where both pairs have the same input and output weights. Paper: copied-io."""
    unrelated: int = 0
    """As many networks from the same initial weights, trained on an arbitrary function in place of the last one, with masks for
    both: the null of overlap. 19 or more can reach p = .05. Paper: 0."""
    random_draws: int = 5
    """Random masks of equal density removed, as the baseline of necessity. Paper: 0."""
    dtype: Literal["float32", "float64"] = "float32"
    """Numbers of the network; logits are float32 always."""

    def __post_init__(self) -> None:
        _at_least(self, repeats=0, unrelated=0, random_draws=1)
        if not self.hidden or min(self.hidden) < 1:
            raise ConfigError(f"hidden is {self.hidden}; at least one layer of at least one unit was expected.")
        if self.network != "mlp" and len(set(self.hidden)) > 1:
            raise ConfigError(f"hidden is {self.hidden}; all layers of network {self.network} have one width, as in 128 128.")
        if self.network == "transformer" and self.hidden[0] % TRANSFORMER_HEADS:
            raise ConfigError(f"hidden is {self.hidden}; the width of a transformer is a multiple of {TRANSFORMER_HEADS}.")
        if len(set(self.controls)) < len(self.controls):
            raise ConfigError(f"controls names one twice: {' '.join(self.controls)}.")
        require_digits(self.digits, self.train_items)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch has it."""
        return {"float32": torch.float32, "float64": torch.float64}[self.dtype]


@dataclass(frozen=True)
class AdditionMultiplicationSpec(ArithmeticSpec):
    """Addition and multiplication modulo a power of ten in one network (paper, section 3.1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "copied-io" in self.controls:
            raise ConfigError(
                "controls has copied-io, which is for double-addition: here there is one set of inputs and outputs."
            )


@dataclass(frozen=True)
class DoubleAdditionSpec(ArithmeticSpec):
    """The same addition of two pairs of numbers in one network (paper, section 3.1)."""

    mode: Mode = "two_runs"
    """How the pairs are shown. two_runs (mlp): one call each; together (lstm, transformer): at once; only_one_io (lstm): in turn.
    Paper: two_runs for the feed-forward network, the other two for the LSTM."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fitting = DOUBLE_ADDITION_MODES[self.network]
        if self.mode not in fitting:
            raise ConfigError(f"mode is {self.mode}; network {self.network} can be shown the pairs by {' or '.join(fitting)}.")
        if "copied-io" in self.controls and self.mode == "together":
            raise ConfigError(
                "controls has copied-io with mode together: with equal input weights a network that sees both pairs at once "
                "could not tell them apart. Take mode two_runs or only_one_io, or leave copied-io out."
            )


Spec = AdditionMultiplicationSpec | DoubleAdditionSpec
STUDIES: Mapping[type[Spec], str] = {
    AdditionMultiplicationSpec: "addition-multiplication",
    DoubleAdditionSpec: "double-addition",
}


def to_json(value: Any) -> Any:
    """A spec or a record as plain JSON values."""
    return _CONVERTER.unstructure(value)


def from_json(kind: type[Value], value: Json) -> Value:
    """A spec or a record from plain JSON values.

    Raises:
        ConfigError: names every field that is unknown, missing, of the wrong kind or impossible.
    """
    try:
        return _CONVERTER.structure(value, kind)
    except cattrs.BaseValidationError as error:
        raise ConfigError(f"Not a valid {kind.__name__}:\n  " + "\n  ".join(_faults(error, kind))) from error


def canonical_spec(value: Any) -> Any:
    """A spec for identities: fields added after its first release are left out while they have their default value.

    Such a field says ``metadata={"added": "0.2.0"}``; so an artefact keeps its identity when a later version adds a setting.
    """
    if not is_dataclass(value):
        return to_json(value)
    result = {}
    for item in fields(value):
        current = getattr(value, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if not ("added" in item.metadata and current == default):
            result[item.name] = canonical_spec(current)
    return result


def _at_least(spec: Any, **least: int) -> None:
    faults = [
        f"{name} is {getattr(spec, name)}; a number of at least {limit} was expected"
        for name, limit in least.items()
        if getattr(spec, name) < limit
    ]
    if faults:
        raise ConfigError("; ".join(faults) + ".")


def _faults(error: Exception, kind: Any) -> list[str]:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [item.name for item in fields(error.cl)]
        return [f"{name}: no such field.{suggestion(name, known)}" for name in sorted(error.extra_fields)]
    if isinstance(error, ExceptionGroup):
        return [f"{_where(inner)}{fault}" for inner in error.exceptions for fault in _faults(inner, kind)]
    if isinstance(error, KeyError):
        return [f"{error.args[0]}: missing"]
    return [str(error)]


def _where(error: Exception) -> str:
    notes = [str(getattr(note, "name", note)) for note in getattr(error, "__notes__", [])]
    return "".join(f"{note}: " for note in notes if "Structuring" not in note)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def exactly(kind: type) -> Any:
        def structure(value: Any, _: Any) -> Any:
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            if kind is float and value is None:
                return float("nan")
            if type(value) is not kind:
                raise ConfigError(f"{value!r} is no {kind.__name__}")
            return value

        return structure

    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, exactly(kind))
    configure_tagged_union(Spec, converter, tag_name="study", tag_generator=lambda kind: STUDIES[kind])
    return converter


_CONVERTER = _make_converter()
