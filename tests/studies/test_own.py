"""A study of a network of one's own: what it finds where the truth is known, what it is pinned to, and what it refuses."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.report.headline import summary_sentences
from maskscope.studies.own.data import function_data
from maskscope.studies.own.fingerprints import fingerprint, network_fingerprint
from maskscope.studies.own.page import PAGE
from maskscope.studies.own.sections.transfer import transfer_section
from tests.studies.own_halves import FUNCTIONS, Halves, batches, loss, names, other_loss, other_score, run, score, study
from tests.undrawn import undrawn


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Two networks whose functions are in disjoint halves by construction."""
    folder = tmp_path_factory.mktemp("own") / "run"
    config = ms.MaskConfig(steps=60, samples_per_step=4, learning_rate=0.3, size=ms.Penalty(3e-2))
    networks = [Halves(0), Halves(1)]
    made = []
    with undrawn():
        return folder, study(networks, config=config).run(folder, watch=lambda name: (), announce=made.append), made


def test_functions_in_disjoint_halves_are_found_there(planted):
    _, record, _ = planted
    for name, other in (("x", "x-train"), ("x-train", "x")):
        assert record.quantity("sufficiency", name, name).summary.mean > 0.95
        assert record.quantity("sufficiency", name, other).summary.mean < 0.65
        assert record.quantity("necessity", name, name).summary.mean < 0.65
        assert record.quantity("density", name).summary.mean == pytest.approx(0.5)
    assert record.quantity("dice", "x, x-train").summary.mean == 0
    assert record.quantity("dice", "x, x").summary.mean == pytest.approx(1)
    verdicts = {one.name: one.verdict for one in record.verdicts}
    assert verdicts["sufficient"] == "supported"
    # each tensor is kept as a whole, or not at all: the floor in it equals the ceiling, and there is no scale between them
    assert verdicts["different weights"] == "inconclusive"
    # the other half's weights write another output: they bring nothing
    assert record.quantity("transfer", "x", "x-train").summary.values == (0, 0)
    assert record.quantity("transfer", "x-train", "x").summary.values == (0, 0)
    assert verdicts["not interchangeable"] == "supported"
    # two masks for one function are the same one: nothing can be replaced
    assert record.quantity("transfer", "x", "x").summary.n == 0


def test_names_with_a_common_beginning_are_not_confused(planted):
    folder, record, _ = planted
    for seed, network in enumerate(n for n in record.networks if n.variant == "trained"):
        assert network.seed == seed
        kept = {one.function: {name: part.kept for name, part in one.by_tensor.items()} for one in network.masks}
        assert kept["x"] == {"left.weight": 2, "right.weight": 0}
        assert kept["x-train"] == {"left.weight": 0, "right.weight": 2}
    page = (folder / "report.html").read_text()
    assert "mask x-train" in page
    assert "Transfer: are the parts interchangeable?" in page


def test_several_networks_are_replicates(planted):
    _, record, _ = planted
    assert record.sample_size == 2
    found = record.quantity("sufficiency", "x", "x").summary
    assert found.n == 2
    assert found.low <= found.mean <= found.high


def test_controls_and_baselines_are_in_the_record(planted):
    _, record, _ = planted
    assert [one.name for one in record.controls] == ["shuffled-weights"]
    measures = {one.measure for one in record.quantities}
    assert {"random removal", "top weights", "normalised sharing", "dice floor"} <= measures
    assert {one.variant for one in record.quantities} == {"trained", "shuffled-weights"}


def test_transfer_is_drawn_by_direction_and_with_many_functions_by_cell(planted):
    from matplotlib.figure import Figure

    _, record, _ = planted
    section = transfer_section(record)
    assert [row.cells[:2] for row in section.terminal[0].rows][:2] == [("x", "x-train"), ("x-train", "x")]
    many = replace(record, functions=tuple("abcde"))
    for one, ticks in (
        (section, ["x → x-train", "x-train → x", "x, another mask", "x-train, another mask"]),
        (many, ["x", "x-train"]),
    ):
        (panel,) = (transfer_section(one) if one is many else one).figures[0].panels()
        axes = Figure().add_subplot()
        panel.draw(axes)
        assert [label.get_text() for label in axes.get_yticklabels()] == ticks
    none = tuple(one for one in record.quantities if one.measure != "transfer")
    assert transfer_section(replace(record, quantities=none)) is None


def test_the_page_says_what_scores_are_over(planted):
    assert "parts of the data that no mask was found with" in (planted[0] / "report.html").read_text()


@pytest.mark.parametrize(
    ("loss", "name"), [("unmasked", "agreement with the unmasked network"), ("values", "explained variance")]
)
def test_a_record_names_the_score_of_a_named_loss(loss, name):
    parts = [torch.ones(2, 3)] * 5
    mine = ms.Study(nn.Linear(3, 3), {"a": parts, "b": [2 * part for part in parts]}, loss=loss, score=None).study
    pinned = mine.procedure.pinned(mine.preset("smoke"), None)
    assert pinned.score_name == name
    own = study().study
    assert own.procedure.pinned(own.preset("smoke"), None).score_name == ""


def test_one_network_has_no_interval_and_is_not_changed(tmp_path):
    network = Halves().eval()
    network.left.weight.requires_grad_(False)
    network.right.weight.grad = torch.ones(1, 2)
    before = copy.deepcopy(network)
    drawn = torch.get_rng_state()
    record, _ = run(study(network, untrained=Halves, controls=("untrained", "shuffled-weights")), tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), before.state_dict().values(), strict=True))
    assert not any(module.training for module in network.modules())
    assert [one.requires_grad for one in network.parameters()] == [False, True]
    assert torch.equal(network.right.weight.grad, torch.ones(1, 2))
    assert [one.name for one in record.controls] == ["untrained", "shuffled-weights"]
    assert {one.verdict for one in record.verdicts} == {"inconclusive"}
    assert any("there is no interval" in sentence for sentence in summary_sentences(record, PAGE))


def test_what_changed_is_named_and_what_does_not_depend_on_it_is_kept(tmp_path):
    network, folder = Halves(), tmp_path / "run"
    first = names(run(study(network), folder)[1])
    assert names(run(study(network), folder)[1]) == []
    made = run(study(network, score=other_score), folder)[1]
    assert names(made) == ["seed-0-analysis", "seed-0-analysis-shuffled-weights"]
    assert "other settings (score)" in made[0]
    made = run(study(network, functions=FUNCTIONS | {"both": batches(0, seed=5)}), folder)[1]
    assert not [one for one in names(made) if "-mask-x" in one]
    assert "seed-0-mask-both-0" in made
    made = run(study(network, loss=other_loss), folder)[1]
    assert "(functions, loss," in made[0]
    assert [one for one in names(made) if "-mask-" in one] == [one for one in first if "-mask-" in one]
    assert "seed-0-network" not in made
    made = run(study(Halves(1)), folder)[1]
    assert "seed-0-network" in made
    assert "networks" in made[0]


def test_changed_parts_for_scores_keep_the_masks(tmp_path):
    run(study(scored={"x": batches(0, 2, seed=3)}), tmp_path / "run")
    made = run(study(scored={"x": batches(0, 2, seed=4)}), tmp_path / "run")[1]
    assert names(made) == ["seed-0-analysis", "seed-0-analysis-shuffled-weights"]


def test_the_dry_run_needs_no_folder(tmp_path):
    mine = study().study
    plan = make_plan(Job(mine, mine.preset("smoke"), (0,), str(tmp_path / "none"), threads=1))
    assert plan.stages[0].name == "seed-0-network"
    assert not (tmp_path / "none").exists()


def test_state_dicts_stand_for_networks():
    mine = study([Halves(0), Halves(1).state_dict()])
    assert mine.networks == 2
    assert study([Halves(1).state_dict()], untrained=Halves).networks == 1


def test_loaders_generators_and_functions_are_batches():
    inputs = torch.randn(40, 3)
    shuffled = [function_data("x", DataLoader(TensorDataset(inputs), batch_size=4, shuffle=True)) for _ in range(2)]
    assert shuffled[0].digest == shuffled[1].digest
    assert (len(shuffled[0].parts), len(shuffled[0].scored), shuffled[0].scored_on) == (8, 2, "held-out parts")

    def parts():
        yield from inputs

    assert len(function_data("x", parts).parts) == 32
    by_index = function_data("x", lambda index: inputs[index % 40])
    assert by_index.scored_on == "parts of indices that no search asks for"
    assert function_data("x", [inputs]).scored_on == "parts seen in the search"
    assert function_data("x", [inputs], scored=[inputs + 1]).scored_on == "held-out parts"


def test_a_fingerprint_is_of_what_a_function_does():
    def made(factor):
        return lambda network, part: factor * network(part)

    assert fingerprint(made(1)) == fingerprint(made(1)) != fingerprint(made(2))
    assert fingerprint(score) != fingerprint(loss)
    first, second = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.GELU())
    second.load_state_dict(first.state_dict())
    assert network_fingerprint(first) != network_fingerprint(second), "the weights are the same, what they do is not"
