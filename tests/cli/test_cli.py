"""The command as a user types it: what it prints, its exit status, and one clear message for each fault."""

import json
import re
import shutil
import signal
import subprocess
import sys

import pytest

from maskscope.cli.commands import COMMANDS
from maskscope.cli.main import main
from maskscope.engine.spec import from_json
from maskscope.studies.addition_multiplication.spec import AdditionMultiplicationSpec
from tests.undrawn import undrawn

TINY = ["--hidden", "8", "--digits", "1", "--train-items", "300", "--fit.steps", "5", "--mask.steps", "4", "--random-draws", "2"]
RUN = ["run", "addition-multiplication", "--preset", "smoke", *TINY, "--threads", "1"]


def status(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    with undrawn():  # tests/contracts/test_rooms.py draws a run
        main([*RUN, "--out", str(folder), "--seeds", "2"])
    return folder


def test_a_run_leaves_record_tables_figures_and_page(finished):
    assert (finished / "record.json").exists()
    assert (finished / "report.html").read_text().startswith("<!")
    assert {path.suffix for path in (finished / "tables").iterdir()} == {".csv", ".tex"}
    assert {path.suffix for path in (finished / "figures").iterdir()} >= {".pdf", ".png"}


def test_show_and_compare(finished, capsys):
    main(["show", str(finished)])
    shown = capsys.readouterr().out
    assert "add" in shown
    assert "n = 2" in shown
    main(["show", str(finished), "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["seeds"] == [0, 1]
    main(["compare", str(finished), str(finished)])
    assert "difference: second minus first" in capsys.readouterr().out
    main(["compare", str(finished), str(finished), "--json"])
    json.loads(capsys.readouterr().out)


def test_report_is_made_again_from_the_record_alone(finished):
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    with undrawn():
        main(["report", str(finished)])
    assert (finished / "report.html").read_bytes() == before


def test_a_record_of_other_settings_is_replaced_but_not_silently(finished, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    with undrawn():
        main([*RUN, "--out", str(folder), "--seeds", "2"])
        assert "other settings" not in capsys.readouterr().err
        main([*RUN, "--out", str(folder), "--seeds", "2", "--random-draws", "1"])
    assert (
        f"{folder} was begun with other settings (random_draws). What does not depend on them is kept" in capsys.readouterr().err
    )


def test_claims_of_a_record_and_those_without_one(finished, capsys):
    main(["claims", str(finished)])
    out = capsys.readouterr().out
    assert "smoke, 8, n = 2" in out
    assert "claims have no record here; maskscope claims --all lists them" in out
    assert "double-addition" not in out
    main(["claims", str(finished), "--json"])
    states = json.loads(capsys.readouterr().out)
    with_record = [one for one in states if one["verdict"]]
    assert {(one["experiment"], one["network"]) for one in with_record} == {("addition-multiplication", "mlp")}
    assert "no record: maskscope run double-addition --network lstm --seeds 3" in {one["where"] for one in states}


def test_a_sweep_from_the_first_word_to_its_page(tmp_path, capsys):
    tiny = [word for word in TINY if word not in ("--random-draws", "2")]
    words = ["sweep", "penalty", "--preset", "smoke", *tiny, "--threads", "1", "--out", str(tmp_path / "run")]
    main([*words, "--dry-run"])
    assert "at most" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    with undrawn():
        main(words)
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!")
    assert list((tmp_path / "run" / "figures").glob("*.png"))
    capsys.readouterr()
    main(["show", str(tmp_path / "run")])
    assert "penalty" in capsys.readouterr().out.lower()
    main(["show", str(tmp_path / "run"), "--json"])
    assert [point["label"] for point in json.loads(capsys.readouterr().out)["points"]] == ["1e-05", "0.001"]
    (tmp_path / "run" / "report.html").unlink()
    with undrawn():
        main(["report", str(tmp_path / "run")])
    assert (tmp_path / "run" / "report.html").exists()


def test_a_sweep_over_any_setting_from_the_first_word_to_its_page(tmp_path, capsys):
    tiny = [word for word in TINY if word not in ("--mask.steps", "4")]
    words = ["sweep", "addition-multiplication", "--preset", "smoke", *tiny, "--threads", "1", "--out", str(tmp_path / "run")]
    words += ["--controls", "--repeats", "0", "--over", "mask.initial_logit", "-1", "2", "--mask.steps", "3"]
    main([*words, "--dry-run"])
    assert "at most" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    with undrawn():
        main(words)
    assert "a sweep over mask.initial_logit" in (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    main(["show", str(tmp_path / "run"), "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [(point["label"], point["value"]) for point in shown["points"]] == [("-1", -1.0), ("2", 2.0)]
    main(["show", str(tmp_path / "run" / "points" / "mask.initial_logit=2")])
    assert "addition" in capsys.readouterr().out.lower()


def test_dry_run_does_nothing(finished, tmp_path, capsys):
    main([*RUN, "--out", str(finished), "--seeds", "3", "--dry-run"])
    out = capsys.readouterr().out
    assert re.search(r"^network +3 +2 ", out, re.M)
    assert re.search(r"^mask, untrained +6 +4 ", out, re.M)
    assert "seed-" not in out
    assert all(word in out for word in ("time", "memory", "disk"))
    main([*RUN, "--out", str(finished), "--seeds", "3", "--dry-run", "--all"])
    out = capsys.readouterr().out
    assert "done   seed-1-mask-mul-1" in out
    assert "to do  seed-2-network" in out
    main([*RUN, "--out", str(tmp_path / "new"), "--dry-run", "--json"])
    assert len(json.loads(capsys.readouterr().out)["stages"]) == 11
    assert not (tmp_path / "new").exists()


def test_the_spec_is_printed_and_read_again(tmp_path, capsys):
    main([*RUN, "--print-spec", "--mask.beta", "3e-4"])
    text = capsys.readouterr().out
    assert from_json(AdditionMultiplicationSpec, json.loads(text)).mask.beta == 3e-4
    (tmp_path / "spec.json").write_text(text)
    main(["run", "addition-multiplication", "--spec-file", str(tmp_path / "spec.json"), "--print-spec", "--mask.steps", "7"])
    again = json.loads(capsys.readouterr().out)
    assert (again["mask"]["beta"], again["mask"]["steps"], again["hidden"]) == (3e-4, 7, [8])


def test_list(capsys):
    main(["list"])
    assert re.search(r"--network mlp +smoke demo quick fast paper", capsys.readouterr().out)
    main(["list", "scan"])
    assert "--preset quick" in capsys.readouterr().out
    main(["list", "--json"])
    assert "addition-multiplication" in json.loads(capsys.readouterr().out)["experiments"]


def assert_whole_words(out, width=80):
    """Every line fits, unless it is one word; what stands at its end is not the first half of a word."""
    for line in out.splitlines():
        assert len(line) <= width or " " not in line.strip(), line
        assert not re.search(r"\w[-/]$", line.rstrip()), line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    first = {"run": ["addition-multiplication"], "sweep": ["penalty"]}
    words = [command, *first.get(command, []), "--help"]
    assert status(*words) == 0
    out = capsys.readouterr().out
    assert "usage" in out
    assert f"  maskscope {command} " in out, "it begins with examples"
    assert_whole_words(out)
    if command == "sweep":
        assert "--over SETTING VALUE" in out
        assert "maskscope sweep addition-multiplication --over mask.beta 1e-5 1e-4 1e-3" in out
    if command == "run":
        assert len(out.splitlines()) < 40
        assert "--mask.learning-rate" not in out


def test_the_rest_of_the_options_is_behind_another(capsys):
    assert status("run", "addition-multiplication", "--help-all") == 0
    out = capsys.readouterr().out
    for option in ("--mask.learning-rate", "--fit.steps", "--workers", "--device", "--threads", "--dtype", "--dry-run"):
        assert option in out
    assert "Paper: 20,000" in out
    assert_whole_words(out)


def test_the_command_itself_explains(capsys):
    main([])
    out = capsys.readouterr().out
    assert "maskscope COMMAND --help" in out
    assert max(map(len, out.splitlines())) <= 80
    main(["--version"])
    assert capsys.readouterr().out.startswith("maskscope 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rn"], "There is no command 'rn'. Did you mean 'run'"),
        (["run", "adition-multiplication"], "no study 'adition-multiplication'. Did you mean 'addition-multiplication'"),
        (
            ["run", "addition-multiplication", "--preset", "quik"],
            "no preset of addition-multiplication with network mlp 'quik'. Did you mean",
        ),
        (["run", "double-addition", "--network", "lsmt"], "no network 'lsmt'. Did you mean 'lstm'"),
        (["run", "double-addition", "--network", "lstm", "--preset", "fast"], "with network lstm 'fast'. Known: paper, quick"),
        (["run", "double-addition", "--mode", "together"], "network mlp can be shown the pairs by two_runs"),
        (["run", "--seeds", "3", "double-addition"], "'double-addition' has to be the first word"),
        (["sweep", "--seeds", "2", "size"], "'size' has to be the first word"),
        (["sweep", "penalty", "--mask.beta", "1e-3"], "--mask.beta is what the sweep penalty varies"),
        (["sweep", "penalti"], "There is no sweep or study 'penalti'. Did you mean 'penalty'"),
        (["sweep", "penalty", "--values", "1e-4", "much"], "beta is 'much'; a number was expected"),
        (["sweep", "scan", "--over", "mask.bet", "1e-4"], "There is no setting of scan 'mask.bet'. Did you mean 'mask.beta'"),
        (["sweep", "scan", "--over", "mask.beta"], "--over is mask.beta; a setting and its values were expected, as in --over"),
        (["sweep", "scan"], "--over is missing; a setting and its values were expected"),
        (["sweep", "scan", "--over", "layers", "2", "--layers", "7"], "--layers is what the sweep layers varies"),
        (["sweep", "scan", "--over", "layers", "2", "0"], "layers cannot be 0 here"),
        (["sweep", "permuted-mnist", "--over", "mask.beta", "1"], "permuted-mnist cannot be swept yet"),
        (["sweep", "penalty", "--preset", "fast"], "The sweep penalty has no preset fast: smoke, quick, paper were expected"),
        (["sweep", "penalty", "--seeds", "0"], "--seeds and --workers are at least 1"),
        (["claims", "absent"], "There is no record in absent"),
        ([*RUN, "--mask.batch-size", "30"], "batch_size 30 does not divide by samples_per_step 4"),
        ([*RUN, "--mask.steps", "-3"], "steps is -3; a number of at least 0"),
        ([*RUN, "--seeds", "0"], "--seeds and --workers are at least 1"),
        ([*RUN, "--device", "gpu"], "cpu, cuda or cuda:N was expected"),
        ([*RUN, "--spec-file", "absent.json"], "Cannot read absent.json: No such file"),
        (["show", "absent"], "There is no record in absent"),
        (["compare", "absent", "absent"], "There is no record in absent"),
        (["run"], "needs the name of a study"),
        ([*RUN, "--seed", "3"], "There is no option --seed of `maskscope run`. Did you mean --seeds or --first-seed?"),
        ([*RUN, "--steps", "3"], "There is no option --steps of `maskscope run`. Did you mean --fit.steps or --mask.steps?"),
        (["mask", "inof"], "There is no action of `maskscope mask` 'inof'. Did you mean 'info'"),
        (["verify", "--nets", "0"], "--nets is 0; at least 1"),
    ],
)
def test_faults_end_with_status_2_and_one_message(words, message, capsys):
    assert status(*words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*RUN, "--mask.steps", "many"], "many"),
        ([*RUN, "--mask.estimator", "guess"], "guess"),
        (["compare", "one"], "equired"),
    ],
)
def test_unknown_options_and_wrong_kinds(words, message, capsys):
    assert status(*words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no JSON"), ('{"hiden": [3]}', "hiden: no such field. Did you mean 'hidden'")]
)
def test_spec_files_that_cannot_be_used(tmp_path, capsys, text, message):
    (tmp_path / "spec.json").write_text(text)
    assert status("run", "addition-multiplication", "--spec-file", str(tmp_path / "spec.json")) == 2
    assert message in capsys.readouterr().err


def test_an_unwritable_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert status(*RUN, "--out", str(tmp_path / "file")) == 2
    assert "Cannot write the run folder" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(tmp_path):
    words = [*RUN, "--mask.steps", "100000", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "maskscope.cli.main", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            # it is said when the loop begins, and then a signal waits for the end of the step
            if "searching the weights that carry everything, 'add' and 'mul' (step 0 of 100,000)" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "To go on:\n  maskscope run addition-multiplication --preset smoke" in rest
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1
