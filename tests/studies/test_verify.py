"""The record of masks against planted truth: its rows, what follows from them, and what is not done again."""

import dataclasses
import json

import pytest
import torch

from maskscope.engine.spec import from_json, to_json
from maskscope.errors import ConfigError, FileFormatError, UnknownNameError
from maskscope.masks import Penalty
from maskscope.storage import read_json, write_json
from maskscope.studies.planted import PlantingConfig, VerifyRecord, cells_of, planted_network, verify_planted, verify_table
from maskscope.training import MaskConfig, child_seed

SHORT = MaskConfig(steps=20, learning_rate=0.1, size=Penalty(3e-4))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("planted")


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


def test_networks_differ_by_seed(record, cache):
    files = len(list(cache.iterdir()))
    seeds = [child_seed(0, "planted", "halves", net) for net in (0, 1)]
    first, second = (planted_network(cache, PlantingConfig("halves"), seed) for seed in seeds)
    assert len(list(cache.iterdir())) == files, "they were there"
    assert first.truth["left"] != second.truth["left"]


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
