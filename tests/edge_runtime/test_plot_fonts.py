"""Plots draw letters of any alphabet that an installed font has, and people are told of the others."""

import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from edge_runtime.plot_fonts import BLANK, _say_missing, fonts_for, letters_drawn


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only font beside Matplotlib's own: it draws 猫 as a full square, and nothing else."""
    pen = TTGlyphPen(None)
    for number, point in enumerate(((0, 0), (0, 1000), (1000, 1000), (1000, 0))):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord("猫"): "cat"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "cat": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "cat": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Only Cats", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=1000)
    builder.setupPost()
    builder.save(tmp_path / "cats.ttf")
    own = Path(font_manager.findfont("DejaVu Sans"))
    monkeypatch.setattr("edge_runtime.plot_fonts._installed", lambda: [str(own), str(tmp_path / "cats.ttf")])
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    fonts_for.cache_clear()
    _say_missing.cache_clear()
    yield tmp_path / "cats.ttf"
    fonts_for.cache_clear()
    _say_missing.cache_clear()


def ink(text: str) -> float:
    """Return the share of dark pixels in a picture of one letter."""
    figure = Figure(figsize=(1, 1), dpi=100)
    figure.text(0.5, 0.5, text, fontsize=40, ha="center", va="center")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return float((np.asarray(Image.open(file).convert("L")) < 128).mean())


def test_usual_letters_need_no_other_font(font: Path) -> None:
    """Proves that Latin, accents, Greek and Cyrillic are drawn by Matplotlib's own font, as before."""
    assert fonts_for("aÄéλЖ|<").families == ("DejaVu Sans",)


@pytest.mark.filterwarnings("error")
def test_a_letter_is_drawn_by_the_font_that_has_it(font: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Proves on pixels that a letter that the usual font lacks is drawn from an installed font that has it."""
    with letters_drawn(["dog", "猫"]):
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans", "Only Cats"]
        assert ink("猫") > 0.25  # a full square; the box of a missing letter is an outline
    assert capsys.readouterr().err == ""
    assert matplotlib.rcParams["font.family"] == ["sans-serif"]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_missing_letters_are_said_once(font: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Proves that letters that no font has are named with what to install, in one line for all plots."""
    for _ in range(2):
        with letters_drawn(["犬 猫", "dog", "a\u0301\u200d"]):
            assert ink("犬") < 0.15
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: no installed font has 犬, so the plots show boxes there. Install ")


def test_a_broken_font_is_passed_over(font: Path) -> None:
    """Proves that a file that is no font does not stop a plot."""
    font.write_bytes(b"no font")
    assert fonts_for("猫").missing == "猫"


def test_a_font_of_boxes_is_no_font_for_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that the font of boxes that Matplotlib brings with it does not count as one that has every letter."""
    boxes = [entry.fname for entry in font_manager.fontManager.ttflist if entry.name.startswith(BLANK)]
    assert boxes
    monkeypatch.setattr("edge_runtime.plot_fonts._installed", lambda: boxes)
    fonts_for.cache_clear()
    assert fonts_for("猫") == (("DejaVu Sans",), "猫")
    fonts_for.cache_clear()
