"""The site builds, and every page of docs has its place in it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.examples import ROOT, script

check_site = script("check_site")
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def test_every_page_is_in_the_navigation() -> None:
    """Proves that each page under docs has one place in the navigation, and each place a page."""
    assert check_site.navigation_faults(CONFIG, ROOT / "docs") == []


def test_a_page_says_first_whom_it_is_for() -> None:
    """Proves that every task and reference page begins with whom it is for and what they will have at its end."""
    docs = ROOT / "docs"
    for page in (docs / "index.md", *docs.glob("tasks/*.md"), *docs.glob("reference/*.md")):
        lines = [line for line in page.read_text().splitlines() if line and not line.startswith(("<!--", "#"))]
        assert lines[0].startswith(("This page is for ", "For ")), page.name


def test_faults_of_the_navigation_are_seen(tmp_path: Path) -> None:
    """Proves that a page without a place, a place without a page and a page with two places are each named."""
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("# Page\n")
    found = check_site.navigation_faults({"nav": [{"A": "a.md"}, {"More": ["a.md", "c.md"]}]}, tmp_path)
    assert [line.split(":")[0] for line in found] == ["b.md", "c.md", "a.md"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="none.html">x</a>', "no such file"),
        ('<a href="#none">x</a>', "no anchor"),
        ('<a href="other.html#none">x</a>', "no anchor"),
        ('<a href="../outside.html">x</a>', "no such file"),
        ('<img src="none.png">', "no such file"),
        ('<img src="https://example.org/a.png">', "from the network"),
        ('<script src="//cdn.example.org/a.js"></script>', "from the network"),
        ('<a href="https://example.org">x</a><a href="other.html#there">y</a><img src="data:,">', ""),
    ],
)
def test_faults_of_a_page_are_seen(body: str, fault: str, tmp_path: Path) -> None:
    """Proves that the checker sees each kind of broken link and picture, and nothing wrong with whole ones."""
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").write_text("outside")
    (site / "other.html").write_text('<h1 id="there">Other</h1>')
    (site / "index.html").write_text(body)
    found = check_site.faults(site)
    assert len(found) == bool(fault)
    assert all(fault in line for line in found)


def test_the_site_builds_whole(tmp_path: Path) -> None:
    """Proves that the builder warns of nothing, and that every link, anchor and picture of the site is there."""
    pytest.importorskip("zensical", reason="the site is built with the extra dev")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    config = (ROOT / "mkdocs.yml").read_text().replace("paths: [.]", f"paths: ['{ROOT}']")
    (tmp_path / "mkdocs.yml").write_text(config)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", tmp_path / "mkdocs.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert check_site.faults(tmp_path / "site") == []
