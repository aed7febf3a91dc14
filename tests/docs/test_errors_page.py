"""The page of errors has the messages that the code has, and every kind of error."""

import re
from pathlib import Path

import maskscope.errors
from maskscope.errors import MaskscopeError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\* \*\*`(.+?)`\*\*", PAGE, re.M)


def _said(code):
    """What the texts of a file say: pieces joined over their lines, and … for what is put in."""
    whole = re.sub(r'"\s*\n\s*f?"', "", code).replace(r"\"", '"')
    for _ in range(2):  # what is put in may itself be a text with something put in
        whole = re.sub(r"\{[^{}\n]*\}", "…", whole)
    return whole


def test_every_message_is_one_of_the_code():
    said = "\n".join(_said(file.read_text(encoding="utf-8")) for file in (ROOT / "src" / "maskscope").rglob("*.py"))
    assert len(MESSAGES) > 60
    assert [message for message in MESSAGES if message not in said] == []


def test_every_kind_of_error_has_its_place():
    kinds = [name for name, kind in vars(maskscope.errors).items() if isinstance(kind, type) and issubclass(kind, MaskscopeError)]
    headings = re.findall(r"^## (\w+)$", PAGE, re.M)
    assert sorted(headings) == sorted([*(kind for kind in kinds if kind != "MaskscopeError"), "Warnings"])
