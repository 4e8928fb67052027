"""The Markdown of all packages: tables, and foreign names that must not become markup."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.markdown import bold, code, literal, table
from edge_runtime.visible_text import visible
from tests.hostile import NAMES as HOSTILE

NAMES = [
    *HOSTILE,
    "cat",
    "Käse",
    "maine_coon",
    "a|b",
    "<script>",
    "&amp;",
    "`x`",
    "**x**",
    "[x](y)",
    "_x_",
    "a\\",
    "~~x~~",
]


def shown(text):
    """Return the text that a browser shows for Markdown, and the tags that it contains."""
    markdown = pytest.importorskip("markdown")
    from html.parser import HTMLParser

    found, tags = [], []
    parser = HTMLParser()
    parser.handle_data = found.append
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)
    parser.feed(markdown.markdown(text, extensions=["tables"]))
    return "".join(found), tags


def test_a_table_has_a_row_for_each():
    """Proves that the first column is aligned left and the others right."""
    assert table(("a", "b"), [("1", "2"), ("3", "4")]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n| 3 | 4 |\n"


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_letter_by_letter(name):
    """Proves that a reader sees exactly the name, and that it makes no tag, in text and as code."""
    assert shown(f"x {literal(name)} y") == (f"x {visible(name)} y", ["p"])
    assert shown(f"x {code(name)} y") == (f"x {visible(name)} y", ["p", "code"])
    assert shown(f"x {bold(name)} y") == (f"x {visible(name)} y", ["p", "strong"])


@pytest.mark.parametrize("name", NAMES)
def test_names_begin_nothing(name):
    """Proves that a name at the beginning of a line, heading or list makes no other heading, list or code of it."""
    assert shown(literal(name)) == (visible(name), ["p"])
    assert shown(f"# {literal(name)}") == (visible(name), ["h1"])
    text, tags = shown(f"- {literal(name)}")
    assert (text.strip("\n"), tags) == (visible(name), ["ul", "li"])
    assert shown(f"![{literal(name)}](x.png)")[1] == ["p", "img"]


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_in_their_cell(name):
    """Proves that a row with any name has two cells."""
    text, tags = shown(table(("a", name), [(code(name), name)]))
    assert (tags.count("td"), tags.count("th"), tags.count("code")) == (2, 2, 1)
    assert text.split() == ["a", *visible(name).split() * 3]


@pytest.mark.parametrize("name", ["cat", "model.int8.tflite", "Cat/12 (1).jpg", "maine_coon", "Käse", "a#1 2. b"])
def test_plain_names_stay_as_they_are(name):
    """Proves that a plain name is not escaped, so that the Markdown itself can be read."""
    assert literal(name) == name
    assert code(name) == f"`{name}`"


@pytest.mark.parametrize(
    "figures", ["97.50% [96.1%, 98.5%]", "-0.30 points [-0.88, +0.08]", "[1, 64, 64, 3]", "1e-05"]
)
def test_figures_stay_as_they_are(figures):
    """Proves that a table of figures can be read in the Markdown itself, and that no link comes of them."""
    assert literal(figures) == figures
    assert shown(f"{figures} x") == (f"{figures} x", ["p"])
    for link in ("[1](2)", "[1][2]", "[1]: 2"):
        assert shown(literal(link)) == (link, ["p"])


@settings(deadline=None)
@given(st.text(max_size=30))
def test_whatever_a_name_is_it_is_one_line_that_can_be_written(name):
    """Proves that any name gives one line of UTF-8 without a character of Markdown, HTML or tables."""
    text = literal(name)
    assert len(text.encode("utf-8").splitlines()) <= 1
    assert not set(text) & set("<>|`*\\~$@")
    assert html.unescape(text) == visible(name)


def test_names_that_are_not_utf8_are_shown_as_their_code():
    """Proves that a name that is not UTF-8 is written as its code."""
    assert html.unescape(literal("b\udce4r")) == r"b\udce4r"
