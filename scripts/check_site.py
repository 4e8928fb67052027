"""Look at every link and picture of the built documentation: python scripts/check_site.py mkdocs.yml.

The builder warns of broken links between Markdown pages. It does not see missing pictures, links in HTML, links
out of the site, a navigation that names no page, or what a browser would fetch from the network. This script does,
and leaves with 1.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

# What a browser fetches by itself when it opens a page.
_FETCHED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "srcset"), ("iframe", "src")}
_NOT_FETCHED = {"canonical", "prev", "next", "alternate", "edit"}


class Page(HTMLParser):
    """The links, pictures and anchors of one page.

    Attributes:
        links: address and whether a browser fetches it by itself.
        anchors: every `id` and `name`.
    """

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.links: list[tuple[str, bool]] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag points to and what points to it."""
        values = {key: value or "" for key, value in attrs}
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        if tag == "link" and _NOT_FETCHED & set(values.get("rel", "").split()):
            return
        for key in ("href", "src", "srcset"):
            if key in values:
                self.links.append((values[key], (tag, key) in _FETCHED))


def faults(site: Path) -> list[str]:
    """Return one line for everything that is broken in a built site."""
    pages = {path.resolve(): Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address, fetched in page.links:
            reason = _fault(site.resolve(), path, (address, fetched), pages)
            if reason and name.name != "404.html":  # its links are from the root of a server
                found.append(f"{name}: {address}: {reason}")
    return found


def _fault(site: Path, path: Path, link: tuple[str, bool], pages: dict[Path, Page]) -> str:
    address, fetched = link
    parts = urlsplit(address)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "a browser would fetch it from the network" if fetched else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_relative_to(site) or not target.exists():
        return "there is no such file in the site"
    known = pages[target].anchors if target in pages else set()
    if parts.fragment and target in pages and unquote(parts.fragment) not in known | {"__skip", "__top"}:
        return f"there is no anchor #{parts.fragment}"
    return ""


def navigation_faults(config: dict[str, Any], docs: Path) -> list[str]:
    """Return one line for each page without a place in the navigation, and for each place without a page."""
    named = sorted(_pages(config["nav"]))
    there = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    twice = {name for name in named if named.count(name) > 1}
    return [
        *(f"{name}: not in the navigation of mkdocs.yml" for name in there if name not in named),
        *(f"{name}: in the navigation, and there is no such page" for name in named if name not in there),
        *(f"{name}: in the navigation more than once" for name in sorted(twice)),
    ]


def _pages(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
        return
    for child in entry.values() if isinstance(entry, dict) else entry:
        yield from _pages(child)


def main() -> None:
    """Print every fault; leave with 1 if there is one."""
    path = Path(sys.argv[1])
    config = yaml.safe_load(path.read_text())
    site = path.parent / config["site_dir"]
    found = navigation_faults(config, path.parent / config["docs_dir"]) + faults(site)
    for line in found:
        print(line)
    count = len(list(site.rglob("*.html")))
    print(f"{len(found)} faults in {count} pages" if found else f"{count} pages, every link and picture is there")
    sys.exit(1 if found or not count else 0)


if __name__ == "__main__":
    main()
