"""Every study, as small as it can be with all its stages; and two in files of their own, as a user writes them."""

import ast
import inspect
import json
import signal
import textwrap
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from maskscope.engine.artefact import MADE
from maskscope.engine.spec import to_json
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.storage import read_json
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.studies.double_addition.spec import DoubleAdditionSpec
from maskscope.studies.mask_stability.spec import MaskStabilitySpec
from maskscope.studies.mathematics.spec import MathematicsSpec
from maskscope.studies.permuted_images.spec import PermutedImagesSpec
from maskscope.studies.scan.spec import ScanSpec
from maskscope.training import Observer

_FIT = FitSpec(steps=3, batch_size=16)
_MASK = MaskSpec(steps=4, batch_size=8, samples_per_step=2, learning_rate=0.8)
_ARITHMETIC = {"hidden": (8,), "digits": 1, "train_items": 300, "random_draws": 1}

SMALL = {
    "addition-multiplication": AdditionMultiplicationSpec(
        fit=_FIT, mask=_MASK, controls=("shuffled-labels",), unrelated=1, **_ARITHMETIC
    ),
    "double-addition": DoubleAdditionSpec(fit=_FIT, mask=_MASK, controls=("copied-io",), **_ARITHMETIC),
    "permuted-mnist": PermutedImagesSpec(
        hidden=(12, 10), tasks=2, new_logits=(2.0, -1.0), mask=MaskSpec(steps=4, batch_size=16, learning_rate=0.1)
    ),
    "cifar10-class-removal": ClassRemovalSpec(
        network="cnn-no-dropout", classes=("cat", "dog"), fit=_FIT, mask=_MASK, random_draws=1
    ),
    "cifar10-mask-stability": MaskStabilitySpec(
        network="cnn-no-dropout", fit=_FIT, mask=_MASK, repeats=1, pairs=1, random_draws=1
    ),
    "scan": ScanSpec(
        width=8, layers=1, embedding=4, splits=("jump",), fit=_FIT, mask=_MASK, random_draws=1, test_items=20, examples=2
    ),
    "mathematics": MathematicsSpec(
        width=8,
        layers=1,
        heads=2,
        feedforward=8,
        train_items=40,
        held_out=10,
        fit=FitSpec(steps=4, batch_size=8, warmup=3, betas=(0.9, 0.995), eps=1e-9),
        mask=_MASK,
        random_draws=1,
        examples=2,
    ),
}

# a study of one's own kind: settings, task, network, a measure, claims, a page
HALVES = '''
"""Does a small network keep what it does with the left inputs apart from what it does with the right ones?"""

from dataclasses import dataclass, field

import torch
from torch import nn

from maskscope.engine.claims import Claim, Condition
from maskscope.engine.spec import at_least, counts
from maskscope.engine.study import Study
from maskscope.procedure.procedure import MaskProcedure
from maskscope.procedure.settings import ANALYSIS, MASKS, TRAINING, FitSpec, MaskSpec
from maskscope.procedure.subject import Subject
from maskscope.report.blocks.accuracy import accuracy_section
from maskscope.report.blocks.quantities import quantities_section
from maskscope.report.page import Page
from maskscope.report.section import present
from maskscope.tasks.task import Part, Scores, Task, uniform_choice

LARGEST = "largest share of a tensor kept"


@dataclass(frozen=True)
class HalvesSpec:
    """Two functions, each of half of the inputs."""

    width: int = 6
    """Units of the hidden layer."""
    fit: FitSpec = field(default_factory=lambda: FitSpec(steps=30, batch_size=16), metadata=counts(TRAINING, TRAINING))
    """How the network is trained."""
    mask: MaskSpec = field(
        default_factory=lambda: MaskSpec(steps=8, batch_size=8, samples_per_step=2, learning_rate=0.5),
        metadata=counts(MASKS, MASKS),
    )
    """How each mask is found."""
    repeats: int = field(default=1, metadata=counts(None))
    """Further masks for each function."""
    controls: tuple[str, ...] = field(default=("untrained",), metadata=counts(None))
    """Where nothing should be found."""
    random_draws: int = field(default=1, metadata=counts(ANALYSIS))
    """Random masks of equal density removed."""

    def __post_init__(self):
        at_least(self, width=1, repeats=0, random_draws=1)


class Halves(Task):
    functions, sizes, evaluation_items = ("left", "right"), (4, 2), 64

    def __init__(self, device):
        self.device = device
        self.inputs = torch.randn(256, 4, generator=torch.Generator().manual_seed(0)).to(device)
        self.targets = torch.stack([self.inputs[:, :2].sum(1) > 0, self.inputs[:, 2:].sum(1) > 0], 1).long()

    def batches(self, function, items, seed):
        self.require(function)
        choose = uniform_choice(items, 192, seed)
        asked = [0, 1] if function == self.whole else [self.functions.index(function)]

        def part(index):
            rows = choose(index)
            targets = torch.full((items, 2), -100)
            targets[:, asked] = self.targets[rows][:, asked]
            return Part(self.inputs[rows], targets)

        return part

    def loss(self, network, part):
        asked = part.targets >= 0
        return nn.functional.binary_cross_entropy_with_logits(network(part.inputs)[asked], part.targets[asked].float())

    def score(self, run):
        right = (run(self.inputs[192:]) > 0).long() == self.targets[192:]
        return Scores(dict(zip(self.functions, right.double().mean(0).tolist())))


class HalvesSubject(Subject):
    units = {LARGEST: "share"}

    def task(self, spec, device, data_dir=None, relabelled=None):
        return Halves(device)

    def network(self, spec, task):
        return nn.Sequential(nn.Linear(4, spec.width), nn.ReLU(), nn.Linear(spec.width, 2)).to(task.device)

    def excluded(self, spec):
        return ("*bias*",)

    def numbers(self, network):
        return {
            (LARGEST, one.function, ""): max(part.kept / part.weights for part in one.by_tensor.values())
            for one in network.masks
            if one.repeat == 0
        }


STUDY = Study(
    name="halves",
    summary="are the left and the right inputs in different weights?",
    spec=HalvesSpec,
    procedure=MaskProcedure(HalvesSubject()),
    page=Page(
        question=lambda record: "Are the left and the right inputs in different weights?",
        answer=lambda record: "That is open.",
        sentences=lambda record: [],
        cautions=lambda record: [],
        key_numbers=lambda record: [],
        sections=lambda record: present(accuracy_section(record), quantities_section(record)),
    ),
    presets={"mlp": {"smoke": ("seconds", HalvesSpec()), "quick": ("seconds, too", HalvesSpec(width=12))}},
    claims=(
        Claim("sufficient", "Is each mask sufficient?", (Condition("sufficiency", "left", "left", ">=", 0.9),)),
        Claim("not whole", "Is some of each tensor removed?", (Condition(LARGEST, "left", "", "<=", 0.99),), repeats=1),
    ),
    kind="",
)
'''

# networks of a user's own
MINE = """
import torch
from torch import nn

import maskscope as ms

torch.manual_seed(0)
networks = [nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)) for _ in range(2)]


def batches(output):
    inputs = torch.randn(10, 16, 6, generator=torch.Generator().manual_seed(output))
    return [(some, output) for some in inputs]


def output(network, part):
    inputs, place = part
    return network(inputs)[:, place], inputs[:, place]


def loss(network, part):
    found, wanted = output(network, part)
    return (found - wanted).pow(2).mean()


def score(network, part):
    found, wanted = output(network, part)
    return (found > 0) == (wanted > 0)


config = ms.MaskConfig(steps=6, samples_per_step=2, learning_rate=0.5)
controls = ("shuffled-weights", "disjoint-inputs")
STUDY = ms.Study(networks, {"x": batches(0), "x-train": batches(1)}, loss, score, config=config, controls=controls)
"""


@dataclass(frozen=True)
class Room:
    """A study with the smallest settings that go through all its stages."""

    address: str
    spec: Any
    seeds: tuple[int, ...] = (0,)


class Kill(Observer):
    """Ctrl-C after some steps of a search."""

    def after_step(self, report):
        """Ends the search, as a person would."""
        if report.step == 2:
            signal.raise_signal(signal.SIGINT)


def without_times(record) -> str:
    """All of a record but what differs from run to run."""
    body = to_json(record)
    del body["provenance"]
    return json.dumps(body)


def bits(run: Path) -> dict[str, bytes]:
    """What was made, by the name of the artefact and the file; of several versions of one artefact, the last."""
    folders = sorted((run / "artefacts").iterdir(), key=lambda path: read_json(path / MADE)["made_at_ns"])
    return {
        f"{folder.name.rpartition('-')[0]}/{file.name}": file.read_bytes()
        for folder in folders
        for file in folder.iterdir()
        if file.suffix == ".safetensors" or file.name == "result.json"
    }


def without_help(spec: type) -> list[str]:
    """The fields of a spec, and of what is in it, that have no text below them: this is where the command line finds its help."""
    told: set[str] = set()
    for kind in spec.__mro__[:-1]:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        told |= {
            first.target.id
            for first, second in zip(body.body, body.body[1:], strict=False)
            if isinstance(first, ast.AnnAssign) and isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant)
        }
    inner = [kind for kind in get_type_hints(spec).values() if is_dataclass(kind)]
    return [item.name for item in fields(spec) if item.name not in told] + [name for kind in inner for name in without_help(kind)]
