"""The README's Python runs as it stands."""

import re
from pathlib import Path

import torch

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_ten_lines_run(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.strip().splitlines()) == 10
    with torch.random.fork_rng():
        exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown.count("BinaryMask(") == 2
    lost, kept = map(float, re.search(r"without the left module: \[(.*), (.*)\]", shown).groups())
    assert lost > 10 * kept, "removing the left module must cost the left output, not the right one"


def test_what_it_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert not [link for link in links if not (Path(__file__).parent.parent / link).exists()]
