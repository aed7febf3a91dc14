"""Trackers: what they are told, that they stay on this machine, and that a search outlives them. Stand-ins take their place."""

import sys
import types
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.engine.job import Job
from maskscope.engine.run import run_study
from maskscope.errors import ConfigError, MissingExtraError, UnknownNameError
from maskscope.training.trackers import TRACKERS, TrackerWarning, services


class Run:
    """A run as wandb and trackio have them."""

    def __init__(self, arguments):
        self.arguments, self.logged, self.ended = arguments, [], None

    def log(self, values, **more):
        self.logged.append((values, more))

    def finish(self, **how):
        self.ended = how


@pytest.fixture
def runs(monkeypatch):
    """A stand-in for wandb and for trackio; its runs."""
    made = []

    def init(**arguments):
        made.append(Run(arguments))
        return made[-1]

    for name in ("wandb", "trackio"):
        module = types.ModuleType(name)
        module.init, module.Settings = init, lambda **settings: settings
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(services, "find_spec", lambda name: name)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return made


def search(*observers, steps=4, size=None, **more):
    network = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
    parts = torch.randn(20, 8, 3, generator=torch.Generator().manual_seed(0))
    size = size or ms.Penalty(0.25)
    return ms.discover(
        network,
        lambda guest, x: (guest(x) - 2 * x[:, :2]).pow(2).mean(),
        lambda index: parts[index % 20],
        config=ms.MaskConfig(steps=steps, size=size, samples_per_step=1, learning_rate=0.5),
        observers=observers,
        compute=ms.Compute("sequential", "reference"),
        check=False,
        **{"watch": False, "judge": False} | more,
    )


def test_a_search_is_a_run_with_curves_and_a_result(runs, tmp_path):
    found = search(ms.Tracker("wandb", project="mine", name="add", folder=tmp_path, points=2))
    (run,) = runs
    assert {name: run.arguments[name] for name in ("project", "name", "mode", "dir")} == {
        "project": "mine",
        "name": "add",
        "mode": "offline",
        "dir": str(tmp_path),
    }
    assert run.arguments["config"]["steps"] == 4
    *points, (result, _) = run.logged
    assert [more["step"] for _, more in points] == [2, 4]
    assert [set(values) for values, _ in points] == [{"loss", "density", "undecided", "penalty"}] * 2
    assert [values["loss"] for values, _ in points] == [sum(found.history.loss[place : place + 2]) / 2 for place in (0, 2)]
    assert points[-1][0]["density"] == found.mask.density
    assert points[-1][0]["penalty"] == 0.25
    assert result == {"result/kept": found.mask.kept, "result/density": found.mask.density, "result/seconds": found.seconds}
    assert run.ended == {}


def test_a_path_tells_the_behaviour_that_it_keeps(runs, tmp_path):
    size = ms.BehaviourKept(0.5, of="loss", parts=4)
    found = search(ms.Tracker("trackio", folder=tmp_path), size=size, steps=6, held_out=list(torch.randn(4, 8, 3)))
    behaviours = [values["behaviour"] for values, _ in runs[0].logged if "behaviour" in values]
    assert behaviours[-1] == found.curve[-1].behaviour
    assert "result/behaviour" in runs[0].logged[-1][0]


def test_the_user_chooses_the_mode_and_whatever_else_wandb_takes(runs, tmp_path, monkeypatch):
    search(ms.Tracker("wandb", folder=tmp_path, mode="online", tags=["x"]))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    search(ms.Tracker("wandb", folder=tmp_path))
    assert (runs[0].arguments["mode"], runs[0].arguments["tags"]) == ("online", ["x"])
    assert "mode" not in runs[1].arguments
    assert runs[0].arguments["id"] != runs[1].arguments["id"]


def test_a_given_run_takes_every_search_and_stays_open(runs, tmp_path):
    mine = Run({})
    tracker = ms.Tracker("wandb", folder=tmp_path, run=mine)
    for name in ("add", "mul"):
        search(*tracker(name)[1:])
    assert runs == []
    assert mine.ended is None
    names = {name for values, _ in mine.logged for name in values}
    assert {"add/loss", "mul/loss", "add/result/kept", "steps"} <= names
    assert all(more == {} for _, more in mine.logged)


class Stop(ms.Observer):
    def after_step(self, report):
        if report.step == 2:
            raise KeyboardInterrupt


def test_a_resumed_search_goes_on_in_its_run(runs, tmp_path):
    kept = ms.Checkpoint(tmp_path / "state", every_seconds=0.0)
    tracker = ms.Tracker("wandb", folder=tmp_path / "tracking", points=100)
    with pytest.raises(KeyboardInterrupt):
        search(tracker, Stop(), checkpoint=kept)
    search(tracker, checkpoint=kept)
    assert [run.arguments["id"] for run in runs] == [runs[0].arguments["id"]] * 2
    assert [run.ended for run in runs] == [{"exit_code": 1}, {}]
    assert [more["step"] for _, more in runs[1].logged] == [2, 3, 4, 4]
    search(tracker, checkpoint=kept)
    assert runs[2].arguments["id"] == runs[0].arguments["id"]
    assert (len(runs[2].logged), runs[2].ended) == (1, {})


@pytest.mark.parametrize("fault", ["init", "log", "finish", "disk"])
def test_a_tracker_that_fails_ends_no_search(runs, tmp_path, monkeypatch, fault):
    def fail(*_, **__):
        raise OSError("no space left")

    if fault == "init":
        sys.modules["wandb"].init = fail
    elif fault == "disk":
        (tmp_path / "file").write_text("")
    else:
        monkeypatch.setattr(Run, fault, fail)
    tracker = ms.Tracker("wandb", folder=tmp_path / ("file/below" if fault == "disk" else "."))
    with pytest.warns(TrackerWarning, match="The tracker wandb failed, .* the search goes on") as told:
        found = [search(*tracker(name)[1:]) for name in ("add", "mul")]
    assert len(told) == 1
    assert all(len(one.history.loss) == 4 for one in found)
    assert found[0].mask == search().mask


def test_a_study_and_its_record_are_logged(runs, tmp_path):
    parts = [torch.randn(8, 2) for _ in range(10)]
    study = ms.Study(
        nn.Linear(2, 1),
        {"one": parts, "other": [-part for part in parts]},
        lambda network, x: network(x).pow(2).mean(),
        lambda network, x: network(x)[:, 0] > 0,
        config=ms.MaskConfig(steps=2),
        repeats=0,
    )
    tracker = ms.Tracker("wandb", folder=tmp_path / "tracking")
    spec = replace(study.study.preset("smoke"), controls=())
    job = Job(study.study, spec, (0,), str(tmp_path / "run"), "cpu", 0, "sequential", "reference")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ms.WeakMaskWarning)
        record = run_study("smoke", job, watch=tracker)
    names = [run.arguments["name"] for run in runs]
    assert {"seed-0-mask-one-0", "seed-0-mask-other-0"} <= {*names}
    assert names[-1] == "own"
    ((values, _),) = runs[-1].logged
    assert values["density/mask one"] == record.quantity("density", "one").summary.mean
    assert values["claims/sufficient"] == 0.0
    assert all(run.ended == {} for run in runs)
    assert all(name.count("/") == 1 for name in values)


def test_event_files_are_read_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = search(ms.Tracker("tensorboard", project="mine", name="a/b", folder=tmp_path))
    (folder,) = (tmp_path / "tensorboard" / "mine").iterdir()
    assert folder.name.startswith("a_b-")
    events = EventAccumulator(str(folder)).Reload()
    assert [(one.step, one.value) for one in events.Scalars("density")][-1] == (4, pytest.approx(found.mask.density))
    assert events.Scalars("result/kept")[0].value == found.mask.kept


class Client:
    """MLflow's client."""

    made = ()

    def __init__(self, **where):
        self.where, self.calls = where, []
        type(self).made = (*self.made, self)

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return f"experiment {name}"

    def create_run(self, experiment, run_name):
        self.calls.append((experiment, run_name))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id="7"))

    def __getattr__(self, name):
        return lambda *given, **more: self.calls.append((name, *given, *more.values()))


def test_mlflow_writes_local_files_unless_told_otherwise(tmp_path, monkeypatch):
    tracking, entities = types.ModuleType("mlflow.tracking"), types.ModuleType("mlflow.entities")
    monkeypatch.setattr(Client, "made", ())
    tracking.MlflowClient, entities.Metric = Client, lambda *values: values
    for module in (types.ModuleType("mlflow"), tracking, entities):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(services, "find_spec", lambda name: name)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    search(ms.Tracker("mlflow", project="mine", name="add", folder=tmp_path))
    search(ms.Tracker("mlflow", folder=tmp_path, tracking_uri="http://localhost:1"))
    first, second = Client.made
    assert first.where == {"tracking_uri": (tmp_path / "mlflow").as_uri()}
    assert second.where == {"tracking_uri": "http://localhost:1"}
    assert first.calls[0] == ("experiment mine", "add")
    assert ("log_param", "7", "steps", 4) in first.calls
    (metrics,) = (call[2] for call in first.calls if call[0] == "log_batch" and call[2][0][0] == "result/kept")
    assert metrics[0][3] == 4
    assert first.calls[-1] == ("set_terminated", "7", "FINISHED")


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"service": "wandbb"}, UnknownNameError, "Did you mean 'wandb'"),
        ({"service": "wandb", "points": 0}, ConfigError, "points is 0"),
    ],
)
def test_what_cannot_be_a_tracker_is_refused(given, kind, text):
    with pytest.raises(kind, match=text):
        ms.Tracker(**given)


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_what_is_not_installed_is_said_before_a_search(name, monkeypatch):
    monkeypatch.setattr(services, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'maskscope\[{name}\]'"):
        ms.Tracker(name)
