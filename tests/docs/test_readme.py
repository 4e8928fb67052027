"""The README stays one that is read in two minutes, and CONTRIBUTING names files that are there."""

import re

from tests.docs.examples import ROOT, examples

README = ROOT / "README.md"
TEXT = README.read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
WORDS, PICTURES, OUTPUT_LINES = 600, 2, 10


def test_it_has_at_most_600_words() -> None:
    """Proves that the README has at most 600 words, code included, as `wc -w` counts them."""
    assert len(TEXT.split()) <= WORDS


def test_it_has_at_most_two_pictures_and_they_exist() -> None:
    """Proves that the README shows at most two pictures, which lie in the project and say what they show."""
    pictures = re.findall(r'!\[([^\]]*)\]\(([^)]+)\)|<img[^>]*?src="([^"]+)"[^>]*>', TEXT)
    paths = [markdown or html for _, markdown, html in pictures]
    assert 1 <= len(paths) <= PICTURES
    assert all((ROOT / path).exists() for path in paths)
    assert len(re.findall(r"!\[[^\]]{20,}\]|alt=\"[^\"]{20,}\"", TEXT)) == len(paths)


def test_no_output_is_longer_than_ten_lines() -> None:
    """Proves that the README prints no long output."""
    for example in examples(README):
        if example.language == "console":
            assert all(len(said.splitlines()) <= OUTPUT_LINES for _, said in example.commands()), example.where


def test_its_links_and_paths_are_for_everyone() -> None:
    """Proves that the README links to files of the project only, and to nothing that only we have."""
    assert "../" not in TEXT
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_paths_of_contributing_exist() -> None:
    """Proves that every file of the project that CONTRIBUTING names is there, but for those that a recipe makes."""
    named = re.findall(r"`((?:edge_runtime|trainer|exporter|benchmarks|tests|docs|scripts)/[^`]*)`", CONTRIBUTING)
    made = ("NAME", "_N.json")
    assert [path for path in named if not any(word in path for word in made) and not (ROOT / path).exists()] == []
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", CONTRIBUTING)
    assert [link for link in links if not (ROOT / link).exists()] == []
