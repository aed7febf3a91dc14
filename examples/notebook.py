"""Makes the notebook of an example from its script: ``python notebook.py small_language_model``.

A line ``# %% text`` begins a cell of code; its text, with the comments right below, is a cell of words before that. What a script
does when it is run, a notebook does with the preset ``smoke``.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat

_MARK, _RUN = "# %%", 'if __name__ == "__main__":'


def notebook_of(script: str) -> Any:
    """The notebook of a script, as nbformat has it."""
    head, *parts = script.split(f"\n{_MARK} ")
    cells = [nbformat.v4.new_markdown_cell(head.strip().strip('"').strip())]
    for part in parts:
        words: list[str] = []
        lines = part.rstrip().split("\n")
        while lines and (not words or lines[0].startswith("# ")):
            words.append(lines.pop(0).removeprefix("# "))
        code = "\n".join(lines)
        if code.startswith(_RUN):
            body = [line.removeprefix("    ") for line in code.split("\n")[1:]]
            code = "\n".join(
                f'preset = "smoke"  # or {line.split()[-1]}' if line.startswith("preset = ") else line for line in body
            )
        cells += [nbformat.v4.new_markdown_cell("\n".join(words)), nbformat.v4.new_code_cell(code)]
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"  # else it is drawn, and every notebook is another
    return nbformat.v4.new_notebook(cells=cells)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(__file__).parent / f"{name}.py"
        nbformat.write(notebook_of(file.read_text(encoding="utf-8")), file.with_suffix(".ipynb"))
