"""Completion by the Tab key, in a real bash; the other shells get the same words."""

import re
import subprocess

import pytest

from maskscope.cli.commands import COMMANDS
from maskscope.cli.main import main
from maskscope.cli.words.completion import completion_script, words_to_complete
from maskscope.studies import STUDIES


@pytest.fixture(scope="module")
def script():
    return completion_script("bash")


def completed(script, *words):
    """What bash offers for the last word."""
    asked = " ".join(f"'{word}'" for word in words)
    program = f'{script}\nCOMP_WORDS=({asked}); COMP_CWORD={len(words) - 1}; _maskscope; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run(["bash", "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_commands_studies_presets_options_and_their_values(script):
    assert completed(script, "maskscope", "") == [*COMMANDS]
    assert completed(script, "maskscope", "c") == ["compare", "claims", "completion"]
    assert completed(script, "maskscope", "run", "add") == ["addition-multiplication"]
    assert completed(script, "maskscope", "run", "scan", "--preset", "") == ["smoke", "quick", "paper"]
    assert completed(script, "maskscope", "run", "scan", "--mask.est") == ["--mask.estimator"]
    assert "rao-blackwell" in completed(script, "maskscope", "run", "scan", "--mask.estimator", "r")
    assert completed(script, "maskscope", "sweep", "pen") == ["penalty"]
    assert completed(script, "maskscope", "mask", "ov") == ["overlap"]


def test_paths(script, tmp_path, monkeypatch):
    (tmp_path / "runs-of-mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completed(script, "maskscope", "show", "runs") == ["runs-of-mine"]
    assert completed(script, "maskscope", "run", "scan", "--out", "runs") == ["runs-of-mine"]


def test_nothing_of_maskscope_is_loaded_at_a_tab(script):
    assert not re.search(r"python|\$\(maskscope", script)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_the_same_words(shell, capsys):
    main(["completion", shell])
    out = capsys.readouterr().out
    for word in (*COMMANDS, *STUDIES, "rao-blackwell"):
        assert word in out
    assert ("bashcompinit" in out) == (shell == "zsh")


def test_every_command_has_its_options():
    of = {one.first: one.options for one in words_to_complete()}
    assert "--all" in of["show",]
    assert "--mask.steps" in of["run", "double-addition"]
    assert "--over" in of["sweep", "scan"]
