"""Pages without their pictures: drawing takes longest, and tests/report looks at what is drawn."""

from contextlib import contextmanager

import pytest


def _draw_nothing(figure, target, *, format, **_):
    target.write('<svg viewBox="0 0 9 9" width="9pt" height="9pt"></svg>' if format == "svg" else b"")


@contextmanager
def undrawn():
    """Inside the ``with`` block, a figure is an empty file; it is composed as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", _draw_nothing)
        patch.setattr("matplotlib.figure.Figure.draw", lambda figure, renderer: None)
        yield
