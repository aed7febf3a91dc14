import dataclasses

import pytest
import torch

from maskscope.analysis.recovery import recovery
from maskscope.errors import ConfigError, FileFormatError
from maskscope.masks import BehaviourKept, BinaryMask, Penalty, TargetDensity, bake, iou
from maskscope.storage import digest, read_tensors, write_tensors
from maskscope.studies.planted import (
    PlantingConfig,
    find_mask,
    plant,
    planted_network,
    planted_path,
    size_for,
)
from maskscope.studies.planted.finetune import FinetuneConfig
from maskscope.studies.planted.truth import computes, minimal_core
from maskscope.studies.planted.wiring import wire
from maskscope.tasks.multiplexer import HALVES, SHARED_TRUNK, Multiplexers
from maskscope.training import MaskConfig
from maskscope.zoo import MLP

SEED = 3
WIRED = ("halves", "shared trunk", "shared trunk, inhibition")
SHORT = MaskConfig(steps=20, learning_rate=0.1, size=Penalty(3e-4))


@pytest.fixture(scope="module")
def planted():
    torch.set_num_threads(1)
    return {kind: plant(PlantingConfig(kind), SEED) for kind in WIRED}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder with a network that was planted once more, and that network."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("planted")
    return folder, planted_network(folder, PlantingConfig("halves"), SEED)


def accuracy(network, task, function):
    with torch.no_grad():
        return task.score(network).accuracy[function]


def wired(inhibition=False):
    task = Multiplexers(SHARED_TRUNK)
    sizes = (16, 14, 6, 6)
    pool = (range(14), range(6))
    return task, sizes, wire(task.switches, dict.fromkeys(task.functions, pool), sizes, inhibition=inhibition)


def network_of(wiring, sizes):
    network = MLP(sizes)
    network.load_state_dict({**wiring.weights, **wiring.biases})
    return network


@pytest.mark.parametrize(("inhibition", "size", "shared"), [(False, 18, 8), (True, 14, 4)])
def test_the_wiring_is_right_on_every_input_and_shares_the_trunk(inhibition, size, shared):
    task, sizes, wiring = wired(inhibition)
    network = network_of(wiring, sizes)
    a, b, c = wiring.circuits.values()
    assert task.score(lambda inputs: network(inputs).detach()).accuracy == {"A": 1, "B": 1, "C": 1}
    assert [mask.kept for mask in (a, b, c)] == [size] * 3
    assert (a & b).kept == shared
    assert (a & c).kept == (b & c).kept == 0
    assert all(computes(bake(network, mask), task, name) for name, mask in wiring.circuits.items())


def test_a_unit_of_the_wiring_never_misfires_when_it_loses_weights():
    task, sizes, wiring = wired()
    network = network_of(wiring, sizes)
    inputs = task.every_input("all").inputs[::7]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        whole = network(inputs)
        for _ in range(20):
            mask = BinaryMask({name: torch.rand(w.shape, generator=generator) < 0.8 for name, w in wiring.weights.items()})
            assert (bake(network, mask)(inputs) <= whole + 1e-6).all()


@pytest.mark.parametrize("kind", WIRED)
def test_a_planted_network_obeys_the_rules(planted, kind):
    one = planted[kind]
    assert all(accuracy(one.network, one.task, name) == 1 for name in one.task.functions)
    for name, truth in one.truth.items():
        alone = bake(one.network, truth)
        assert accuracy(alone, one.task, name) == 1
        parameters = dict(alone.named_parameters())
        for tensor, bits in truth.items():
            for row, column in bits.nonzero().tolist():
                value = parameters[tensor][row, column].item()
                with torch.no_grad():
                    parameters[tensor][row, column] = 0
                    assert accuracy(alone, one.task, name) < 1
                    parameters[tensor][row, column] = value
        assert one.magnitude_f1[name] < 0.9
        assert one.gradient_f1[name] < 0.9


def test_hand_wired_networks_are_what_they_were_before_there_were_learned_ones(planted):
    """The truth to the bit; the weights but for rounding, which differs between processors."""
    found = {
        kind: (
            digest([[f, name, bits.nonzero().tolist()] for f, mask in one.truth.items() for name, bits in mask.items()])[:12],
            sum(float(parameter.detach().double().abs().sum()) for parameter in one.network.parameters()),
        )
        for kind, one in planted.items()
    }
    assert {kind: truth for kind, (truth, _) in found.items()} == {
        "halves": "b18409d3ef21",
        "shared trunk": "bff829c325ed",
        "shared trunk, inhibition": "49638084e9ed",
    }
    assert {kind: size for kind, (_, size) in found.items()} == pytest.approx(
        {"halves": 281.7720, "shared trunk": 470.7881, "shared trunk, inhibition": 464.0997}, rel=1e-5
    )


def test_the_shared_trunk_has_noise_on_every_other_weight_and_a_known_overlap(planted):
    one = planted["shared trunk"]
    a, b, c = one.truth.values()
    weights = one.network.state_dict()
    assert a.count == 5504
    assert (iou(a, b), iou(a, c)) == (8 / 28, 0)
    other = ~(a | b | c)
    noise = torch.cat([weights[name][bits] for name, bits in other.items()])
    values = torch.cat([weights[name][bits] for name, bits in (a | b | c).items()])
    assert (noise != 0).all()
    assert 0.02 < float(noise.std() / values.std()) < 0.08


def test_halves_are_disjoint_and_nothing_lies_between_them(planted):
    one = planted["halves"]
    left, right = one.territory.values()
    assert (left & right).kept == 0
    assert left.kept == right.kept == 8 * 32 + 32 * 32 + 32 * 2
    weights = one.network.state_dict()
    assert all((weights[name][bits] == 0).all() for name, bits in (~(left | right)).items())
    assert all((weights[name][bits] != 0).all() for name, bits in (left | right).items())
    assert all((one.truth[name] - one.territory[name]).kept == 0 for name in HALVES)


def test_what_does_not_count_is_counted_and_said():
    with pytest.raises(ConfigError, match=r"None of 2 .*magnitude finds the module \(2 times\)"):
        plant(PlantingConfig("halves", baseline_limit=0.01, attempts=2), SEED)
    with pytest.raises(ConfigError, match=r"not exact after fine-tuning \(1 times\)"):
        plant(PlantingConfig("shared trunk", noise=2.0, attempts=1, finetune=FinetuneConfig(rounds=1, round_steps=1)), SEED)


def test_the_minimal_core_leaves_out_what_is_not_needed():
    task, sizes, wiring = wired()
    network = network_of(wiring, sizes)
    circuit = wiring.circuits["A"]
    # the first unit has no use for the fourth bit when its weight is tiny
    with torch.no_grad():
        network.layers[0].weight[circuit["layers.0.weight"].nonzero()[0, 0], 3] = 1e-3
    more = circuit | BinaryMask({name: weight != 0 for name, weight in network.named_parameters() if "bias" not in name})
    own = more - (wiring.circuits["B"] - circuit) - (wiring.circuits["C"] - circuit)
    assert own.kept == circuit.kept + 1
    assert minimal_core(network, task, "A", own) == circuit


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="'thirds'.*halves"):
        PlantingConfig("thirds")


def test_planting_is_repeatable_and_a_cached_network_is_the_one_that_was_made(cache, planted):
    folder, made = cache
    read = planted_network(folder, PlantingConfig("halves"), SEED)
    assert made.network is not read.network
    for one in (made, read):
        assert all(torch.equal(t, one.network.state_dict()[n]) for n, t in planted["halves"].network.state_dict().items())
        assert (one.truth, one.territory) == (planted["halves"].truth, planted["halves"].territory)
    assert (made.rejected, made.steps, made.gradient_f1) == (read.rejected, read.steps, read.gradient_f1)


def test_a_damaged_or_foreign_cache_file_is_refused(cache, tmp_path):
    config = PlantingConfig("halves")
    path, other = planted_path(tmp_path, config, SEED), planted_path(tmp_path, config, SEED + 1)
    content = bytearray(planted_path(cache[0], config, SEED).read_bytes())
    other.write_bytes(content)
    with pytest.raises(FileFormatError, match="other settings"):
        planted_network(tmp_path, config, SEED + 1)
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="altered"):
        planted_network(tmp_path, config, SEED)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, metadata: tensors.pop(next(iter(tensors))),
        lambda tensors, metadata: tensors.update({name: bits[:1] for name, bits in tensors.items()}),
        lambda tensors, metadata: [tensors.pop(name) for name in list(tensors) if not name.startswith("network")],
        lambda tensors, metadata: metadata.pop("steps"),
        lambda tensors, metadata: metadata.update(rejected=[]),
    ],
)
def test_a_sound_cache_file_with_odd_insides_is_refused(cache, tmp_path, change):
    config = PlantingConfig("halves")
    tensors, metadata = read_tensors(planted_path(cache[0], config, SEED), kind="planted")
    change(tensors, metadata)
    write_tensors(planted_path(tmp_path, config, SEED), tensors, kind="planted", metadata=metadata)
    with pytest.raises(FileFormatError, match="does not hold what a planted network is made of"):
        planted_network(tmp_path, config, SEED)


def test_settings_and_seed_have_files_of_their_own(tmp_path):
    config = PlantingConfig("halves")
    others = [dataclasses.replace(config, noise=0.05), dataclasses.replace(config, kind="shared trunk")]
    paths = {planted_path(tmp_path, value, SEED) for value in [config, *others]} | {planted_path(tmp_path, config, SEED + 1)}
    assert len(paths) == 4


def test_the_penalty_empties_the_other_half(planted):
    one = planted["halves"]
    found = find_mask(one, "left", dataclasses.replace(SHORT, steps=60), SEED)
    outside = found.mask - one.territory["left"]
    assert outside.kept == 0
    assert recovery(found.mask, one.truth["left"]).recall > 0.9


def test_items_must_divide_into_samples(planted):
    with pytest.raises(ConfigError, match="256 items.*3 samples"):
        find_mask(planted["halves"], "left", dataclasses.replace(SHORT, samples_per_step=3), SEED)


@pytest.mark.parametrize(
    ("name", "size"), [("penalty", Penalty), ("target-density", TargetDensity), ("behaviour-kept", BehaviourKept)]
)
def test_sizes_are_set_by_rules_and_not_by_what_they_find(planted, name, size):
    one = planted["shared trunk"]
    found = size_for(name, one, "A", SEED)
    assert type(found) is size
    if name == "target-density":
        assert found.kept(one.selection.count) == one.truth["A"].kept
    if name == "penalty":
        assert 1e-4 < found.weight < 1e-3
