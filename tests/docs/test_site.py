"""The site builds, and every page of docs has its place in it."""

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.examples import ROOT, script

check_site = script("check_site")
cards = script("model_card_page")
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def test_every_page_is_in_the_navigation() -> None:
    """Proves that each page under docs has one place in the navigation, and each place a page."""
    assert check_site.navigation_faults(CONFIG, ROOT / "docs") == []


def test_the_model_card_is_the_one_that_ships() -> None:
    """Proves that the site shows the card as it is in the package, with links that the site has."""
    assert cards.PAGE.read_text() == cards.page(), "run: make docs"
    assert cards.CARD.read_text() == (ROOT / "edge_runtime/pretrained/MODEL_CARD.md").read_text()


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    pytest.importorskip("zensical", reason="the site is built with the extra dev")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    config = (ROOT / "mkdocs.yml").read_text().replace("paths: [.]", f"paths: ['{ROOT}']")
    (folder / "mkdocs.yml").write_text(config)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", folder / "mkdocs.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "site"


def test_the_site_builds_whole(site: Path) -> None:
    """Proves that the builder warns of nothing, and that every link, anchor and picture of the site is there."""
    assert check_site.faults(site) == []


# Loads a page at the width of a phone and writes down what a reader would stumble over.
PHONE = """<body><iframe id="f" src="PAGE" width="390" height="800"></iframe><pre id="found"></pre><script>
f.onload = () => setTimeout(() => {
  const page = f.contentDocument, all = words => [...page.querySelectorAll(words)]
  const look = element => f.contentWindow.getComputedStyle(element)
  const button = page.querySelector(".md-sidebar-button").getBoundingClientRect()
  found.textContent = JSON.stringify({
    broken: all("article table code").filter(code => code.getClientRects().length > 1).map(code => code.innerText),
    wide: page.documentElement.scrollWidth > 390,
    bare: all("article .md-typeset__scrollwrap").filter(wrap => look(wrap).backgroundImage == "none").length,
    columns: all("article .options td").filter(cell => look(cell).display == "table-cell").length,
    over_text: button.bottom > page.querySelector(".md-header").getBoundingClientRect().bottom,
  })
}, 500)
</script></body>"""


@pytest.mark.parametrize("name", ["reference/output", "reference/command-line-edge", "reference/exit-codes"])
def test_tables_can_be_read_on_a_phone(site: Path, name: str, tmp_path: Path) -> None:
    """Proves that code in tables is whole, wide tables show that they scroll, and no button covers the text."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("a phone is imitated with chromium: apt-get install chromium")
    (tmp_path / "phone.html").write_text(PHONE.replace("PAGE", (site / f"{name}.html").as_uri()))
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files"]
    command = [chromium, *options, "--virtual-time-budget=5000", "--dump-dom", (tmp_path / "phone.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout)
    assert found, done.stderr
    expected = {"broken": [], "wide": False, "bare": 0, "columns": 0, "over_text": False}
    assert json.loads(html.unescape(found.group(1))) == expected
