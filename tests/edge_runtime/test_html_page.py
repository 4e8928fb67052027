"""The frame of pages."""

from html.parser import HTMLParser

import pytest

from edge_runtime.html_page import POLICY, html_page, html_text
from edge_runtime.visible_text import visible
from tests.hostile import NAMES


class Reader(HTMLParser):
    """Reads the tags of a page, their attributes, and the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_and_values(name: str) -> None:
    """Proves that a name is one text, and one value of an attribute in quotes of either kind."""
    page = Reader(f"<a title=\"{html_text(name)}\" lang='{html_text(name)}'>{html_text(name)}</a>")
    assert page.tags == [("a", {"title": visible(name), "lang": visible(name)})]
    assert "".join(page.words) == visible(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_policy_before_all_that_it_holds(name: str) -> None:
    """Proves that the policy comes before style, title and body, allows no script, and the title is a title."""
    page = Reader(html_page(name, "a {}", "<p>b</p>"))
    tags = [tag for tag, _ in page.tags]
    assert tags == ["html", "head", "meta", "meta", "meta", "link", "title", "style", "body", "p"]
    assert page.tags[3][1] == {"http-equiv": "Content-Security-Policy", "content": POLICY}
    assert "script" not in POLICY
    assert POLICY.startswith("default-src 'none';")
    assert visible(name) in page.words
