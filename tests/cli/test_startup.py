"""What the command loads: help and wrong words need nothing that takes long to load, such as torch."""

import json
import subprocess
import sys

# one process for all lines, since to start one takes longer than what it does
PROGRAM = """
HEAVY = {"torch", "numpy", "scipy", "numba", "matplotlib", "jinja2", "pandas", "sklearn", "sympy", "cattrs", "requests"}
import contextlib, io, json, os, sys
from maskscope.cli.main import main
os.chdir(sys.argv[1])
said = {}
for line in json.loads(sys.argv[2]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main(line.split())
    said[line] = [out.getvalue(), sorted(HEAVY & set(sys.modules))]
print(json.dumps(said))
"""
LINES = ["", "--help", "--version", "rnu", "show", "show --al", "run --help", "sweep --help", "list --help", "show --help"]
LINES += ["report --help", "compare --help", "claims --help", "atlas --help", "mask --help", "data --help", "new --help"]
LINES += ["completion --help"]


def test_nothing_heavy_is_loaded_before_there_is_something_to_do(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(LINES)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert {line: loaded for line, (_, loaded) in said.items() if loaded} == {}
    assert "maskscope run addition-multiplication --preset demo" in said[""][0]
    assert "There is no command 'rnu'. Did you mean 'run'" in said["rnu"][0]
    assert "There are no runs in runs. Make one:" in said["show"][0]
    for line, (text, _) in said.items():
        assert "  maskscope " in text or not line.endswith("--help"), line
