import dataclasses
import json

import pytest
import torch

from maskscope.analysis.recovery import recovery
from maskscope.engine.spec import from_json, to_json
from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.masks import BehaviourKept, BinaryMask, Penalty, TargetDensity, bake, iou
from maskscope.storage import digest, read_json, read_tensors, write_json, write_tensors
from maskscope.studies.planted import (
    PlantingConfig,
    VerifyRecord,
    cells_of,
    find_mask,
    plant,
    planted_network,
    planted_path,
    size_for,
    verify_planted,
    verify_table,
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
    return tmp_path_factory.mktemp("planted")


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


def test_planting_is_repeatable_and_networks_differ_by_seed(planted):
    config = PlantingConfig("halves")
    again, other = plant(config, SEED), plant(config, SEED + 1)
    same = planted["halves"].network.state_dict()
    assert all(torch.equal(same[name], tensor) for name, tensor in again.network.state_dict().items())
    assert again.truth["left"] == planted["halves"].truth["left"] != other.truth["left"]


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


def test_a_cached_network_is_the_one_that_was_made(cache, planted):
    config = PlantingConfig("halves")
    made, read = (planted_network(cache, config, SEED) for _ in range(2))
    assert made.network is not read.network
    for one in (made, read):
        assert all(torch.equal(t, one.network.state_dict()[n]) for n, t in planted["halves"].network.state_dict().items())
        assert (one.truth, one.territory) == (planted["halves"].truth, planted["halves"].territory)
    assert (made.rejected, made.steps, made.gradient_f1) == (read.rejected, read.steps, read.gradient_f1)


def test_a_damaged_or_foreign_cache_file_is_refused(tmp_path):
    config = PlantingConfig("halves")
    path, other = planted_path(tmp_path, config, SEED), planted_path(tmp_path, config, SEED + 1)
    planted_network(tmp_path, config, SEED)
    content = bytearray(path.read_bytes())
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
    planted_network(cache, config, SEED)
    tensors, metadata = read_tensors(planted_path(cache, config, SEED), kind="planted")
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


@pytest.fixture(scope="module")
def record(cache):
    torch.set_num_threads(1)
    seen = []
    kept = verify_planted(
        2,
        cache,
        kinds=["halves"],
        estimators=["continuous-sparsification", "exact-k"],
        sizes=["target-density", "behaviour-kept"],
        config=SHORT,
        progress=lambda what, done, cells: seen.append((done, cells)),
    )
    assert seen == [(done, 6) for done in range(1, 7)]
    return kept


def rows_of(rows, estimator="continuous-sparsification", size="target-density"):
    return [row for row in rows if (row.estimator, row.size) == (estimator, size)]


def test_cells_of_the_default_come_first_and_exact_k_has_a_density_only():
    cells = cells_of(
        2, ["cnn", "lstm"], ["exact-k", "continuous-sparsification"], ["penalty", "target-density", "behaviour-kept"]
    )
    assert len(cells) == len(set(cells)) == 2 * 2 * 4
    assert {(cell.estimator, cell.size) for cell in cells[:4]} == {("continuous-sparsification", "behaviour-kept")}
    assert [cell.net for cell in cells[4:]] == [0] * 6 + [1] * 6
    assert {cell.size for cell in cells if cell.estimator == "exact-k"} == {"target-density"}


def test_the_record_has_a_row_for_everything(record):
    for estimator, size in (
        ("continuous-sparsification", "target-density"),
        ("continuous-sparsification", "behaviour-kept"),
        ("exact-k", "target-density"),
    ):
        rows = rows_of(record.functions, estimator, size)
        assert [(row.net, row.function) for row in rows] == [(0, "left"), (0, "right"), (1, "left"), (1, "right")]
        assert [(row.first, row.second, row.true_iou) for row in rows_of(record.overlaps, estimator, size)] == [
            ("left", "right", 0.0)
        ] * 2
        assert all(
            row.calls == (40 if size == "behaviour-kept" else SHORT.steps) for row in rows
        )  # a stage has 40 steps at least
    assert [row.net for row in record.planted] == [0, 1]
    assert record.config["steps"] == 20
    assert not {"estimator", "size"} & set(record.config)


def test_the_summary_follows_from_the_rows(record):
    (summary,) = rows_of(record.summary)
    functions, overlaps = rows_of(record.functions), rows_of(record.overlaps)
    by_net = [sum(row.f1 for row in functions if row.net == net) / 2 for net in (0, 1)]
    assert summary.n == 2
    assert summary.f1 == pytest.approx(sum(by_net) / 2)
    assert summary.f1_std == pytest.approx(abs(by_net[0] - by_net[1]) / 2**0.5)
    assert summary.worst_f1 == min(row.f1 for row in functions)
    assert summary.outside == sum(row.outside for row in functions)
    assert summary.kept == pytest.approx(sum(row.kept for row in functions) / 4)
    assert summary.worst_overlap_error == pytest.approx(max(abs(row.iou - row.true_iou) for row in overlaps))


def test_what_is_done_is_not_done_again(record, cache, monkeypatch):
    monkeypatch.setattr("maskscope.studies.planted.verify.discover", None)
    given = {"kinds": ["halves"], "estimators": ["exact-k"], "sizes": ["target-density"], "config": SHORT}
    again = verify_planted(2, cache, **given)
    assert list(again.functions) == rows_of(record.functions, "exact-k")
    assert verify_planted(3, cache, search=False, **given).functions == again.functions
    for cell in (cache / "cells").iterdir():
        write_json(cell, {"functions": 3})
    with pytest.raises(FileFormatError, match="does not hold what a cell is made of"):
        verify_planted(2, cache, kinds=["halves"], estimators=["exact-k"], sizes=["target-density"], config=SHORT)


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


def test_a_record_survives_json(record, tmp_path):
    write_json(tmp_path / "verify.json", to_json(record))
    assert from_json(VerifyRecord, read_json(tmp_path / "verify.json")) == record
    body = json.loads(json.dumps(to_json(record)))
    del body["functions"]
    with pytest.raises(ConfigError, match="functions"):
        from_json(VerifyRecord, body)


def test_what_is_undefined_is_said_and_survives_json(record, tmp_path):
    undefined = dataclasses.replace(record.summary[0], f1_std=float("nan"))
    single = dataclasses.replace(record, summary=(undefined,))
    write_json(tmp_path / "verify.json", to_json(single))
    header, rows = verify_table(from_json(VerifyRecord, read_json(tmp_path / "verify.json")))
    assert rows[0][header.index("F1")].endswith("± undefined")


def test_the_table_has_a_cell_for_every_column(record):
    header, rows = verify_table(record)
    assert len(rows) == 3
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][header.index("outside")] == str(record.summary[0].outside)


def test_verify_says_what_is_wrong_before_it_makes_anything(tmp_path):
    with pytest.raises(UnknownNameError, match="estimator 'gumbel'"):
        verify_planted(1, tmp_path, estimators=["gumbel"])
    with pytest.raises(UnknownNameError, match="size 'weight'"):
        verify_planted(1, tmp_path, sizes=["weight"])
    with pytest.raises(ConfigError, match="No estimator among exact-k can have a size among penalty"):
        verify_planted(1, tmp_path, estimators=["exact-k"], sizes=["penalty"])
    with pytest.raises(ConfigError, match="0 networks"):
        verify_planted(0, tmp_path)
    with pytest.raises(ConfigError, match="'thirds'"):
        verify_planted(1, tmp_path, kinds=["thirds"])
    assert not list(tmp_path.iterdir())
