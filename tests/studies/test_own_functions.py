"""What users have as functions: loaders, data sets, lists of items; losses by name in a whole study; what is refused."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.errors import BatchesError, ConfigError, GuestError, LossError, ScoreError, SelectionError
from maskscope.studies.own.data import function_data

FEW = ms.MaskConfig(steps=3, samples_per_step=1, learning_rate=0.5, size=ms.Penalty(1e-3))


class Squares(Dataset):
    def __len__(self):
        return 50

    def __getitem__(self, place):
        return {"x": torch.tensor([float(place), 1.0]), "label": place % 2}


def inputs(seed, items=120):
    return torch.randn(items, 4, generator=torch.Generator().manual_seed(seed))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def run(study, folder):
    job = Job(study.study, study.study.preset("quick"), tuple(range(study.networks)), str(folder), threads=1)
    return run_study("quick", job, announce=lambda text: None)


def test_items_of_a_data_set_become_parts_in_one_shuffled_order():
    data = function_data("f", Squares(), batch_size=8)
    again = function_data("f", Squares(), batch_size=8)
    assert data.digest == again.digest
    parts = [*data.parts, *data.scored]
    assert [len(part["label"]) for part in parts] == [8] * 6 + [2]
    places = torch.cat([part["x"][:, 0] for part in parts])
    assert sorted(places.tolist()) == list(range(50))
    assert places.tolist() != sorted(places.tolist()), "a sorted data set would give parts of one class"
    assert len([*function_data("f", Squares()).parts]) == 20, "25 parts of two items, a fifth of them for scores"


def test_lists_of_dicts_of_plain_numbers_are_items():
    items = [{"input_ids": [place, 1], "label": place % 2} for place in range(40)]
    part = function_data("f", items, batch_size=4).parts[0]
    assert part["input_ids"].shape == (4, 2)
    ragged = [{"input_ids": [1] * (1 + place % 3), "label": 0} for place in range(40)]
    with pytest.raises(BatchesError, match="cannot be put together into one part.*collate="):
        function_data("f", ragged)
    padded = function_data("f", ragged, collate=lambda chosen: torch.tensor([len(one["input_ids"]) for one in chosen]))
    assert padded.parts[0].tolist() <= [3, 3]
    with pytest.raises(BatchesError, match="batch_size is 0"):
        function_data("f", items, batch_size=0)
    with pytest.raises(BatchesError, match="a list of parts already"):
        function_data("f", [torch.zeros(3, 2)] * 9, batch_size=3)


def test_losses_by_name_run_through_a_whole_study(tmp_path):
    """Two networks, each compared with its own answers, in the controls too; labels and values beside them, a loss each."""
    networks = [network(0), network(1)]
    y = inputs(2).argmax(1) % 3
    study = ms.Study(
        networks,
        functions={
            "label": DataLoader(TensorDataset(inputs(2), y), batch_size=8),
            "own": list(inputs(3).split(8)),
            "hidden": TensorDataset(inputs(4)),
        },
        loss={"label": "labels", "own": "unmasked", "hidden": ms.Values(targets="unmasked")},
        exclude=("*.bias",),
        config=FEW,
        repeats=0,
    )
    record = run(study, tmp_path / "run")
    for seed, one in enumerate(item for item in record.networks if item.variant == "trained"):
        assert one.unmasked.accuracy["own"] == 1, "every answer of a network is its own"
        assert one.unmasked.accuracy["hidden"] == 1
        scored = study._subject._functions[0].scored
        right = torch.cat([networks[seed](x).argmax(1) == labels for x, labels in scored])
        assert one.unmasked.accuracy["label"] == pytest.approx(float(right.float().mean()))
    shuffled = next(item for item in record.networks if item.variant == "shuffled-weights")
    assert shuffled.unmasked.accuracy["own"] < 1, "controls are asked for the trained network's answers"


def test_the_answers_of_a_network_are_part_of_what_its_controls_are_pinned_to(tmp_path):
    def study(given):
        return ms.Study(given, {"own": list(inputs(3).split(8))}, "unmasked", config=FEW, repeats=0)

    made = []
    for given in (network(0), network(0), network(5)):
        one = study(given)
        job = Job(one.study, one.study.preset("quick"), (0,), str(tmp_path / "run"), threads=1)
        made.append([])
        run_study("quick", job, announce=made[-1].append)
    names = [[line for line in lines if line.startswith("seed-0-mask-own-0-shuffled")] for lines in made]
    assert [len(one) for one in names] == [1, 0, 1]


class Heads(nn.Module):
    """A trunk, a head for each function, and one that nobody asks."""

    def __init__(self):
        super().__init__()
        self.trunk, self.heads = nn.Linear(4, 6), nn.ModuleList(nn.Linear(6, 2) for _ in range(3))

    def forward(self, x, which):
        return self.heads[which](self.trunk(x))


def test_a_weight_that_only_one_function_uses_is_off_for_the_others(tmp_path):
    functions = {f"head {which}": [((x, which), (x[:, 0] > 0).long()) for x in inputs(which).split(8)] for which in (0, 1)}
    torch.manual_seed(0)
    with pytest.raises(GuestError, match="loss of any function to heads.2.weight, on the first 4 parts of each"):
        run(ms.Study(Heads(), functions, config=FEW), tmp_path / "a")
    config = ms.MaskConfig(steps=8, samples_per_step=1, learning_rate=0.5, size=ms.Penalty(1e-2))
    record = run(ms.Study(Heads(), functions, config=config, exclude=("*bias", "heads.2.*"), repeats=0), tmp_path / "b")
    for mask in record.networks[0].masks:
        if mask.function != "all":
            other = f"heads.{1 - int(mask.function[-1])}.weight"
            assert mask.by_tensor[other].kept == 0, "only the penalty acts on it"


def test_what_is_no_function_is_refused(tmp_path):
    parts = [(one, torch.zeros(8, dtype=torch.long)) for one in inputs(0).split(8)]
    with pytest.raises(BatchesError, match="first and second have the same data, loss and score"):
        ms.Study(network(), {"first": parts, "second": list(parts)}, config=FEW)
    ms.Study(network(), {"first": parts, "second": list(parts)}, {"first": "labels", "second": "unmasked"}, config=FEW)
    with pytest.raises(ConfigError, match="loss names first; one for each function was expected: first, second"):
        ms.Study(network(), {"first": parts, "second": parts}, {"first": "labels"}, config=FEW)
    with pytest.raises(ConfigError, match="given as off is of another kind.*the network before fine-tuning"):
        ms.Study(network(), {"first": parts}, config=FEW, off=nn.Linear(3, 3))
    with pytest.raises(LossError, match="Of function first: Labels go from 0 to 9, and the network has 3 classes"):
        run(ms.Study(network(), {"first": [(x, y + 9 * (x[:, 0] > 0)) for x, y in parts]}, config=FEW), tmp_path / "a")
    with pytest.raises(ScoreError, match="score of function first is 0.5 for each of its 3 items, with all weights and without"):
        run(ms.Study(network(), {"first": parts}, score=lambda net, part: 0.5, config=FEW), tmp_path / "b")
    with pytest.raises(BatchesError, match="Of function first: .*forward cannot be called.*missing a required argument"):
        run(ms.Study(nn.Bilinear(4, 4, 2), {"first": [{"input1": x, "labels": y} for x, y in parts]}, config=FEW), tmp_path / "c")


@pytest.mark.parametrize(
    ("wrapped", "message"),
    [
        (lambda: nn.DataParallel(network()), "DataParallel.*pass network.module"),
        (lambda: torch.compile(network(), backend="eager"), "is compiled.*_orig_mod"),
        (lambda: network().to("meta"), "meta device.*load the weights first"),
    ],
    ids=["parallel", "compiled", "meta"],
)
def test_networks_in_wrappings_are_refused(wrapped, message):
    with pytest.raises(SelectionError, match=message):
        ms.select(wrapped())
