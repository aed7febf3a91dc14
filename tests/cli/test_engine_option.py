"""``--engine ray`` of `run` and `sweep`: which cluster is asked for, and which options go with which engine."""

import pytest

from maskscope.cli import running, sweeping
from maskscope.cli.main import main
from maskscope.engine.cluster.choice import Cluster

RUN = ["run", "addition-multiplication", "--preset", "smoke"]
SWEEP = ["sweep", "addition-multiplication", "--preset", "smoke", "--over", "mask.beta", "1e-5", "1e-4"]


class Stopped(Exception):
    pass


@pytest.fixture
def clusters(monkeypatch):
    """What `run_study` and `run_sweep` are told to run on."""
    given = []

    def stop(*_, cluster, workers, **__):
        given.append((cluster, workers))
        raise Stopped

    monkeypatch.setattr(running, "run_study", stop)
    monkeypatch.setattr(sweeping, "run_sweep", stop)
    return given


@pytest.mark.parametrize("command", [RUN, SWEEP], ids=["run", "sweep"])
def test_the_options_choose_the_cluster(clusters, tmp_path, command):
    words = [*command, "--out", str(tmp_path)]
    far = ["--engine", "ray", "--address", "auto", "--files", "shipped", "--gpus-per-step", ".5", "--device", "cuda"]
    for more in ([], ["--engine", "ray"], far):
        with pytest.raises(Stopped):
            main([*words, *more])
    assert clusters == [(None, 1), (Cluster(), 1), (Cluster("auto", "shipped", 0.5), 1)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "ray", "--workers", "2"], "--workers is for --engine processes"),
        (["--address", "auto"], "--address is for --engine ray"),
        (["--files", "shared", "--gpus-per-step", ".5"], "--files, --gpus-per-step are for --engine ray"),
        (["--engine", "ray", "--tracker", "wandb"], "with --engine ray others do the work"),
        (["--engine", "ray", "--address", "here"], "auto, or HOST:PORT of the head node was expected"),
        (["--engine", "ray", "--device", "cuda:1"], "Ray chooses the GPU of each step"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, words, said):
    with pytest.raises(SystemExit) as end:
        main([*RUN, "--out", str(tmp_path / "run"), *words])
    assert end.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
