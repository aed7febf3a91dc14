"""The studies of sequences, small: masks for splits, networks trained on a split, rows of the output map, examples; resuming."""

import json
import math
from dataclasses import replace

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.run import run_study
from maskscope.engine.spec import to_json
from maskscope.engine.workers import Share, do_share
from maskscope.errors import ConfigError, DataError, FileFormatError, UnknownNameError
from maskscope.masks import BinaryMask, select
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.procedure.work import make_network
from maskscope.studies.mathematics.spec import MathematicsSpec
from maskscope.studies.scan.spec import ScanSpec
from maskscope.tasks.scan import scan_splits
from maskscope.tasks.scan_files import write_split

CPU = torch.device("cpu")
SCAN_STUDY, MATHEMATICS_STUDY = study_at("scan"), study_at("mathematics")
SCAN = ScanSpec(
    width=8,
    layers=1,
    embedding=4,
    splits=("jump", "turn_left"),
    fit=FitSpec(steps=6, batch_size=8),
    mask=MaskSpec(steps=5, batch_size=8, samples_per_step=2, learning_rate=0.9),
    controls=("untrained",),
    random_draws=1,
    test_items=30,
    examples=2,
    decoder_drops=True,
)
TRANSFORMER = replace(
    SCAN, network="transformer", embedding=16, heads=2, feedforward=8, forcing=1.0, splits=("jump",), decoder_drops=False
)
MATHEMATICS = MathematicsSpec(
    width=8,
    layers=1,
    heads=2,
    feedforward=8,
    dropout=0.1,
    train_items=60,
    held_out=20,
    fit=FitSpec(steps=4, batch_size=8, warmup=3, betas=(0.9, 0.995), eps=1e-9),
    mask=MaskSpec(steps=3, batch_size=8, samples_per_step=2, learning_rate=0.9),
    random_draws=1,
    examples=2,
)


def run(study, spec, folder, seeds=(0,), **job):
    made = []
    record = run_study("smoke", Job(study, spec, seeds, str(folder), threads=1, **job), announce=made.append)
    return record, [text for text in made if text.startswith("seed-")]


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    plan = make_plan(Job(SCAN_STUDY, SCAN, (0,), str(folder), threads=1))
    return folder, *run(SCAN_STUDY, SCAN, folder), plan


def trained(record):
    return next(network for network in record.networks if network.variant == "trained")


def mask(folder, name):
    (path,) = [p for p in (folder / "artefacts").iterdir() if p.name.rpartition("-")[0] == f"seed-0-mask-{name}"]
    return BinaryMask.load(path / "mask.safetensors")


def test_the_plan_names_the_stages_that_are_made(scan):
    folder, _, made, plan = scan
    assert sorted(stage.name for stage in plan.stages) == sorted(made)
    assert plan.seconds > 0
    assert not any(stage.done for stage in plan.stages)
    assert all(stage.done for stage in make_plan(Job(SCAN_STUDY, SCAN, (0,), str(folder), threads=1)).stages)


def test_masks_are_for_the_whole_and_for_each_split(scan):
    _, record, _, _ = scan
    assert [found.function for found in trained(record).masks] == ["all", "jump", "turn_left"]
    assert record.mask_targets == ("jump", "turn_left")
    assert record.functions == (
        "simple",
        *("jump", "jump-unseen", "jump-train"),
        *("turn_left", "turn_left-unseen", "turn_left-train"),
    )
    pair = trained(record).pairs[0]
    assert (pair.first, pair.second) == (("jump", 0), ("turn_left", 0))


def test_the_record_says_how_much_of_each_test_was_seen(scan):
    _, record, _, _ = scan
    parts = {part.name: part for part in record.evaluated_on}
    assert parts["simple"].seen == 0
    assert parts["jump"].items == 7_706
    assert parts["jump"].judged == 30
    assert 0.75 < parts["jump"].seen / parts["jump"].items < 0.85
    assert parts["jump-train"].items == 13_204


def test_rows_of_the_output_map_are_counted(scan):
    folder, record, _, _ = scan
    rows = {rows.function: rows.by_token for rows in trained(record).more.rows}
    bits = mask(folder, "jump-0")["output.weight"]
    assert list(rows["jump"]) == ["I_TURN_LEFT", "I_TURN_RIGHT", "I_JUMP", "I_WALK", "I_RUN", "I_LOOK", "end"]
    assert [part.kept for part in rows["jump"].values()] == bits.sum(1).tolist()
    removed = {token: 1 - part.kept / part.weights for token, part in rows["jump"].items()}
    assert record.quantity("removed of output", "jump", "I_JUMP").summary.mean == removed["I_JUMP"]
    others = max(share for token, share in removed.items() if token != "I_JUMP")
    assert record.quantity("removed beyond other outputs", "jump", "I_JUMP").summary.mean == removed["I_JUMP"] - others


def test_networks_trained_on_a_split_are_compared_with_its_mask(scan):
    folder, record, _, _ = scan
    result = trained(record)
    assert [one.trained_on for one in result.more.baselines] == ["jump", "turn_left"]
    baseline = result.more.baselines[0]
    under = next(found for found in result.masks if found.function == "jump").sufficiency.accuracy
    full = next(found for found in result.masks if found.function == "all").sufficiency.accuracy
    for test in record.functions:
        gap = record.quantity("gap to the full mask", "jump", test).summary.values[0]
        beyond = record.quantity("mask beyond such a network", "jump", test).summary.values[0]
        for found, wanted in ((gap, full[test] - under[test]), (beyond, under[test] - baseline.scores.accuracy[test])):
            assert found == wanted or (math.isnan(found) and math.isnan(wanted))
    assert set(baseline.dropping.accuracy) == set(record.functions)
    assert record.quantity("accuracy, decoder dropping", "", "simple") is not None
    weights = [p.name for p in (folder / "artefacts").iterdir() if "-network-baseline-jump-" in p.name]
    assert len(weights) == 1


def test_examples_show_what_everyone_answered(scan):
    _, record, _, _ = scan
    examples = trained(record).more.examples
    assert {example.test for example in examples} == {"simple", "jump", "jump-train", "turn_left", "turn_left-train"}
    assert [example.seen for example in examples if example.test == "jump"] == [False, True]
    for example in examples:
        assert list(example.given) == ["unmasked", "all", "jump", "turn_left", "baseline jump", "baseline turn_left"]
        assert all(token.startswith("I_") for given in example.given.values() for token in given)


def test_a_run_goes_on_where_it_was_and_a_split_can_be_added(scan, tmp_path):
    few = replace(SCAN, splits=("jump",), controls=())
    first, made = run(SCAN_STUDY, few, tmp_path)
    again, repeated = run(SCAN_STUDY, few, tmp_path)
    assert len(made) == 5
    assert not repeated
    assert replace(again, provenance=first.provenance) == first
    _, more = run(SCAN_STUDY, replace(few, splits=("jump", "length")), tmp_path)
    assert sorted(more) == ["seed-0-analysis", "seed-0-mask-length-0", "seed-0-network-baseline-length"]
    with_others = next(found for found in trained(scan[1]).masks if found.function == "jump")
    alone = next(found for found in trained(first).masks if found.function == "jump")
    assert alone.by_tensor == with_others.by_tensor


def test_a_worker_makes_the_same_masks(scan, tmp_path):
    _, record, _, _ = scan
    job = Job(SCAN_STUDY, replace(SCAN, data_digest=record.spec["data_digest"]), (0,), str(tmp_path), threads=1)
    do_share(Share(job, 0, 1))
    shared, made = run(SCAN_STUDY, SCAN, tmp_path)
    assert made == []
    assert json.dumps(to_json(shared.networks)) == json.dumps(to_json(record.networks))


def test_the_transformer_goes_through_the_same_study(tmp_path):
    record, _ = run(SCAN_STUDY, TRANSFORMER, tmp_path)
    result = trained(record)
    assert result.more.dropping is None
    assert [found.function for found in result.masks] == ["all", "jump"]
    assert any(name.endswith("norm1.bias") for name in result.masks[0].by_tensor)
    assert not any("linear1.bias" in name or "embedding" in name for name in result.masks[0].by_tensor)
    assert load_record(tmp_path).evaluated_on == record.evaluated_on


def test_mathematics_goes_through_the_study(tmp_path):
    record, _ = run(MATHEMATICS_STUDY, MATHEMATICS, tmp_path)
    result = trained(record)
    assert record.functions == ("easy", "medium", "hard", "interpolate")
    assert [found.function for found in result.masks] == ["all", "easy"]
    assert result.more.rows == ()  # the output map is the embedding
    assert not result.more.baselines
    assert record.quantity("relative gap to the full mask", "easy", "hard") is not None
    assert record.data is None


def early_tensors(study, spec):
    """The maskable tensors of its network, and what the half-mask test takes as early."""
    subject = study.procedure.subject
    network = make_network(subject, spec, 0, subject.task(spec, CPU))
    names = select(network, exclude=subject.excluded(spec)).names
    return names, subject.early_tensors(spec, names, 3)


def test_half_masks_are_the_papers():
    """Of the LSTM random halves; of the Transformer the encoder's and decoder's layers but the last, and the output map."""
    lstm = replace(SCAN_STUDY.preset("paper"), test_items=10)
    names, subsets = early_tensors(SCAN_STUDY, lstm)
    assert len(names) == 9
    assert len(subsets) == 5
    assert {len(subset) for subset in subsets} == {5}
    names, (early,) = early_tensors(SCAN_STUDY, replace(SCAN_STUDY.preset("paper", "transformer"), test_items=10))
    assert {name.rpartition(".")[0].split(".")[1] for name in early if name.startswith(("encoder", "decoder"))} == {"0", "1"}
    assert "output.weight" in early
    assert early_tensors(MATHEMATICS_STUDY, MATHEMATICS)[1] == []


def test_presets_of_the_paper_are_the_papers():
    lstm, transformer = (SCAN_STUDY.preset("paper", kind) for kind in ("lstm", "transformer"))
    assert (lstm.width, lstm.layers, lstm.embedding, lstm.dropout, lstm.forcing) == (200, 2, 16, 0.5, 0.5)
    assert (lstm.fit.steps, lstm.fit.batch_size, lstm.fit.learning_rate, lstm.fit.clip_norm) == (25_000, 256, 1e-3, 5.0)
    assert (lstm.mask.steps, lstm.mask.learning_rate, lstm.mask.beta, lstm.mask.reference_batch) == (25_000, 1e-2, 3e-5, 256)
    assert (transformer.width, transformer.heads, transformer.feedforward, transformer.layers) == (100, 4, 200, 3)
    assert (transformer.forcing, transformer.dropout, transformer.mask.beta) == (1.0, 0.1, 6e-4)
    for module, (steps, batch, warmup) in {"add_or_sub": (30_000, 256, 0), "linear_1d": (200_000, 512, 5_000)}.items():
        spec = MATHEMATICS_STUDY.preset("paper", module)
        assert (spec.width, spec.heads, spec.feedforward, spec.layers, spec.dropout) == (512, 8, 2_048, 6, 0.1)
        assert (spec.fit.steps, spec.fit.batch_size, spec.fit.warmup) == (steps, batch, warmup)
        assert (spec.fit.betas, spec.fit.eps, spec.fit.clip_norm, spec.fit.learning_rate) == ((0.9, 0.995), 1e-9, 0.1, 1e-4)
        assert (spec.mask.samples_per_step, spec.mask.reference_batch) == (8, batch)


def test_what_is_wrong_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("MASKSCOPE_DATA", raising=False)
    with pytest.raises(UnknownNameError, match="There is no module"):
        MATHEMATICS_STUDY.preset("quick", "sums")
    with pytest.raises(ConfigError, match="splits is"):
        replace(SCAN, splits=())
    with pytest.raises(ConfigError, match="width 10 does not divide by heads 4"):
        replace(MATHEMATICS, width=10, heads=4)
    with pytest.raises(ConfigError, match="decoder_drops is for network lstm"):
        replace(TRANSFORMER, decoder_drops=True)
    with pytest.raises(ConfigError, match="heads is 8, but plays no part with network lstm"):
        replace(SCAN, heads=8)
    with pytest.raises(ConfigError, match="embedding is 8, but plays no part with network transformer"):
        replace(TRANSFORMER, embedding=8)
    with pytest.raises(ConfigError, match="simple_seed is 1, but plays no part with network lstm and source folder"):
        replace(SCAN, source="folder", simple_seed=1)
    with pytest.raises(ConfigError, match="forcing is 2"):
        replace(SCAN, forcing=2.0)
    folder = replace(SCAN, source="folder")
    with pytest.raises(DataError, match="name the folder with the published files of SCAN by --data-dir, or by MASKSCOPE_DATA"):
        SCAN_STUDY.procedure.subject.task(folder, CPU)
    with pytest.raises(FileFormatError, match="tasks_train_simple.txt"):
        SCAN_STUDY.procedure.subject.task(folder, CPU, tmp_path)
    with pytest.raises(DataError, match="name the folder with the unpacked mathematics_dataset"):
        MATHEMATICS_STUDY.procedure.subject.task(replace(MATHEMATICS, source="archive"), CPU)
    with pytest.raises(ConfigError, match="these settings are for abc"):
        SCAN_STUDY.procedure.subject.task(replace(SCAN, data_digest="abc"), CPU)


def test_published_files_are_pinned_and_their_origin_recorded(tmp_path):
    for name, split in scan_splits(["jump"], 5).items():
        write_split(split, "addprim_jump" if name == "jump" else name, tmp_path / "files")
    spec = replace(SCAN, source="folder", splits=("jump",), controls=(), baselines=False, decoder_drops=False)
    record, made = run(SCAN_STUDY, spec, tmp_path / "run", data_dir=str(tmp_path / "files"))
    assert record.data.name == "scan"
    assert record.data.verified
    assert "divided as published; how the published simple is divided is not known" in record.data.note
    assert record.data.digest == record.spec["data_digest"]
    assert not any("baseline" in name for name in made)
    claim = next(verdict for verdict in record.verdicts if verdict.name == "jump: no better than never seen")
    assert claim.verdict == "inconclusive"
    assert any("--no-baselines" in lack.cure for lack in claim.lacks)
    missing = next(verdict for verdict in record.verdicts if verdict.name.startswith("length: held-out"))
    assert any("split length" in lack.missing for lack in missing.lacks)
