"""A user's own network without a penalty: the curve of behaviour against size, and other masks for one function."""

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, UnknownNameError

FIRST, COPY = (3, 7), (13, 17)


def network():
    """Class 1 is asked by the sum of two inputs, which the network reads twice."""
    net = nn.Linear(20, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(0.01 * torch.randn(2, 20, generator=torch.Generator().manual_seed(0)))
        net.weight[1, list(FIRST)], net.weight[1, list(COPY)] = 3.0, 2.5
    return net


def part(index):
    x = torch.randn(64, 10, generator=torch.Generator().manual_seed(index))
    return torch.cat([x, x], 1), (x[:, list(FIRST)].sum(1) > 0).long()


def study(**changes):
    return ms.Study(
        network(),
        {"sum": [part(index) for index in range(20)]},
        loss=lambda net, given: nn.functional.cross_entropy(net(given[0]), given[1]),
        score=lambda net, given: net(given[0]).argmax(1) == given[1],
        config=ms.MaskConfig.recommended(steps=60, learning_rate=0.4, **changes),
        repeats=0,
        controls=("shuffled-weights",),
    )


def test_a_study_keeps_the_share_and_draws_the_curve(tmp_path):
    record = study().run(tmp_path / "run", preset="smoke", watch=lambda name: (), announce=lambda text: None)
    assert record.quantity("share of the score kept", "sum", "sum").summary.mean >= 0.95
    trained = next(one for one in record.networks if one.variant == "trained")
    curves = {curve.function: curve.points for curve in trained.more.curves}
    assert set(curves) == {"all", "sum"}
    kept = trained.mask("sum").by_tensor["weight"].kept
    assert kept == min(point.kept for point in curves["sum"] if point.is_enough) < 40
    assert (tmp_path / "run" / "figures" / "curve.png").exists()
    assert "Behaviour against size" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    rows = (tmp_path / "run" / "tables" / "curve.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + sum(map(len, curves.values()))


def test_alternatives_keep_the_score_and_are_not_searched_twice(tmp_path, monkeypatch):
    found = ms.alternatives(study(), "sum", 1, out=tmp_path, watch=False)
    assert len(found.masks) == 2
    assert all(score >= 0.95 * found.unmasked_score for score in found.scores)
    assert found.core == found.masks[0] & found.masks[1]
    assert found.overlaps == (ms.iou(*found.masks),)
    assert f"IoU of every two: {found.overlaps[0]:.2f}" in str(found)
    monkeypatch.setattr("maskscope.studies.own.alternatives.discover_many", None)
    again = ms.alternatives(study(), "sum", 1, out=tmp_path, watch=False)
    assert again.masks == found.masks
    with pytest.raises(TypeError):  # another share of the score is another search
        ms.alternatives(study(size=ms.BehaviourKept(0.9)), "sum", 1, out=tmp_path, watch=False)


def test_alternatives_of_what_is_not_there():
    with pytest.raises(UnknownNameError, match="function 'product'"):
        ms.alternatives(study(), "product")
    with pytest.raises(ConfigError, match="n is 0; at least 1 mask"):
        ms.alternatives(study(), "sum", 0)
    with pytest.raises(ConfigError, match="network is 3; the study has 1, numbered from 0"):
        ms.alternatives(study(), "sum", network=3)


def test_units_that_settings_cannot_name():
    with pytest.raises(ConfigError, match="only heads have numbers: head:12, or head:12:4"):
        ms.Study(network(), {"sum": [part(0)] * 10}, score_of_nothing, score_of_nothing, units={"weight": "row:4"})


def score_of_nothing(net, given):
    return net(given[0]).mean()
