"""The page in a real headless Chromium: its rows, its plots, its colours, and that it reaches for nothing."""

import re

import pytest
from PIL import Image

from benchmarks.report.browser import VIEWS, is_there, open_page, take_screenshots
from benchmarks.report.page import write_page
from benchmarks.report.plots import PLOTS
from edge_runtime.picture.preprocessing import Preprocessing
from tests.benchmarks.records import full_report, odd

pytestmark = pytest.mark.skipif(
    not is_there(), reason="Chromium and its driver are not installed: apt-get install chromium chromium-driver"
)


@pytest.fixture(scope="module", params=list(VIEWS))
def view(request):
    return VIEWS[request.param]


@pytest.fixture(scope="module")
def page(measured, view):
    """A driver that shows the report of the small bundle."""
    pytest.importorskip("selenium")
    with open_page(measured[0] / "report" / "report.html", view) as driver:
        yield driver


def test_every_configuration_has_its_row(page):
    """Proves that the latency table names both files, and its best median is in bold."""
    rows = page.execute_script(
        "return [...document.querySelectorAll('table')[0].rows].map(row => [...row.cells].map(c => c.innerText))"
    )
    assert rows[0][:4] == ["file", "backend", "threads", "median"]
    assert {row[0] for row in rows[1:]} == {"model.float32.tflite", "model.int8.tflite"}
    assert page.execute_script(
        "return document.querySelectorAll('table')[0].rows[1].cells[3].querySelector('strong')"
    )


def test_every_plot_is_drawn(page):
    """Proves that each has an area, a legible size, many shapes, and words of its own."""
    drawn = page.execute_script(
        "return [...document.querySelectorAll('figure.plot')].map(figure => {"
        " const svg = figure.querySelector('svg'), box = svg.getBoundingClientRect();"
        " return [figure.id, box.width, box.height, svg.querySelectorAll('path').length, svg.textContent.length]})"
    )
    assert {name for name, *_ in drawn} == set(PLOTS)
    for name, width, height, shapes, letters in drawn:
        assert width > 300, name
        assert height > 100, name
        assert shapes >= 10, name
        assert letters > 20, name


def test_it_fits_the_screen(page, view):
    """Proves that nothing but tables, which scroll by themselves, is wider than the window."""
    assert page.execute_script("return document.documentElement.scrollWidth") <= view.width
    sizes = page.execute_script(
        "return [...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
    )
    assert min(size for size in sizes if size) >= 7


def test_light_and_dark(page, view):
    """Proves that page and letters of the plots change places with the system's setting."""
    back, ink = page.execute_script(
        "return [getComputedStyle(document.body).backgroundColor,"
        " getComputedStyle(document.querySelector('svg text')).fill]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (back, ink)]
    assert (brightness[0] < 60) == view.dark
    assert (brightness[1] > 200) == view.dark


def test_no_errors_and_no_network(page):
    """Proves that the console is silent, and the page has loaded nothing."""
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


def test_a_bundle_from_somebody_else_runs_nothing(tmp_path):
    """Proves that a script in the names of bundle, label and picture is read and not run."""
    pytest.importorskip("selenium")
    script = "<script>document.title = 'mine'</script>"
    report = full_report(bundle=script, labels=(script, "dog"), disagreements=(odd(script, script),))
    path = tmp_path / "report.html"
    path.write_text(write_page(report, data=None, preprocessing=Preprocessing(16, 16)), encoding="utf-8")
    with open_page(path, VIEWS["desktop-light"]) as driver:
        assert driver.title == f"Benchmark of {script}"
        assert driver.find_element("tag name", "h1").text == f"Benchmark of {script}"
        assert driver.execute_script("return document.scripts.length") == 0
        cells = driver.execute_script("return [...document.querySelectorAll('td')].map(cell => cell.textContent)")
        assert cells.count(script) == 2
        assert driver.get_log("browser") == []


def test_screenshots_show_something(measured, tmp_path):
    """Proves that each has the size of its view and many colours; the dark one is dark."""
    pytest.importorskip("selenium")
    paths = take_screenshots(measured[0] / "report" / "report.html", tmp_path)
    assert [path.stem.removeprefix("screenshot-") for path in paths] == list(VIEWS)
    for path, view in zip(paths, VIEWS.values(), strict=True):
        with Image.open(path) as picture:
            assert picture.size == (view.width, view.height)
            assert len(picture.convert("RGB").getcolors(1_000_000)) > 20
            assert (picture.convert("L").getpixel((2, 2)) < 60) == view.dark
