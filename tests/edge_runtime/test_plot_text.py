"""Names in plots."""

import io

import pytest

from edge_runtime.plot_text import LETTERS, plot_text
from edge_runtime.visible_text import visible
from tests.hostile import NAMES


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", NAMES)
def test_matplotlib_shows_the_name_and_reads_nothing(name: str) -> None:
    """Proves that the drawing holds the letters that people see, shortened, and no formula comes of dollars."""
    figures = pytest.importorskip("matplotlib.figure")
    matplotlib = pytest.importorskip("matplotlib")
    from xml.etree import ElementTree

    figure = figures.Figure()
    figure.text(0, 0.5, f"x{plot_text(name)}x")
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    words = "".join(ElementTree.fromstring(file.getvalue().encode()).itertext())
    line = visible(name)
    assert f"x{line if len(line) <= LETTERS else line[: LETTERS - 1] + '…'}x" in words


def test_long_names_are_shortened_at_either_end() -> None:
    """Proves that a name has at most so many letters, and a path keeps its end."""
    assert plot_text("a" * 30) == "a" * 30
    assert plot_text("a" * 31) == "a" * 29 + "…"
    assert plot_text("folder/picture.png", 12, end=True) == "…picture.png"
    assert plot_text("$" * 50, 4) == r"\$\$\$…"
