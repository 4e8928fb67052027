"""report.html: whole by itself, with drawings and photographs in their places, whatever names are called."""

import base64
import io
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from benchmarks.report.page import write_page
from benchmarks.report.plots import PLOTS
from benchmarks.report.report import SHOWN_DISAGREEMENTS
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from tests.benchmarks.records import HOSTILE, a_report, full_report, measured, odd

SIZE = Preprocessing(16, 16)
OPEN = {"meta", "link", "img", "br", "hr"}  # tags without an end
ODD_NAMES = ["it's.png", 'a "b".png', "a<b>.png", "a&b;.png", "a|b.png", "a`b.png", "_x_.png", "a  b.png", "a\\1.png",
             "[1](2).png", os.fsdecode(b"\xe4.png"), "ä.png", "a\nb.png"]  # fmt: skip


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, its words, and whether every tag is closed in its order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in OPEN:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(report, data=None):
    return write_page(report, data=data, preprocessing=SIZE)


def disagreeing(folder, *names):
    """A report on whose pictures, here of random pixels, two files disagree."""
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3)).astype(np.uint8)
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path, "PNG")
    return full_report(disagreements=tuple(odd(name) for name in names))


def photographs(text):
    """Return the name and the pixels of each photograph of a page."""
    found = []
    for attributes in Page(text).all("img"):
        kind, data = attributes["src"].split(",")
        assert kind == "data:image/jpeg;base64"
        found.append((attributes["alt"], np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))))
    return found


def test_the_page_is_whole_html():
    """Proves that it says its language, its letters and its title, and that every tag is closed in its order."""
    text = page_of(full_report())
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.all("meta")
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("body")) == 1
    assert "<title>Benchmark of pets</title>" in text


def test_the_page_reaches_for_nothing():
    """Proves that no address of another file or of the network is in it, and no script."""
    page = Page(page_of(full_report()))
    assert page.all("script") == page.all("iframe") == []
    for tag, attributes in page.tags:
        for key in ("src", "href", "xlink:href"):
            assert re.match(r"data:|#|$", attributes.get(key) or ""), (tag, attributes)
    styles = re.findall(r"url\(([^)]*)\)", page_of(full_report()))
    assert all(address.startswith("#") for address in styles)
    assert "@import" not in page_of(full_report())


def test_every_plot_is_drawn_in_its_place():
    """Proves that each plot is an SVG with its title, once, where the Markdown shows a picture."""
    page = Page(page_of(full_report()))
    figures = [attributes["id"] for attributes in page.all("figure")]
    assert sorted(figures) == sorted(PLOTS)
    assert len(page.all("svg")) == len(PLOTS)
    assert page.all("img") == []
    for title in PLOTS.values():
        assert title in page.words


def test_plots_that_follow_each_other_are_side_by_side():
    """Proves that the first two are in one grid, and that no grid is empty."""
    grids = re.findall(r'<div class="plots">(.*?)</div>', page_of(full_report()), re.DOTALL)
    counts = [grid.count("<figure") for grid in grids]
    assert counts[0] == 2
    assert sum(counts) == len(PLOTS)
    assert min(counts) > 0


def test_a_plot_that_there_is_nothing_for_is_left_out():
    """Proves that a report without answers has no confusion matrix and no hole in its place."""
    page = Page(page_of(a_report(measured("int8", 2))))
    assert sorted(attributes["id"] for attributes in page.all("figure")) == sorted(set(PLOTS) - {"confusion"})


def test_names_inside_drawings_do_not_collide():
    """Proves that what one SVG refers to by `#name` is in the same SVG."""
    for drawing in re.findall(r"<svg.*?</svg>", page_of(full_report()), re.DOTALL):
        own = set(re.findall(r' id="([^"]+)"', drawing))
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', drawing))
        assert used <= own
    ids = re.findall(r' id="([^"]+)"', page_of(full_report()))
    marks = [name for name in ids if name in set(re.findall(r'(?:url\(#|href="#)([^")]+)', page_of(full_report())))]
    assert len(set(marks)) == len(marks)


def test_wide_tables_scroll_by_themselves():
    """Proves that each table is in a box of its own."""
    text = page_of(full_report())
    assert text.count('<div class="table"><table>') == text.count("<table>") == text.count("</table></div>") == 5


def test_photographs_are_those_that_the_model_sees(tmp_path):
    """Proves that each disagreement shows its own picture, prepared as for the model, beside its name."""
    report = disagreeing(tmp_path, "cat/1.png", "dog/1.png")
    text = page_of(report, tmp_path)
    found = photographs(text)
    assert [name for name, _ in found] == ["cat/1.png", "dog/1.png"]
    for name, pixels in found:
        expected = load_picture(tmp_path / name, SIZE)
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(float) - expected).mean() < 25  # JPEG
    assert re.search(r'<td[^>]*><img [^>]*alt="cat/1.png"><code>cat/1.png</code></td>', text)


def test_without_the_folder_there_is_no_photograph(tmp_path):
    """Proves that a page that is to be shared has names and no pictures."""
    text = page_of(disagreeing(tmp_path, "1.png"))
    assert "<img" not in text
    assert "data:image" not in text
    assert "<code>1.png</code>" in text


def test_a_single_picture_is_shown_too(tmp_path):
    """Proves that a picture that was measured by itself is found in its own folder."""
    report = disagreeing(tmp_path, "1.png")
    assert len(photographs(page_of(report, tmp_path / "1.png"))) == 1


def test_a_picture_that_is_gone_or_damaged_is_left_out(tmp_path):
    """Proves that the others are shown and that the name stays."""
    report = disagreeing(tmp_path, "1.png", "2.png", "3.png")
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").write_bytes(b"x")
    text = page_of(report, tmp_path)
    assert [name for name, _ in photographs(text)] == ["3.png"]
    assert "<code>1.png</code>" in text


def test_as_many_photographs_as_rows(tmp_path):
    """Proves that of 30 disagreements those of the table are embedded and no more."""
    report = disagreeing(tmp_path, *(f"{number}.png" for number in range(30)))
    assert len(photographs(page_of(report, tmp_path))) == SHOWN_DISAGREEMENTS


@pytest.mark.parametrize("name", ODD_NAMES)
def test_pictures_of_any_name_are_shown_in_their_row(tmp_path, name):
    """Proves that quotes, marks of HTML and Markdown and old letters in a name neither hide nor break anything."""
    report = disagreeing(tmp_path, name, "plain.png")
    text = page_of(report, tmp_path)
    text.encode("utf-8")
    cells = re.findall(r"<td[^>]*>(<img .*?)</td>", text)
    assert len(cells) == 2
    (first, pixels), (second, _) = photographs(text)
    assert first == name.encode("utf-8", "replace").decode()
    assert second == "plain.png"
    assert np.abs(pixels.astype(float) - load_picture(tmp_path / name, SIZE)).mean() < 25


@pytest.mark.parametrize("name", [HOSTILE, "<script>alert(1)</script>", "</title><b>", "&lt;", '"><img src=x>'])
def test_a_bundle_or_label_of_any_name_is_only_words(name):
    """Proves that a bundle from somebody else puts no tag into the page, and is called what it is called."""
    plain = Page(page_of(full_report()))
    report = full_report(bundle=name, labels=(name, "dog"), disagreements=(odd(label=name),))
    page = Page(page_of(report))
    assert [tag for tag, _ in page.tags if tag != "tspan"].count("script") == 0
    for tag in ("b", "img", "a", "td", "tr", "title", "h1", "code", "em"):
        assert len(page.all(tag)) == len(plain.all(tag)), tag
    words = "".join(page.words)
    assert f"Benchmark of {name}" in words
    assert words.count(name) >= 6  # title, heading, label, answer, and the axes of the matrices


def test_a_name_that_looks_like_a_plot_is_not_replaced_by_it():
    """Proves that a picture called like a plot's file stays a name in its row."""
    page = Page(page_of(full_report(disagreements=(odd("stages.png"),))))
    assert len(page.all("figure")) == len(PLOTS)
    assert "stages.png" in page.words


def test_the_same_report_gives_the_same_page():
    """Proves that no time, random name or order of a set gets in, so that pages can be compared."""
    assert page_of(full_report()) == page_of(full_report())


def test_light_and_dark_are_the_systems_choice():
    """Proves that drawings have the page's ink and lines, and no colour of ink of their own."""
    text = page_of(full_report())
    assert "prefers-color-scheme: dark" in text
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "currentColor" in drawings
    assert "var(--line)" in drawings
    assert "#1c1c1d" not in drawings
    assert "#bbbbbc" not in drawings
