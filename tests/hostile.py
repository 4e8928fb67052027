"""Names that somebody could give a label, a bundle, a file or a layer, and what a page makes of them.

The scripts in them set `window.hit`, so that a browser tells whether one has run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.browser import VIEWS, is_there, open_page

HIT = "window.hit=1"
# What a manifest may say: it refuses control characters, line breaks and marks of direction.
PRINTABLE = (
    f'<img src=x onerror="{HIT}">',
    f"</title></style><script>{HIT}</script>",
    f"a`b``<svg onload={HIT}>`",
    "a|b\\|c||",
    f"\"'><b onmouseover={HIT}>",
    "$x^2$ $\\frac$",
    "long" * 75,
    "cat 🐈‍⬛ קט 猫",
    f"![x](http://x.invalid/x.png) [y](javascript:{HIT}) <http://x.invalid> www.x.org me@x.org",
    "=cmd|' /C calc'!A0",
    "# 1. - + ---",
    "&lt;b&gt; &#60;",
    "  a  b  ",
    '<img src="differences.png"> src="none.png"',
)
UNPRINTABLE = (
    f"a\n\n# b\r\n| c | d |\n\n<script>{HIT}</script>",
    "cat\u202egpj.exe\u2066",
    "\x1b[31mred\x1b]0;title\x07\x9b2J\r",
    "\x02wzxhzdk:0\x03",
    "b\udce4r",
    "half \ud83d",
)
NAMES = (*PRINTABLE, *UNPRINTABLE)

needs_browser = pytest.mark.skipif(
    not is_there(), reason="Chromium and its driver are not installed: apt-get install chromium chromium-driver"
)


@contextmanager
def opened(page: str, folder: Path, *, view: str = "desktop-light", policy: bool = True) -> Iterator[Any]:
    """Give a driver that shows a page, and see that nothing in it ran, complained or was loaded.

    Args:
        page: the page.
        folder: where it is written.
        view: a key of `VIEWS`.
        policy: leave its content security policy in; without it, the escapes alone must hold.
    """
    pytest.importorskip("selenium")
    assert page.count("http-equiv") == 1
    path = folder / "page.html"
    path.write_text(page if policy else page.replace("http-equiv", "name"), encoding="utf-8")
    with open_page(path, VIEWS[view]) as driver:
        yield driver
        assert driver.execute_script("return window.hit") is None
        assert driver.execute_script("return document.scripts.length") == 0
        assert driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
        handlers = "[...e.attributes].filter(a => a.name.startsWith('on'))"
        assert driver.execute_script(f"return [...document.querySelectorAll('*')].flatMap(e => {handlers})") == []
        links = "return [...document.querySelectorAll('a[href], img[src]')].map(e => e.href || e.src)"
        assert all(found.startswith("data:image/") for found in driver.execute_script(links))
        assert driver.get_log("browser") == []


def texts(driver: Any, selector: str) -> list[str]:
    """Return the text of each element, as it is before lines are laid out."""
    found: list[str] = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(element => element.textContent)", selector
    )
    return found
