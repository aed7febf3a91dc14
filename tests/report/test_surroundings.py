"""What the user has set for other programs does not reach a page: settings of matplotlib, of numba, a backend that is none."""

import runpy
import subprocess
import sys

import matplotlib
import numba
import pytest

from maskscope.errors import ConfigError
from maskscope.masks.kernels import CpuKernels, compiler
from maskscope.report.drawing.arrangement import for_files
from maskscope.report.drawing.canvas import files, svg
from maskscope.report.drawing.scores import accuracy_panels
from maskscope.report.readings import figures
from maskscope.report.readings.figures import FORMATS

OWN = {
    "text.usetex": True,
    "font.size": 20,
    "font.family": "serif",
    "savefig.bbox": "tight",
    "savefig.dpi": 77,
    "savefig.transparent": True,
    "axes.grid": True,
    "axes.linewidth": 5,
    "axes.unicode_minus": False,
    "figure.dpi": 33,
    "lines.linewidth": 7,
    "path.sketch": (1, 100, 2),
    "pdf.compression": 0,
    "svg.fonttype": "path",
    "svg.id": "mine",
    "xtick.direction": "in",
    "ytick.minor.visible": True,
}
BAD_ENVIRONMENT = """
import warnings
import torch
from maskscope.masks.kernels import make_kernels, ReferenceKernels
from maskscope.masks.executors import packed
from maskscope.report.readings.figures import _canvas
_canvas()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert isinstance(make_kernels(torch.device("cpu")), ReferenceKernels)
assert packed.compiled_loops() is None
print(caught[0].message)
"""


def test_a_figure_has_the_same_bytes_under_any_settings(lonely):
    panels = accuracy_panels(lonely)[:1]
    before = svg(panels[0]), files(panels, for_files(panels), FORMATS)
    with matplotlib.rc_context(OWN):
        mine = dict(matplotlib.rcParams)
        assert (svg(panels[0]), files(panels, for_files(panels), FORMATS)) == before
        assert dict(matplotlib.rcParams) == mine


def test_a_matplotlib_that_cannot_be_imported_is_said(monkeypatch):
    def import_(name, *rest, **more):
        raise ValueError("'utf-8' codec can't decode byte 0xff")

    monkeypatch.delitem(sys.modules, "maskscope.report.drawing")
    monkeypatch.delattr("maskscope.report.drawing", raising=False)
    monkeypatch.setattr("builtins.__import__", import_)
    with pytest.raises(ConfigError, match="matplotlib cannot be imported.*MATPLOTLIBRC"):
        figures._canvas()


def test_settings_of_no_sense_in_the_environment(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "0")
    monkeypatch.setenv("MPLBACKEND", "no-such-backend")
    done = subprocess.run([sys.executable, "-c", BAD_ENVIRONMENT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Number of threads specified must be > 0" in done.stdout
    assert "Plain PyTorch gives the same masks" in done.stdout


def test_a_compiler_that_is_off_compiles_nothing(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(ImportError, match="NUMBA_DISABLE_JIT is set"):
        runpy.run_path(compiler.__file__)


def test_threads_that_do_not_start_leave_the_work_to_plain_pytorch(monkeypatch):
    def refuse(count):
        raise ValueError("The threading layer requested 'bad' is unknown to Numba.\nSee: ...")

    monkeypatch.setattr(compiler, "set_num_threads", refuse)
    with pytest.raises(ImportError, match="'bad' is unknown to Numba: see NUMBA_NUM_THREADS and NUMBA_THREADING_LAYER"):
        CpuKernels()
