"""report.html: whole by itself, with drawings and photographs in their places, whatever names are called."""

import base64
import io
import os
import re
from functools import cache
from html.parser import HTMLParser

import markdown
import numpy as np
import pytest
from PIL import Image

from benchmarks.report import page
from benchmarks.report.page import write_page
from benchmarks.report.plots import PLOTS
from benchmarks.report.report import SHOWN_DISAGREEMENTS, write_report
from edge_runtime.picture.preprocessing import Preprocessing, load_picture
from edge_runtime.visible_text import visible
from tests.benchmarks.records import HOSTILE, a_report, full_report, measured, odd

SIZE = Preprocessing(16, 16)
OPEN = {"meta", "link", "img", "br", "hr"}  # tags without an end
ODD_NAMES = (
    *("it's.png", 'a "b".png', "a<b>.png", "a&b;.png", "a|b.png", "a`b.png", "_x_.png", "a  b.png", "a\\1.png"),
    *("[1](2).png", os.fsdecode(b"\xe4.png"), "ä.png", "a\nb.png"),
)


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


@cache
def full_page():
    return page_of(full_report())


def rows_of(report, data):
    """Return the tables of the page with their photographs; the drawings, which take long, are left out."""
    body = markdown.markdown(write_report(report), extensions=["tables"])
    return page._with_photographs(re.sub("<p><img [^>]*></p>", "", body), report, data, SIZE)


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
    text = full_page()
    found = Page(text)
    assert text.startswith("<!doctype html>")
    assert found.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in found.all("meta")
    assert len(found.all("title")) == len(found.all("h1")) == len(found.all("body")) == 1
    assert "<title>Benchmark of pets</title>" in text


def test_the_page_reaches_for_nothing():
    """Proves that no address of another file or of the network is in it, and no script."""
    found = Page(full_page())
    assert found.all("script") == found.all("iframe") == []
    for tag, attributes in found.tags:
        for key in ("src", "href", "xlink:href"):
            assert re.match(r"data:|#|$", attributes.get(key) or ""), (tag, attributes)
    styles = re.findall(r"url\(([^)]*)\)", full_page())
    assert all(address.startswith("#") for address in styles)
    assert "@import" not in full_page()


def test_every_plot_is_drawn_in_its_place():
    """Proves that each plot is an SVG with its title, once, where the Markdown shows a picture."""
    found = Page(full_page())
    figures = [attributes["id"] for attributes in found.all("figure")]
    assert sorted(figures) == sorted(PLOTS)
    assert len(found.all("svg")) == len(PLOTS)
    assert found.all("img") == []
    for title in PLOTS.values():
        assert title in found.words


def test_plots_that_follow_each_other_are_side_by_side():
    """Proves that the first two are in one grid, and that no grid is empty."""
    grids = re.findall(r'<div class="plots">(.*?)</div>', full_page(), re.DOTALL)
    counts = [grid.count("<figure") for grid in grids]
    assert counts[0] == 2
    assert sum(counts) == len(PLOTS)
    assert min(counts) > 0


def test_a_plot_that_there_is_nothing_for_is_left_out():
    """Proves that a report without answers has no confusion matrix and no hole in its place."""
    found = Page(page_of(a_report(measured("int8", 2))))
    assert sorted(attributes["id"] for attributes in found.all("figure")) == sorted(set(PLOTS) - {"confusion"})


def test_names_inside_drawings_do_not_collide():
    """Proves that what one SVG refers to by `#name` is in the same SVG."""
    for drawing in re.findall(r"<svg.*?</svg>", full_page(), re.DOTALL):
        own = set(re.findall(r' id="([^"]+)"', drawing))
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', drawing))
        assert used <= own
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', full_page()))
    marks = [name for name in re.findall(r' id="([^"]+)"', full_page()) if name in used]
    assert len(set(marks)) == len(marks) > 0


def test_wide_tables_scroll_by_themselves():
    """Proves that each table is in a box of its own."""
    text = full_page()
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
    disagreeing(tmp_path, "Cat/1.jpg")
    text = full_page()
    assert "<img" not in text
    assert "data:image" not in text
    assert "<code>Cat/1.jpg</code>" in text


def test_a_single_picture_is_shown_too(tmp_path):
    """Proves that a picture that was measured by itself is found in its own folder."""
    report = disagreeing(tmp_path, "1.png")
    assert len(photographs(rows_of(report, tmp_path / "1.png"))) == 1


def test_a_picture_that_is_gone_or_damaged_is_left_out(tmp_path):
    """Proves that the others are shown and that the name stays."""
    report = disagreeing(tmp_path, "1.png", "2.png", "3.png")
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").write_bytes(b"x")
    text = rows_of(report, tmp_path)
    assert [name for name, _ in photographs(text)] == ["3.png"]
    assert "<code>1.png</code>" in text


def test_as_many_photographs_as_rows(tmp_path):
    """Proves that of 30 disagreements those of the table are embedded and no more."""
    report = disagreeing(tmp_path, *(f"{number}.png" for number in range(30)))
    assert len(photographs(rows_of(report, tmp_path))) == SHOWN_DISAGREEMENTS


def test_pictures_of_any_name_are_shown_in_their_row(tmp_path):
    """Proves that quotes, marks of HTML and Markdown and old letters in a name neither hide nor break anything."""
    report = disagreeing(tmp_path, *ODD_NAMES)
    text = rows_of(report, tmp_path)
    text.encode("utf-8")
    rows = re.findall(r"<td[^>]*><img [^>]*><code>", text)
    assert len(rows) == len(ODD_NAMES)
    for name, (alternative, pixels) in zip(ODD_NAMES, photographs(text), strict=True):
        assert alternative == visible(name)
        assert np.abs(pixels.astype(float) - load_picture(tmp_path / name, SIZE)).mean() < 25


@pytest.mark.parametrize("name", [HOSTILE, "</title><script>1</script>"])
def test_a_bundle_or_label_of_any_name_is_only_words(name):
    """Proves that a bundle from somebody else puts no tag into the page, and is called what it is called."""
    plain = Page(full_page())
    report = full_report(bundle=name, labels=(name, "dog"), disagreements=(odd("stages.png", name),))
    found = Page(page_of(report))
    assert len(found.all("figure")) == len(PLOTS)
    assert [tag for tag, _ in found.tags if tag != "tspan"].count("script") == 0
    for tag in ("b", "img", "a", "td", "tr", "title", "h1", "code", "em"):
        assert len(found.all(tag)) == len(plain.all(tag)), tag
    words = "".join(found.words)
    assert f"Benchmark of {name}" in words
    assert words.count(name) >= 4  # title, heading, label and answer


def test_the_same_report_gives_the_same_page():
    """Proves that no time, random name or order of a set gets in, so that pages can be compared."""
    assert page_of(full_report()) == full_page()


def test_light_and_dark_are_the_systems_choice():
    """Proves that drawings have the page's ink and lines, and no colour of ink of their own."""
    text = full_page()
    assert "prefers-color-scheme: dark" in text
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "currentColor" in drawings
    assert "var(--line)" in drawings
    assert "#1c1c1d" not in drawings
    assert "#bbbbbc" not in drawings
