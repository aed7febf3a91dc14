from functools import partial

import pytest
import torch

from maskscope.masks import BinaryMask, bake, iou
from maskscope.studies.planted import KINDS, PlantingConfig, planted_network
from maskscope.studies.planted.architecture import LEARNED_MLP, PAIR_LSTM, PATCH_CNN, TOKEN_TRANSFORMER
from maskscope.studies.planted.embedded import learned_network, plant_learned
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.kind import Ground, NotCounted, PlantedKind
from maskscope.studies.planted.laying import lay
from maskscope.studies.planted.learned import LearningConfig
from maskscope.studies.planted.truth import computes, has_other_core, minimal_core
from maskscope.tasks.bit_forms import as_images, as_pairs, as_tokens, as_vector
from maskscope.tasks.multiplexer import SHARED_TRUNK_OF_8, Multiplexers

QUICK = LearningConfig(items=32, sparse_rounds=4, round_steps=75)
GROUND = Ground(24, noise=0.03, spread=0.5, finetune=FinetuneConfig(items=64, round_steps=40, highest_loss=0.03))
ROWS = {
    "mlp": (LEARNED_MLP, as_vector, "AB", 0),
    "lstm": (PAIR_LSTM, as_pairs, "A", 0),
    "cnn": (PATCH_CNN, as_images, "A", 0),
    "transformer": (TOKEN_TRANSFORMER, as_tokens, "A", 3),
}


@pytest.fixture(scope="module", params=ROWS)
def planted(request):
    torch.set_num_threads(1)
    architecture, form, functions, seed = ROWS[request.param]
    task = Multiplexers({name: SHARED_TRUNK_OF_8[name] for name in functions}, 8, form)
    state = torch.get_rng_state()
    planting = plant_learned(architecture, task, GROUND, seed, learning=QUICK)
    assert torch.equal(torch.get_rng_state(), state)
    return task, planting, partial(learned_network, architecture)


def every_weight(network):
    return BinaryMask({name: torch.ones(w.shape, dtype=torch.bool) for name, w in network.named_parameters() if "weight" in name})


def test_a_learned_module_obeys_the_rules(planted):
    task, planting, _ = planted
    assert computes(planting.network, task, "all")
    for name, truth in planting.truth.items():
        alone = bake(planting.network, truth)
        assert computes(alone, task, name)
        assert minimal_core(planting.network, task, name, truth, part=task.every_input(name)) == truth
        assert 6 < truth.kept < 60
    union = torch.stack([torch.cat([bits.flatten() for bits in truth.values()]) for truth in planting.truth.values()]).any(0)
    values = torch.cat([planting.network.get_parameter(name).detach().flatten() for name in next(iter(planting.truth.values()))])
    assert (values[~union] != 0).all()
    assert 0.01 < float(values[~union].std() / values[union].std()) < 0.05


def test_functions_that_learn_together_share_weights(planted):
    task, planting, _ = planted
    if len(task.functions) == 2:
        assert 0 < iou(planting.truth["A"], planting.truth["B"]) < 1
        assert not has_other_core(planting.network, task, planting.truth, "A", 1, seed=7)


def test_a_learned_network_is_kept_and_read(planted, tmp_path, monkeypatch):
    task, planting, network = planted
    monkeypatch.setitem(KINDS, "quick", PlantedKind("any", lambda: task, network, lambda *_: planting))
    config = PlantingConfig("quick", hidden=GROUND.hidden, baseline_limit=1.1)
    made, read = (planted_network(tmp_path, config, 0) for _ in range(2))
    assert made.network is planting.network is not read.network
    assert all(torch.equal(weights, read.network.state_dict()[name]) for name, weights in made.network.state_dict().items())
    assert (made.truth, made.territory) == (read.truth, read.territory)
    assert read.selection.count == next(iter(read.truth.values())).count
    assert all(mask.density == 1 for mask in read.territory.values())


@pytest.mark.parametrize("row", ROWS)
def test_small_networks_answer_the_same_in_a_large_one_side_by_side(row):
    architecture, form, _, _ = ROWS[row]
    task = Multiplexers(SHARED_TRUNK_OF_8, 8, form)
    large = learned_network(architecture, task, 96)
    for parameter in large.parameters():
        parameter.detach().zero_()
    sizes, random = architecture.large_sizes(6, 96), torch.Generator().manual_seed(0)
    free = {axis: torch.randperm(sizes[axis], generator=random).tolist() for axis in architecture.small}
    smalls, circuits = [], []
    for outputs in ([0, 1, 2, 3], [4, 5]):
        small = architecture.build(architecture.small_sizes(len(outputs)))
        whole = every_weight(small)
        laid = lay(architecture, (architecture.small_sizes(len(outputs)), sizes), outputs, free, small, large, {"f": whole})
        assert laid["f"].kept == whole.kept
        smalls, circuits = [*smalls, small], [*circuits, laid["f"]]
    assert (circuits[0] & circuits[1]).kept == 0
    inputs = task.every_input("all").inputs
    with torch.no_grad():
        alone = torch.cat([small(inputs) for small in smalls], -1)
        assert torch.allclose(large(inputs), alone, atol=1e-5)


def test_what_does_not_fit_or_is_not_learned_does_not_count():
    task = Multiplexers({"A": SHARED_TRUNK_OF_8["A"]}, 8, as_vector)
    with pytest.raises(NotCounted, match="does not learn"):
        plant_learned(LEARNED_MLP, task, GROUND, 0, learning=LearningConfig(round_steps=1, rounds=1))
    small = LEARNED_MLP.build(LEARNED_MLP.small_sizes(2))
    large, free = learned_network(LEARNED_MLP, task, 4), {"first": list(range(4)), "second": list(range(4))}
    both = (LEARNED_MLP.small_sizes(2), LEARNED_MLP.large_sizes(2, 4))
    with pytest.raises(NotCounted, match="do not fit"):
        lay(LEARNED_MLP, both, [0, 1], free, small, large, {"A": every_weight(small)})


def test_every_architecture_is_planted_in():
    assert {kind.architecture for kind in KINDS.values()} == {"MLP", "CNN", "LSTM", "Transformer"}
    for kind in KINDS.values():
        task = kind.task()
        network = kind.network(task, 64)
        a, *_ = task.every_input(task.whole).inputs.split(2)
        assert task.right(network(a), torch.zeros(2, len(task.functions), dtype=torch.int64)).shape == (2, len(task.functions))
        weights = sum(w.numel() for name, w in network.named_parameters() if "weight" in name)
        assert 3_000 < weights < 12_000
