"""``maskscope new``: every template runs as it is written, and nothing is replaced without being asked."""

import re

import pytest

from maskscope.cli.main import main
from maskscope.cli.new_command import TEMPLATES
from tests.undrawn import undrawn


def status(*words):
    with pytest.raises(SystemExit) as ended:
        main(["new", *map(str, words)])
    return ended.value.code


# one network, no repeats, one control; blank has all that is on by default
FEWER = dict.fromkeys(TEMPLATES, ("--seeds", "1", "--repeats", "0", "--controls", "shuffled-weights")) | {"blank": ()}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_runs_as_it_is(template, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["new", template, "mine.py"])
    assert "maskscope run mine.py --preset smoke" in capsys.readouterr().out
    written = (tmp_path / "mine.py").read_text()
    assert "maskscope run mine.py" in written
    assert "FILE.py" not in written
    # trained for a moment only: whether they learn is looked at where their answers are
    (tmp_path / "mine.py").write_text(re.sub(r"(?<=range\()[345]00(?=\))|(?<=steps = )1200", "30", written))
    with undrawn():
        main(["run", "mine.py", "--preset", "smoke", "--out", "out", *FEWER[template]])
    assert (tmp_path / "out" / "report.html").exists()


def test_a_file_is_not_replaced_and_a_fault_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["new", "blank", "mine.py"])
    (tmp_path / "mine.py").write_text("changed")
    assert status("classifier", "mine.py") == 2
    assert (tmp_path / "mine.py").read_text() == "changed"
    assert status("classifier", "my-file.py") == 2
    assert status("classifier", "there is/none.py") == 2
    assert status("clasifier", "other.py") == 2
    errors = capsys.readouterr().err
    for words in ("mine.py exists and is kept", "can be imported", "no folder there is", "Did you mean 'classifier'"):
        assert words in errors
    assert [file.name for file in tmp_path.iterdir()] == ["mine.py"]
    main(["new", "blank", "mine.py", "--force"])
    assert (tmp_path / "mine.py").read_text() != "changed"
