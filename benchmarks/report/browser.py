"""Open a report in a headless Chromium, and take screenshots of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.errors import BenchmarkError

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class View(NamedTuple):
    """A window: its width and height in CSS pixels, and whether the system is set to dark."""

    width: int
    height: int
    dark: bool


VIEWS = {
    "desktop-light": View(1280, 1600, False),
    "desktop-dark": View(1280, 1600, True),
    "phone-light": View(390, 1600, False),
}


def is_there() -> bool:
    """Return whether Chromium and its driver are installed."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def open_page(path: Path, view: View) -> Iterator[Any]:
    """Give a Selenium driver that shows a page. It has its own profile and needs no network.

    Raises:
        BenchmarkError: Chromium or its driver is not installed.
    """
    if not is_there():
        raise BenchmarkError(
            "Chromium or its driver is not installed. Debian: apt install chromium chromium-driver"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # Without a path Selenium looks for a driver on the network.
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            size = {"width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": view.width < 600}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if view.dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            driver.get(path.resolve().as_uri())
            yield driver
        finally:
            driver.quit()


def take_screenshots(page: Path, out: Path) -> tuple[Path, ...]:
    """Write a screenshot of the top of the page for each view of `VIEWS`, as `screenshot-NAME.png`."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, view in VIEWS.items():
        with open_page(page, view) as driver:
            path = out / f"screenshot-{name}.png"
            driver.save_screenshot(str(path))
            paths.append(path)
    return tuple(paths)


if __name__ == "__main__":
    for written in take_screenshots(Path(sys.argv[1]), Path(sys.argv[2])):
        print(written)
