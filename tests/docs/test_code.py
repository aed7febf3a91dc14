"""The Python of the documentation runs as it stands, but for fewer steps; a block that does not run says why in its title."""

import re
from pathlib import Path

import pytest
import torch

from tests.undrawn import undrawn

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python(?P<title>[^\n]*)\n(?P<code>.*?)^```", re.M | re.S)
PAGES = sorted(page for page in DOCS.rglob("*.md") if BLOCK.search(page.read_text(encoding="utf-8")))
# what a page has, and what is done here in its place
FEWER = {
    "mask-files.md": [("(50257, 768)", "(257, 768)")],
    "quick-start.md": [("steps=1000", "steps=300"), ("steps=500", "steps=150")],
    "own-network.md": [
        (
            'name="digits")',
            'name="digits", controls=[], repeats=1,\n'
            "                 config=ms.MaskConfig(steps=40, learning_rate=0.4, size=ms.Penalty(2e-4)))",
        ),
        ("steps=600", "steps=200"),
    ],
}


def runnable(page):
    """The code of a page in one piece, with line numbers as in the page."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * len(text.splitlines())
    for block in BLOCK.finditer(text):
        if not block["title"]:
            first = text[: block.start("code")].count("\n")
            lines[first : first + block["code"].count("\n")] = block["code"].splitlines()
    code = "\n".join(lines)
    for old, new in FEWER.get(page.relative_to(DOCS).as_posix(), []):
        assert old in code, f"{page.name} has no {old!r} any more"
        code = code.replace(old, new)
    return code


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page).strip()], ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore::maskscope.WeakMaskWarning")  # of fewer steps than the page's
@pytest.mark.filterwarnings("ignore::maskscope.training.observers.LossWarning")
def test_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    variables = {}
    with torch.random.fork_rng(), undrawn():
        torch.manual_seed(0)
        exec(compile(runnable(page), str(page), "exec"), variables)
    CHECKS[page.stem](variables, capsys.readouterr().out, tmp_path)


def _quick_start(variables, shown, folder):
    assert shown.count("BinaryMask(") == 2
    whole, without = (list(map(float, pair)) for pair in re.findall(r"^\[(\S+), (\S+)\]$", shown, re.M))
    assert max(whole) < 0.05
    assert without[0] > 10 * without[1], "removing the first mask must cost the first output, not the second"


def _choosing(variables, shown, folder):
    assert shown.splitlines() == ["continuous-sparsification", "160 weights", "18 neurons"]


def _own_network(variables, shown, folder):
    assert (folder / "runs" / "digits" / "report.html").exists()
    for name in ("0 to 4", "5 to 9"):
        (score,) = re.findall(rf"^{name}: (\S+)% right with", shown, re.M)
        assert float(score) > 80
    assert re.search(r"^in both: 0\.\d\d$", shown, re.M)
    assert re.search(r"^two masks for 0 to 4: 0\.\d\d$", shown, re.M)


def _mask_files(variables, shown, folder):
    densities, measured, shape = shown.splitlines()
    assert measured.startswith("IoU 0.05")
    assert shape == "torch.Size([768, 768])"
    both = variables["ms"].BinaryMask.load(folder / "both.safetensors")
    assert densities == str(both.density_by_tensor)
    assert both.density == pytest.approx(0.01, rel=0.05)


CHECKS = {"mask-files": _mask_files, "quick-start": _quick_start, "choosing": _choosing, "own-network": _own_network}


def test_a_block_that_does_not_run_says_why():
    titles = {match["title"].strip() for page in PAGES for match in BLOCK.finditer(page.read_text(encoding="utf-8"))}
    assert [title for title in titles if title and not re.fullmatch(r'title="Not run here: .+"', title)] == []
