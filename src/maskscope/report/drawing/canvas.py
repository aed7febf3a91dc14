"""The ways to write a panel: SVG that takes its colours and fonts from the page; SVG, PDF and PNG for papers and talks.

The same record gives the same bytes: no dates, no random ids, and none of the user's own settings of matplotlib. No global state
of matplotlib is touched but its settings, and these are restored.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

import matplotlib
import matplotlib.backends.backend_pdf as backend_pdf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from maskscope.report.drawing.arrangement import Arrangement
from maskscope.report.drawing.charts import LETTER, room_of
from maskscope.report.drawing.panel import BAND, FUNCTION_COLOURS, GRID, INK, MUTED, PAPER, WHOLE_COLOUR, Panel

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    BAND: "--band",
    PAPER: "--paper",
    WHOLE_COLOUR: "--whole",
    **{colour: f"--f{place}" for place, colour in enumerate(FUNCTION_COLOURS)},
}
_SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "ytick.left": False,
    "ytick.major.pad": 6,
    "grid.color": GRID,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    # a function may be called "$x"
    "text.parse_math": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
# of a letter of a title to one of other words
_BOLD = 1.27
# pixels of a PNG to the inch
_DOTS = 200


def svg(panel: Panel) -> str:
    """The panel as an SVG element that scales with the page and takes colours and font from it."""
    content = io.StringIO()
    with _settings({"svg.hashsalt": panel.name}):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        _figure([panel], Arrangement(1, panel.size[0])).savefig(content, format="svg", metadata=nothing)
    return _for_a_page(content.getvalue(), panel)


def files(panels: Sequence[Panel], arrangement: Arrangement, formats: Sequence[str]) -> dict[str, bytes]:
    """All panels in one figure on white ground, as bytes by suffix: ``.svg``, ``.pdf``, ``.png``.

    Fonts: a PDF holds its own (as TrueType), an SVG has its letters as outlines, so that both look the same everywhere.
    """
    write = {"svg": _svg_file, "pdf": _pdf_file, "png": _png_file}
    with _settings({"figure.facecolor": "white", "svg.hashsalt": panels[0].name, "svg.fonttype": "path"}):
        figure, found = _figure(panels, arrangement), dict[str, bytes]()
        for name in formats:
            found[f".{name}"] = write[name](figure, arrangement.scale)
            # where everything stands is found out once, which takes longest
            figure.set_layout_engine("none")
        return found


def _svg_file(figure: Figure, scale: float) -> bytes:
    content = io.StringIO()
    figure.savefig(content, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    # all that is inside goes by the view box
    return re.sub(
        r'(width|height)="([\d.]+)pt"', lambda found: f'{found[1]}="{scale * float(found[2]):.6g}pt"', content.getvalue(), count=2
    ).encode()


def _pdf_file(figure: Figure, scale: float) -> bytes:
    """What matplotlib does to print a PDF, with everything on the page larger or smaller by a factor."""
    content = io.BytesIO()
    figure.set_dpi(72)
    width, height = figure.get_size_inches()
    # its types are not annotated
    backend: Any = backend_pdf
    file = backend.PdfFile(content, metadata={"CreationDate": None, "Producer": None, "Creator": None})
    file.newPage(scale * width, scale * height)
    file.output(scale, 0, 0, scale, 0, 0, backend.Op.concat_matrix)
    renderer = backend.RendererPdf(file, 72, height, width)
    figure.draw(renderer)
    renderer.finalize()
    file.finalize()
    file.close()
    return content.getvalue()


def _png_file(figure: Figure, scale: float) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DOTS * scale, metadata={"Software": None})
    return content.getvalue()


@contextmanager
def _settings(more: dict[str, Any]) -> Iterator[None]:
    """A block in which matplotlib has its defaults, with the settings of this file and some more."""
    with matplotlib.rc_context():
        with warnings.catch_warnings():
            # a default may be a setting that will be removed
            warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
            # the backend is asked for by name in `_figure`; to set it could close a user's windows
            defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
            matplotlib.rcParams.update(defaults)
        matplotlib.rcParams.update(_SETTINGS | more)
        yield


def _figure(panels: Sequence[Panel], arrangement: Arrangement) -> Figure:
    columns, heights = arrangement.columns, arrangement.rows(panels)
    pad = 0.04 if len(panels) == 1 else 0.09
    whole = arrangement.height or sum(heights)
    # the panels in the middle of a figure that is higher than they are
    share = min(1.0, sum(heights) / whole)
    engine = ConstrainedLayoutEngine(h_pad=pad, w_pad=pad, rect=(0, (1 - share) / 2, 1, share))
    figure = Figure(figsize=(columns * arrangement.width, whole), layout=engine)
    FigureCanvasAgg(figure)
    cells = list(figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).flat)
    for axes, panel in zip(cells, panels, strict=False):
        panel.draw(axes)
        # in two lines where it would run out of a narrow panel
        axes.set_title("\n".join(wrap(panel.title, max(12, int(room_of(axes) / (_BOLD * LETTER))))), pad=8)
    for axes in cells[len(panels) :]:
        axes.set_axis_off()
    return figure


def _for_a_page(text: str, panel: Panel) -> str:
    """Leaves what draws: no prolog, no metadata, no ids but those referred to, no size but the view box."""
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {first or second for first, second in used}
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{panel.name}-{found[1]}"' if found[1] in names else "", text)
    text = re.sub(r'xlink:href="#', f'href="#{panel.name}-', text)
    text = text.replace("url(#", f"url(#{panel.name}-")
    box = re.search(r'viewBox="[^"]+"', text)
    assert box is not None, "matplotlib writes a view box"
    start = f'<svg {box[0]} role="img" aria-label="{_attribute(panel.title)}">'
    text = start + text[text.index(">") + 1 :]
    text = re.sub(r"font: (\w+ )?([\d.]+)px [^;\"]*", r"font: \1\2px var(--font)", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(f": {colour}", f": var({variable})")
    return text


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
